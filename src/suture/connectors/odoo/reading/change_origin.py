"""Whose change it was, and what it means. Pure: from a row as it stands and what we left in it.

Nothing of a person is carried along: ids, references, names of fields, numbers and amounts only.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec

from suture.connectors.odoo.records.crosswalk import changed_fields
from suture.connectors.odoo.records.names import MODULE
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import ChangeKind, LedgerChange
from suture.core.money import Money, round_money
from suture.store.crosswalk import Known

_SETTLED = frozenset({"paid", "in_payment", "partial", "reversed"})
_INVOICES = frozenset({"out_invoice", "out_refund", "in_invoice", "in_refund"})
_KINDS = {"Payer": "payer", "Patient": "patient", "Practitioner": "practitioner"}


def version_of(row: Row) -> str:
    """One state of a record: when it was written, to Odoo's second, and a digest of what was read of it."""
    return f"{row['write_date']}/{_digest(row)}"


def _digest(told: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(told, order="sorted"), digest_size=8).hexdigest()


def moment_of(row: Row) -> datetime:
    return datetime.fromisoformat(row["write_date"]).replace(tzinfo=UTC)


def of_move(
    row: Row,
    known: Known | None,
    fingerprints: Mapping[str, str],
    *,
    us: int,
    currency: str,
    twin_of: str = "",
    settled_by: Sequence[int] = (),
) -> LedgerChange | None:
    """What somebody else did to a journal entry or invoice. `twin_of` is the visit whose invoice a document of
    somebody else's names as its own reference; `settled_by` are the reconciliations with somebody else's documents.

    A version is of what is told alone: what follows from it, a document that is paid or credited, or a customer's new
    name on it, tells the same thing again.
    """

    def told(kind: ChangeKind, what: str, reference: str, fields: tuple[str, ...], of: object) -> LedgerChange:
        change = _with_amounts(_change(row, kind, what, reference, fields), row, currency)
        return msgspec.structs.replace(change, version=f"{what}/{_digest(of)}")

    if known is None:
        by_person = row["create_uid"] != us and row["state"] == "posted" and row["move_type"] in _INVOICES
        if not by_person:
            return None
        reference, fields = twin_of or f"odoo/account.move/{row['id']}", ("ref",) if twin_of else ()
        return told("invoice", "posted", reference, fields, [reference, row["name"], row["amount_total"]])
    kind: ChangeKind = "invoice" if known.name.startswith(f"{MODULE}.invoice_") else "entry"
    if not known.fingerprints:
        posted = row["state"] == "posted" and row["write_uid"] != us
        return told(kind, "posted", known.key, (), row["name"]) if posted else None
    if changed := changed_fields(known, fingerprints):
        what = {"cancel": "cancelled", "draft": "reopened"}.get(row["state"], "changed")
        return told(kind, what, known.key, changed, [[field, fingerprints[field]] for field in changed])
    if settled_by and may_be_settled(row, known, fingerprints, us=us):
        return told(kind, "paid", known.key, (), [row["payment_state"], row["amount_residual"], *settled_by])
    return None


def may_be_settled(row: Row, known: Known | None, fingerprints: Mapping[str, str], *, us: int) -> bool:
    """Whether somebody else may have settled an invoice of ours; that it was written last by somebody says no more than
    that: a customer's new name is written on it as well."""
    return (
        known is not None
        and known.name.startswith(f"{MODULE}.invoice_")
        and bool(known.fingerprints)
        and not changed_fields(known, fingerprints)
        and row["payment_state"] in _SETTLED
        and row["write_uid"] != us
    )


def of_partner(row: Row, known: Known | None, fingerprints: Mapping[str, str], *, us: int) -> LedgerChange | None:
    """What somebody else did to a contact of ours, or to a supplier: those are Odoo's own."""
    if row["write_uid"] == us:
        return None
    if known is not None and known.fingerprints:
        changed = changed_fields(known, fingerprints)
        kind = cast(ChangeKind, _KINDS.get(known.key.partition("/")[0], "patient"))
        if not changed:
            return None
        change = _change(row, kind, "changed", known.key, changed)
        return msgspec.structs.replace(change, version=f"changed/{_digest([[f, fingerprints[f]] for f in changed])}")
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
