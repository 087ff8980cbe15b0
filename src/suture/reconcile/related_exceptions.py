"""Exceptions and discrepancies that tell the same thing: what closes one closes the other."""

from collections.abc import Sequence
from datetime import datetime

from suture.store import discrepancies, exceptions
from suture.store.database import Connection
from suture.store.discrepancies import Opened
from suture.store.exceptions import OpenException
from suture.store.recorder import Recorder

CODES = ("twin_in_odoo", "deleted_in_odoo", "changed_in_odoo")
"""What was seen as it happened in the ledger, and reconciliation finds as well."""

_COMPARED = frozenset({"amount_total", "amount_untaxed", "state", "partner_id", "date", "invoice_date"})
"""Fields of documents that some rule compares: of any other nothing is proved."""


def subjects_of(key: str, appointment: str) -> list[str]:
    """How exceptions name what a discrepancy is about."""
    entries = {f"Entry/{one}" for one in (key, appointment) if one}
    return sorted({f"Appointment/{appointment}", f"Payment/{key}", key, *entries})


async def close(
    connection: Connection, recorder: Recorder, closed: Sequence[Opened], at: datetime, by: str
) -> Sequence[int]:
    """Close the exceptions that told what is closed, where nothing else differs of the same; answers their numbers."""
    about = {name for one in closed for name in (one.key, one.appointment) if name}
    still = await discrepancies.open_about(connection, sorted(about))
    fixed = [one for one in closed if one.key not in still and one.appointment not in still]
    asked = sorted({subject for one in fixed for subject in subjects_of(one.key, one.appointment)})
    if not asked:
        return ()
    told = [one for one in await exceptions.of_subjects(connection, asked) if one.state == "open" and _told_too(one)]
    gone = await exceptions.resolve_ids(connection, [one.id for one in told], at, by)
    await recorder.tell_closed(connection, gone, at)
    return [one.number for one in gone]


def is_related(code: str, process: str | None) -> bool:
    """Whether an exception tells what reconciliation would find as well."""
    return code in CODES and process is None


def _told_too(one: OpenException) -> bool:
    if not is_related(one.code, one.process):
        return False
    of_document = (one.subject or "").startswith(("Appointment/", "Entry/"))
    return not (one.code == "changed_in_odoo" and of_document) or _fields(one.reason) <= _COMPARED


def _fields(reason: str) -> frozenset[str]:
    """The fields that an exception names, in its last brackets."""
    return frozenset(reason.rpartition("(")[2].rstrip(")").split(", "))
