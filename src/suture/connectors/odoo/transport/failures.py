"""What Odoo says went wrong, as failures that say what happens next. The only place that knows Odoo's exceptions.

Odoo's own words may quote a record's values, and a partner's name is a patient's. They are read here, to tell kinds
apart, and never carried along: a failure names model, method and class, and says what to do. `debug` is never read.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from suture.core.failure import Failure, Fatal, Rejected, Retriable, Unknown

GROUPS = {
    "account": "Accounting: Accountant (to create accounts: Administrator)",
    "stock": "Inventory: User (to create locations: Administrator)",
    "product": "Accounting: Administrator, or Products: Create",
    "res.partner": "Contact Creation",
}
_TRANSIENT = (
    "could not serialize access",
    "could not obtain lock",
    "deadlock detected",
    "canceling statement due to lock timeout",
    "duplicate key value violates unique constraint",  # two racing for one new external id: the next look finds it
)
_NOT_ALLOWED = "You are not allowed to"
_NO_SUCH_EXTERNAL_ID = "No matching record found for external id '"


class OdooError(msgspec.Struct, frozen=True):
    """An error's name (an exception class with its module) and message, the same on every transport."""

    name: str = ""
    message: str = ""


class _Rule(msgspec.Struct, frozen=True):
    failure: type[Failure]
    code: str
    says: str
    remedy: str = ""


_LOOK_BY_HAND = (
    "Try the same step by hand in Odoo without saving: Odoo names the field. Correct it, then retry the exception."
)
_NOT_UNDERSTOOD = _Rule(
    Fatal,
    "not_understood",
    "does not know the requested model, field or method",
    "This Odoo lacks a module that Suture needs (Invoicing, Inventory), or its version is not supported.",
)
_REFUSED = _Rule(Rejected, "refused_by_odoo", "refused by its own rules", _LOOK_BY_HAND)
_BUSY = _Rule(Retriable, "busy", "was busy with the same records")
_DENIED = _Rule(
    Fatal, "credentials_refused", "refused the credentials", "Renew the API key of Odoo that the catalogue names."
)

_RULES: dict[str, _Rule] = {
    "odoo.exceptions.AccessDenied": _DENIED,
    "odoo.exceptions.AccessError": _Rule(Fatal, "access_missing", "does not let the integration user do this"),
    "odoo.exceptions.MissingError": _Rule(
        Rejected, "record_missing", "no longer has a record that was there before", "Someone deleted it: restore it."
    ),
    "odoo.exceptions.ValidationError": _REFUSED,
    "odoo.exceptions.UserError": _REFUSED,
    "odoo.exceptions.RedirectWarning": _REFUSED,
    "odoo.exceptions.LockError": _BUSY,
    "odoo.exceptions.ConcurrencyError": _BUSY,
    "psycopg2.errors.SerializationFailure": _BUSY,
    "psycopg2.errors.DeadlockDetected": _BUSY,
    "psycopg2.errors.LockNotAvailable": _BUSY,
    "psycopg2.errors.UniqueViolation": _BUSY,
    "psycopg2.errors.QueryCanceled": _BUSY,
    "psycopg2.errors.InFailedSqlTransaction": _BUSY,
    "psycopg2.OperationalError": _BUSY,
    "psycopg2.InterfaceError": _BUSY,
    "psycopg2.pool.PoolError": _BUSY,
    "odoo.sql_db.PoolError": _BUSY,
    "werkzeug.exceptions.NotFound": _NOT_UNDERSTOOD,
    "werkzeug.exceptions.UnprocessableEntity": _NOT_UNDERSTOOD,
    "werkzeug.exceptions.BadRequest": _NOT_UNDERSTOOD,
    "werkzeug.exceptions.Forbidden": _Rule(Fatal, "access_missing", "does not let the integration user do this"),
    "werkzeug.exceptions.Unauthorized": _DENIED,
}
_OTHERWISE = _Rule(Rejected, "odoo_error", "failed inside", "Look for the error in Odoo's log at this time.")


def translate(model: str, method: str, error: OdooError) -> Failure:
    """The failure for an error that Odoo answered. The call was one transaction: nothing of it happened.

    An error without a name isn't Odoo's own but of something before it, which may have cut off a finished call.
    """
    if not error.name:
        return Unknown("no_answer", f"a proxy in front of Odoo answered in its place ({model}.{method})")
    rule = _rule(error)
    message = f"Odoo {rule.says} ({model}.{method}, {error.name.rpartition('.')[2]})"
    remedy = _grant(model) if rule.code == "access_missing" else rule.remedy
    return rule.failure(rule.code, message, remedy)


def _rule(error: OdooError) -> _Rule:
    if error.name == "psycopg2.OperationalError" and "does not exist" in error.message:
        return _Rule(Fatal, "database_unknown", "has no such database", "Correct the database in the catalogue.")
    if error.name == "odoo.exceptions.UserError" and any(word in error.message for word in _TRANSIENT):
        return _BUSY  # 19 wraps what PostgreSQL said about a lock into a UserError
    if error.name.startswith("builtins.") and _names_schema(error.message):
        return _NOT_UNDERSTOOD
    if error.name == "odoo.exceptions.UserError" and error.message.startswith("Object "):
        return _NOT_UNDERSTOOD  # JSON-RPC's way to say that there is no such model
    return _RULES.get(error.name, _OTHERWISE)


def _names_schema(message: str) -> bool:
    """A model, field or method that isn't there, as Odoo's own ValueError, KeyError and AttributeError put it."""
    return any(word in message for word in ("Invalid field", "doesn't exist", "does not exist", "unexpected keyword"))


def _grant(model: str) -> str:
    for prefix, group in GROUPS.items():
        if model.startswith(prefix):
            return f"Give the integration user '{group}' in Odoo (Settings, Users); docs/odoo.md lists all it needs."
    return "Give the integration user the rights that docs/odoo.md lists."


def not_odoo(status: int, *, reading: bool) -> Failure:
    """The failure for an answer that isn't JSON: Odoo answers HTML to a wrong database, address or content type."""
    if status in (400, 404, 405, 415):
        return Fatal(
            "not_odoo",
            f"Odoo returned a web page instead of data ({status})",
            "Check address and database of Odoo in the catalogue; JSON-2 needs Odoo 19 or later.",
        )
    answer = f"the response from Odoo's address is not Odoo's ({status})"
    return Retriable("no_answer", answer) if reading else Unknown("no_answer", answer)


def translate_load(model: str, messages: Sequence[dict[str, Any]]) -> Failure:
    """The failure for what `load` answered as ``ids: false`` and messages. Nothing of the call happened."""
    texts = [str(message.get("message", "")) for message in messages]
    if any(word in text for text in texts for word in _TRANSIENT):
        return Retriable("busy", f"Odoo was busy with the same records ({model}.load)")
    if any(text.startswith(_NOT_ALLOWED) for text in texts):
        return translate(model, "load", OdooError("odoo.exceptions.AccessError"))
    missing = sorted({_external_id(text) for text in texts if text.startswith(_NO_SUCH_EXTERNAL_ID)})
    if missing:
        return Rejected(
            "not_in_odoo",
            f"Odoo has no {', '.join(missing)}",
            "Add it to the catalogue and run `suture prepare`, or restore it in Odoo if someone deleted it; then"
            " retry the exception.",
        )
    fields = sorted({str(message["field"]) for message in messages if message.get("field")})
    where = f" in {', '.join(fields)}" if fields else ""
    return Rejected("not_importable", f"Odoo can't import {model}{where}", _LOOK_BY_HAND)


def _external_id(text: str) -> str:
    return text.removeprefix(_NO_SUCH_EXTERNAL_ID).partition("'")[0]


def one_item_at_fault(error: Exception) -> bool:
    """Whether a batch that failed so is worth splitting: its cause may sit in one item."""
    return isinstance(error, Rejected)
