"""Reading back: every posted document of ours as the ledger holds it, a page at a time.

Ours are known by `invoice_origin`, or by going to or coming from our location of consumed articles. An invoice or a
payment's entry that carries one of our references and isn't marked as ours was made by someone else for the same thing:
it is a second fact with the same key, so that reconciliation shows it as a duplicate.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from suture.canonical.records import JournalFact
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.names import source
from suture.connectors.odoo.paging import pages
from suture.connectors.odoo.posting import parse_day
from suture.connectors.port import Span
from suture.core.money import Money, round_money

_KINDS = (
    *("invoice", "patient invoice", "correction", "payment", "accrual"),
    *("writeoff", "refund", "transfer", "remittance", "unbilled"),
)
_TWINS = {"invoice": "out_invoice", "payment": "entry"}
"""What people may write beside ours: recognised by its reference alone. Other entries share theirs with accruals."""
_LINE = "account.move.line"


class Selection(msgspec.Struct, frozen=True):
    """Which documents, as domains: journal entries and invoices, and transfers (None: none of them)."""

    moves: tuple[Any, ...] = ()
    pickings: tuple[Any, ...] | None = ()
    corrected: bool = False
    """Whether corrections are looked for by the invoice that they correct, having no reference of their own to it."""


def dated(span: Span) -> Selection:
    """What is dated within a span. A transfer is of the day for which it was planned, at noon: when it was put through
    is another matter."""
    last = span.last + timedelta(days=1)
    return Selection(
        moves=(["date", ">=", span.first.isoformat()], ["date", "<=", span.last.isoformat()]),
        pickings=(["scheduled_date", ">=", f"{span.first} 00:00:00"], ["scheduled_date", "<", f"{last} 00:00:00"]),
    )


def keyed(appointments: Sequence[str], payments: Sequence[str]) -> Selection:
    return Selection(
        moves=(["ref", "in", [*appointments, *payments]],),
        pickings=(["origin", "in", list(appointments)],),
        corrected=True,
    )


async def facts(books: Books, selection: Selection) -> AsyncIterator[JournalFact]:
    setting = await books.setting()
    marks = {source(kind, books.organisation): kind for kind in _KINDS}
    common = [["state", "=", "posted"], ["company_id", "=", setting.company]]
    fields = _move_fields(books)
    async for page in pages(
        books.odoo, "account.move", [["invoice_origin", "in", list(marks)], *common, *selection.moves], fields
    ):
        twins = await _twins(books, page, common, fields)
        more = await _corrections(books, page, common, fields) if selection.corrected else []
        for fact in await _of_moves(books, [*page, *more], twins, marks):
            yield fact
    if selection.pickings is not None and setting.stock is not None and setting.stock.consumption_location is not None:
        async for fact in _pickings(books, setting.stock.consumption_location, selection.pickings):
            yield fact


def _move_fields(books: Books) -> list[str]:
    undone = "reversal_move_ids" if books.odoo.version >= 18 else "reversal_move_id"
    return [
        *("ref", "name", "state", "move_type", "date", "amount_total", "amount_residual", "currency_id"),
        *("payment_state", "invoice_origin", "partner_id", "reversed_entry_id", "write_date", undone),
    ]


async def _twins(books: Books, page: Sequence[Row], common: Sequence[Any], fields: Sequence[str]) -> list[Row]:
    """What people wrote for the same thing as these."""
    ours = [source(kind, books.organisation) for kind in (*_KINDS, "payment reversal", "twin reversal")]
    twins: list[Row] = []
    for kind, move_type in _TWINS.items():
        mark = source(kind, books.organisation)
        if refs := [row["ref"] for row in page if row["invoice_origin"] == mark]:
            others = [["ref", "in", refs], ["move_type", "=", move_type], ["invoice_origin", "not in", ours]]
            found = await books.odoo.search("account.move", [*others, *common], fields)
            twins += [row | {"invoice_origin": mark} for row in found]
    return twins


async def _corrections(books: Books, page: Sequence[Row], common: Sequence[Any], fields: Sequence[str]) -> list[Row]:
    invoices = [row["id"] for row in page if row["move_type"] == "out_invoice"]
    if not invoices:
        return []
    mark = ["invoice_origin", "=", source("correction", books.organisation)]
    return await books.odoo.search("account.move", [mark, ["reversed_entry_id", "in", invoices], *common], fields)


async def _of_moves(
    books: Books, rows: Sequence[Row], twins: Sequence[Row], marks: dict[str, str]
) -> Iterable[JournalFact]:
    undone = _move_fields(books)[-1]
    codes = (await books.setting()).codes()
    rows = [*rows, *twins]
    turned = await _undone(books, [i for row in rows for i in row[undone]])
    parties = await _parties(books, rows)
    corrected = {row["reversed_entry_id"] for row in rows if row["reversed_entry_id"]}
    refs = await _refs(books, corrected - {row["id"] for row in rows}) | {row["id"]: row["ref"] for row in rows}
    return [
        _move_fact(
            marks[row["invoice_origin"]],
            row,
            codes[row["currency_id"]],
            reversed_by=turned & set(row[undone]),
            corrected=bool(set(row[undone]) - turned),
            party=parties.get(row["id"], ""),
            of=str(refs.get(row["reversed_entry_id"]) or ""),
        )
        for row in rows
    ]


async def _refs(books: Books, moves: Collection[int]) -> dict[int, str]:
    if not moves:
        return {}
    return {i: row["ref"] for i, row in (await books.odoo.read("account.move", sorted(moves), ["ref"])).items()}


async def _parties(books: Books, rows: Sequence[Row]) -> dict[int, str]:
    """Who owes, or paid, by move: the reference of a payer; empty for a patient, and where no contact is named."""
    named = {row["id"]: row["partner_id"] for row in rows if row["partner_id"]}
    entries = [row["id"] for row in rows if row["id"] not in named]
    if entries:
        domain = [["move_id", "in", entries], ["partner_id", "!=", False]]
        lines = await books.odoo.search(_LINE, domain, ["move_id", "partner_id"])
        named |= {line["move_id"]: line["partner_id"] for line in lines}
    if not named:
        return {}
    partners = await books.odoo.read("res.partner", sorted(set(named.values())), ["ref"])
    refs = {move: str(partners.get(partner, {}).get("ref") or "") for move, partner in named.items()}
    return {move: ref for move, ref in refs.items() if ref.startswith("Payer/")}


async def _undone(books: Books, reversals: Sequence[int]) -> set[int]:
    """Those of these reversals that undo the whole document: a correction leaves the rest of an invoice standing."""
    if not reversals:
        return set()
    marks = [source("correction", books.organisation)]
    domain = [["id", "in", reversals], ["invoice_origin", "not in", marks], ["state", "=", "posted"]]
    return {row["id"] for row in await books.odoo.search("account.move", domain, ["id"])}


def _move_fact(
    kind: str, row: Row, currency: str, *, reversed_by: Collection[int], corrected: bool, party: str, of: str
) -> JournalFact:
    """Odoo's `payment_state` also says reversed where a part was credited and the rest paid by an entry."""
    undone = reversed_by or (row["payment_state"] == "reversed" and not corrected)
    invoice = row["move_type"] == "out_invoice"
    return JournalFact(
        kind=kind.replace(" ", "_"),
        key=row["ref"] or "",
        number=row["name"],
        state="reversed" if undone else row["state"],
        amount=_money(row["amount_total"], currency),
        open=_money(row["amount_residual"], currency) if invoice else None,
        day=parse_day(row["date"]),
        party=party,
        of=of,
        changed_at=_moment(row["write_date"]),
    )


def _money(amount: float, currency: str) -> Money:
    return Money(round_money(Decimal(str(amount)), currency), currency)


def _moment(told: object) -> datetime | None:
    """Odoo's moments are UTC and say no zone."""
    return datetime.fromisoformat(str(told)).replace(tzinfo=UTC) if told else None


async def _pickings(books: Books, consumption: int, chosen: Sequence[Any]) -> AsyncIterator[JournalFact]:
    """One fact a done transfer into consumption; ``returned`` where its articles came back."""
    fields = ["origin", "name", "state", "scheduled_date", "write_date"]
    out = [["state", "=", "done"], ["location_dest_id", "=", consumption], *chosen]
    async for page in pages(books.odoo, "stock.picking", out, fields):
        origins = [row["origin"] for row in page]
        back = [["state", "=", "done"], ["location_id", "=", consumption], ["origin", "in", origins]]
        returned = {row["origin"] for row in await books.odoo.search("stock.picking", back, ["origin"])}
        moved = await _quantities(books, [row["id"] for row in page])
        for row in page:
            planned = _moment(row["scheduled_date"])
            yield JournalFact(
                kind="stock_move",
                key=row["origin"] or "",
                number=row["name"],
                state="returned" if row["origin"] in returned else row["state"],
                day=planned.date() if planned else None,
                quantity=moved.get(row["id"], Decimal(0)),
                changed_at=_moment(row["write_date"]),
            )


async def _quantities(books: Books, pickings: Sequence[int]) -> dict[int, Decimal]:
    """How many units each transfer moved, of all its articles together."""
    moved: dict[int, Decimal] = {}
    domain = [["picking_id", "in", list(pickings)], ["state", "=", "done"]]
    for row in await books.odoo.search("stock.move", domain, ["picking_id", "quantity"]):
        before = moved.get(row["picking_id"], Decimal(0))
        moved[row["picking_id"]] = before + Decimal(str(row["quantity"]))
    return moved
