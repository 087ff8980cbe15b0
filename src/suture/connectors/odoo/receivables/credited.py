"""What was credited of invoices, by whomever: credit notes that say which invoice they reverse, those that a person
reconciled with one, and those that only carry its reference. And what undoes entries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import source
from suture.connectors.odoo.transport.client import Row

_PARTIAL = "account.partial.reconcile"
_FIELDS = ("name", "ref", "move_type", "amount_total", "invoice_origin", "reversed_entry_id", "write_date")


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note on an invoice, or an entry that undoes another. `kind` is ``correction`` for a part that we
    credited, ``credit`` for any other; `ours` whether we wrote it: what a person copied of ours says so, too."""

    move: int
    kind: str
    number: str
    ref: str
    amount: Decimal
    changed: Any
    ours: bool = False


async def credits_of(
    session: CompanySession, rows: Sequence[Row], common: Sequence[Any], named: Mapping[int, Sequence[Row]]
) -> dict[int, list[Credit]]:
    """By document. `named` are credit notes of somebody else that carry an invoice's reference, by invoice."""
    found: dict[int, dict[int, Credit]] = defaultdict(dict)
    ids = [row["id"] for row in rows]
    if not ids:
        return {}
    domain = [["reversed_entry_id", "in", ids], ["state", "=", "posted"], *common]
    for row in await session.odoo.search("account.move", domain, _FIELDS):
        found[row["reversed_entry_id"]][row["id"]] = _credit(session, row, Decimal(str(row["amount_total"])))
    for invoice, amount, row in await _applied(session, [r["id"] for r in rows if r["move_type"] == "out_invoice"]):
        found[invoice].setdefault(row["id"], _credit(session, row, amount))
    for invoice, notes in named.items():
        for row in notes:
            found[invoice].setdefault(row["id"], _credit(session, row, Decimal(str(row["amount_total"]))))
    known = await session.crosswalk.by_record("account.move", [credit for of in found.values() for credit in of])
    return {
        move: [msgspec.structs.replace(one, ours=one.move in known) for one in of.values()]
        for move, of in found.items()
    }


async def _applied(session: CompanySession, invoices: Sequence[int]) -> list[tuple[int, Decimal, Row]]:
    """Credit notes that were reconciled with these invoices, each with how much of it."""
    if not invoices:
        return []
    domain = [
        ["debit_move_id.move_id", "in", list(invoices)],
        ["credit_move_id.move_id.move_type", "=", "out_refund"],
    ]
    partials = await session.odoo.search(_PARTIAL, domain, ["debit_move_id", "credit_move_id", "debit_amount_currency"])
    return await _with_notes(session, partials)


async def _with_notes(session: CompanySession, partials: Sequence[Row]) -> list[tuple[int, Decimal, Row]]:
    if not partials:
        return []
    items = sorted({one[side] for one in partials for side in ("debit_move_id", "credit_move_id")})
    move_of = {
        i: row["move_id"] for i, row in (await session.odoo.read("account.move.line", items, ["move_id"])).items()
    }
    notes = await session.odoo.read(
        "account.move", sorted({move_of[one["credit_move_id"]] for one in partials}), _FIELDS
    )
    return [
        (
            move_of[one["debit_move_id"]],
            Decimal(str(one["debit_amount_currency"])),
            notes[move_of[one["credit_move_id"]]],
        )
        for one in partials
    ]


async def applied_to_ours(session: CompanySession, notes: Collection[int], marks: Iterable[str]) -> set[int]:
    """Which of these credit notes were reconciled with an invoice of ours."""
    if not notes:
        return set()
    domain = [
        ["credit_move_id.move_id", "in", sorted(notes)],
        ["debit_move_id.move_id.invoice_origin", "in", list(marks)],
    ]
    partials = await session.odoo.search(_PARTIAL, domain, ["debit_move_id", "credit_move_id", "debit_amount_currency"])
    return {row["id"] for _, _, row in await _with_notes(session, partials)}


def _credit(session: CompanySession, row: Row, amount: Decimal) -> Credit:
    correction = row["invoice_origin"] == source("correction", session.organisation)
    return Credit(
        move=row["id"],
        kind="correction" if correction else "credit",
        number=row["name"],
        ref=row["ref"] or "",
        amount=amount,
        changed=row["write_date"],
    )
