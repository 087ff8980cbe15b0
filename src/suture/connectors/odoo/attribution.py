"""Whose change it was, and what it means. Pure: from a row as it stands and what we left in it.

Nothing of a person is carried along: ids, references, names of fields, numbers and amounts only.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec

from suture.connectors.odoo.client import Row
from suture.connectors.odoo.crosswalk import changed_fields
from suture.connectors.odoo.names import MODULE
from suture.connectors.port import ChangeKind, LedgerChange
from suture.core.money import Money, round_money
from suture.store.crosswalk import Known

_SETTLED = frozenset({"paid", "in_payment", "partial", "reversed"})
_INVOICES = frozenset({"out_invoice", "out_refund", "in_invoice", "in_refund"})
_KINDS = {"Payer": "payer", "Patient": "patient", "Practitioner": "practitioner"}


def version_of(row: Row) -> str:
    """One state of a record: when it was written, to Odoo's second, and a digest of what was read of it."""
    digest = hashlib.blake2b(msgspec.json.encode(row, order="sorted"), digest_size=8).hexdigest()
    return f"{row['write_date']}/{digest}"


def moment_of(row: Row) -> datetime:
    return datetime.fromisoformat(row["write_date"]).replace(tzinfo=UTC)


def of_move(
    row: Row, known: Known | None, prints: Mapping[str, str], *, us: int, currency: str, twin_of: str = ""
) -> LedgerChange | None:
    """What somebody else did to a journal entry or invoice. `twin_of` is the visit whose invoice a document of
    somebody else's names as its own reference."""

    def told(kind: ChangeKind, what: str, reference: str, fields: tuple[str, ...] = ()) -> LedgerChange:
        return _with_amounts(_change(row, kind, what, reference, fields), row, currency)

    if known is None:
        by_person = row["create_uid"] != us and row["state"] == "posted" and row["move_type"] in _INVOICES
        if not by_person:
            return None
        fields = ("ref",) if twin_of else ()
        return told("invoice", "posted", twin_of or f"odoo/account.move/{row['id']}", fields)
    kind: ChangeKind = "invoice" if known.name.startswith(f"{MODULE}.invoice_") else "entry"
    if not known.prints:
        posted = row["state"] == "posted" and row["write_uid"] != us
        return told(kind, "posted", known.key) if posted else None
    changed = changed_fields(known, prints)
    if changed:
        what = {"cancel": "cancelled", "draft": "reopened"}.get(row["state"], "changed")
        return told(kind, what, known.key, changed)
    if kind == "invoice" and row["payment_state"] in _SETTLED and row["write_uid"] != us:
        return told(kind, "paid", known.key)
    return None


def of_partner(row: Row, known: Known | None, prints: Mapping[str, str], *, us: int) -> LedgerChange | None:
    """What somebody else did to a contact of ours, or to a supplier: those are Odoo's own."""
    if row["write_uid"] == us:
        return None
    if known is not None and known.prints:
        changed = changed_fields(known, prints)
        kind = cast(ChangeKind, _KINDS.get(known.key.partition("/")[0], "patient"))
        return _change(row, kind, "changed", known.key, changed) if changed else None
    if row["supplier_rank"] <= 0:
        return None
    what = "registered" if row["create_date"] == row["write_date"] else "updated"
    return _change(row, "supplier", what, known.key if known else f"odoo/res.partner/{row['id']}")


def of_product(row: Row, name: str, *, us: int) -> LedgerChange | None:
    """What somebody else did to a product of ours, whose external id is `name`."""
    if row["write_uid"] == us or not name.startswith(f"{MODULE}.product_"):
        return None
    return _change(row, "service", "updated", row["default_code"] or name)


def of_receipt(row: Row, quantities: dict[str, Decimal], *, us: int, ours: int) -> LedgerChange | None:
    """Goods that came in; what comes back from our location of consumed articles is our own return."""
    if row["location_id"] == ours or row["create_uid"] == us:
        return None
    change = _change(row, "receipt", "validated", f"odoo/stock.picking/{row['id']}")
    return msgspec.structs.replace(change, number=row["name"], quantities=quantities)


def deleted(known: Known, at: datetime) -> LedgerChange:
    """A record of ours that is there no more."""
    kind: ChangeKind = "entry"
    if known.model == "res.partner":
        kind = cast(ChangeKind, _KINDS.get(known.key.partition("/")[0], "patient"))
    elif known.name.startswith(f"{MODULE}.invoice_"):
        kind = "invoice"
    return LedgerChange(
        kind=kind,
        what="deleted",
        reference=known.key or known.name,
        record=known.record,
        at=at,
        version=f"deleted/{known.name}",
        name=known.name,
    )


def _change(row: Row, kind: ChangeKind, what: str, reference: str, fields: tuple[str, ...] = ()) -> LedgerChange:
    return LedgerChange(
        kind=kind,
        what=what,
        reference=reference,
        record=row["id"],
        at=moment_of(row),
        version=version_of(row),
        fields=fields,
    )


def _with_amounts(change: LedgerChange, row: Row, currency: str) -> LedgerChange:
    return msgspec.structs.replace(
        change,
        number=row["name"] or "",
        state=str(row["payment_state"] or row["state"]),
        total=_money(row["amount_total"], currency),
        residual=_money(row["amount_residual"], currency),
    )


def _money(amount: Any, currency: str) -> Money:
    return Money(round_money(Decimal(str(amount)), currency), currency)
