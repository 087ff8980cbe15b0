"""Reading back: every posted document of ours as the ledger holds it, a page at a time.

Ours are known by `invoice_origin`, or by going to or coming from our location of consumed articles. A document that
carries one of our references and isn't marked as ours was made by someone else for the same thing: it is a second
fact with the same key, so that reconciliation shows it as a duplicate.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from decimal import Decimal
from typing import Any

from suture.canonical.records import JournalFact
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.names import source
from suture.connectors.odoo.paging import pages
from suture.core.money import Money, round_money

_MOVE_TYPES = {
    "invoice": "out_invoice",
    "patient invoice": "out_invoice",
    "correction": "out_refund",
    "payment": "entry",
    "accrual": "entry",
    "writeoff": "entry",
    "refund": "entry",
    "transfer": "entry",
    "remittance": "entry",
    "unbilled": "entry",
}


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
    async for page in pages(books.odoo, "account.move", [["invoice_origin", "=", mark], *common], fields):
        twins: list[Row] = []
        if kind == "invoice":  # an entry's reference is shared by accruals, their reversals and what else people write
            parts = [mark, source("patient invoice", books.organisation)]
            others = [["invoice_origin", "not in", parts], ["ref", "in", [row["ref"] for row in page]]]
            twins = await _search(books, "account.move", [*others, *common], fields)
        turned = await _undone(books, [i for row in page for i in row[undone]])
        for row in (*page, *twins):
            corrected = bool(set(row[undone]) - turned)
            yield _move_fact(
                kind, row, codes[row["currency_id"]], reversed_by=turned & set(row[undone]), corrected=corrected
            )


async def _undone(books: Books, reversals: Sequence[int]) -> set[int]:
    """Those of these reversals that undo the whole document: a correction leaves the rest of an invoice standing."""
    if not reversals:
        return set()
    marks = [source("correction", books.organisation)]
    found = await _search(books, "account.move", [["id", "in", reversals], ["invoice_origin", "not in", marks]], ["id"])
    return {row["id"] for row in found}


def _move_fact(kind: str, row: Row, currency: str, *, reversed_by: Collection[int], corrected: bool) -> JournalFact:
    """Odoo's `payment_state` also says reversed where a part was credited and the rest paid by an entry."""
    undone = reversed_by or (row["payment_state"] == "reversed" and not corrected)
    state = "reversed" if undone else row["state"]
    amount = Money(round_money(Decimal(str(row["amount_total"])), currency), currency)
    return JournalFact(kind=kind.replace(" ", "_"), key=row["ref"], number=row["name"], state=state, amount=amount)


async def _pickings(books: Books, consumption: int) -> AsyncIterator[JournalFact]:
    """One fact a done transfer into consumption; ``returned`` where its articles came back."""
    fields = ["origin", "name", "state"]
    out = [["state", "=", "done"], ["location_dest_id", "=", consumption]]
    async for page in pages(books.odoo, "stock.picking", out, fields):
        origins = [row["origin"] for row in page]
        back = [["state", "=", "done"], ["location_id", "=", consumption], ["origin", "in", origins]]
        returned = {row["origin"] for row in await _search(books, "stock.picking", back, ["origin"])}
        for row in page:
            state = "returned" if row["origin"] in returned else row["state"]
            yield JournalFact(kind="stock_move", key=row["origin"] or "", number=row["name"], state=state)


async def _search(books: Books, model: str, domain: Sequence[Any], fields: Sequence[str]) -> list[Row]:
    return await books.odoo.search(model, domain, fields)
