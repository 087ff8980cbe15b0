"""Reading back: every posted document of ours as the ledger holds it, a page at a time.

Ours are known by `invoice_origin`, or by going to or coming from our location of consumed articles. A document that
carries one of our references and isn't marked as ours was made by someone else for the same thing: it is a second
fact with the same key, so that reconciliation shows it as a duplicate.
"""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

from suture.canonical.records import JournalFact
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.names import source
from suture.core.money import Money, round_money

PAGE = 500
_MOVE_TYPES = {"invoice": "out_invoice", "payment": "entry", "accrual": "entry"}


async def facts(books: Books) -> AsyncIterator[JournalFact]:
    for kind in _MOVE_TYPES:
        async for fact in _moves(books, kind):
            yield fact
    setting = await books.setting()
    if setting.stock is not None and setting.stock.consumption_location is not None:
        async for fact in _pickings(books, setting.stock.consumption_location):
            yield fact


async def _moves(books: Books, kind: str) -> AsyncIterator[JournalFact]:
    setting = await books.setting()
    codes = {identifier: code for code, identifier in setting.currencies.items()}
    undone = "reversal_move_ids" if books.odoo.version >= 18 else "reversal_move_id"
    fields = ["ref", "name", "state", "amount_total", "currency_id", "payment_state", undone]
    mark = source(kind, books.organisation)
    common = [["move_type", "=", _MOVE_TYPES[kind]], ["state", "=", "posted"], ["company_id", "=", setting.company]]
    async for page in _pages(books, "account.move", [["invoice_origin", "=", mark], *common], fields):
        twins: list[Row] = []
        if kind == "invoice":  # an entry's reference is shared by accruals, their reversals and what else people write
            others = [["invoice_origin", "!=", mark], ["ref", "in", [row["ref"] for row in page]]]
            twins = await _search(books, "account.move", [*others, *common], fields)
        for row in (*page, *twins):
            yield _move_fact(kind, row, codes[row["currency_id"]], reversed_by=row[undone])


def _move_fact(kind: str, row: Row, currency: str, *, reversed_by: Sequence[int]) -> JournalFact:
    state = "reversed" if row["payment_state"] == "reversed" or reversed_by else row["state"]
    amount = Money(round_money(Decimal(str(row["amount_total"])), currency), currency)
    return JournalFact(kind=kind, key=row["ref"], number=row["name"], state=state, amount=amount)


async def _pickings(books: Books, consumption: int) -> AsyncIterator[JournalFact]:
    """One fact a done transfer into consumption; ``returned`` where its articles came back."""
    fields = ["origin", "name", "state"]
    out = [["state", "=", "done"], ["location_dest_id", "=", consumption]]
    async for page in _pages(books, "stock.picking", out, fields):
        origins = [row["origin"] for row in page]
        back = [["state", "=", "done"], ["location_id", "=", consumption], ["origin", "in", origins]]
        returned = {row["origin"] for row in await _search(books, "stock.picking", back, ["origin"])}
        for row in page:
            state = "returned" if row["origin"] in returned else row["state"]
            yield JournalFact(kind="stock_move", key=row["origin"] or "", number=row["name"], state=state)


async def _pages(books: Books, model: str, domain: Sequence[Any], fields: Sequence[str]) -> AsyncIterator[list[Row]]:
    """All that match, by id, so that documents written meanwhile neither hide nor double one."""
    last = 0
    while True:
        page = await _search(books, model, [["id", ">", last], *domain], fields, limit=PAGE)
        if page:
            yield page
        if len(page) < PAGE:
            return
        last = page[-1]["id"]


async def _search(
    books: Books, model: str, domain: Sequence[Any], fields: Sequence[str], limit: int | None = None
) -> list[Row]:
    return await books.odoo.search(model, domain, fields, limit=limit)
