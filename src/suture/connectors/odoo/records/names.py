"""External ids (`ir.model.data`): deterministic, so that a second attempt meets the first one's records."""

from suture.core.ids import external_name

MODULE = "suture"
_COMPOUND = ("invoice_patient", "analytic_plan")


def external_id(kind: str, key: str) -> str:
    """The full external id of our record of `kind` for `key`, for example ``suture.invoice_A1``."""
    return f"{MODULE}.{external_name(kind, key)}"


def kind_of(name: str) -> str:
    """The kind in an external id: ``invoice`` in ``suture.invoice_A1``. Kinds of two words come before their first."""
    plain = name.removeprefix(f"{MODULE}.")
    return next((kind for kind in _COMPOUND if plain.startswith(f"{kind}_")), plain.partition("_")[0])


def line_id(document: str, position: int | str) -> str:
    """The external id of a document's line; without one, Odoo would add the line again on a second load."""
    return f"{document}_{position}"


def source(kind: str, organisation: str) -> str:
    """What our documents say in `account.move.invoice_origin`, by which they are recognised and counted."""
    return f"Suture {kind} ({organisation})"


def mark(entry: str) -> str:
    """What an entry's line and the item that it settles both say in `account.move.line.matching_number`: Odoo
    reconciles what has the same temporary number (it begins with an I) once all of it is posted."""
    return f"I{entry}"
