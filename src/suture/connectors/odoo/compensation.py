"""Practitioners' compensation in batches: accrue and reverse, as posted journal entries."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from suture.connectors.odoo import entries
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.posting import total_of
from suture.connectors.port import AccrualOrder, LedgerEntry
from suture.core.failure import Failure
from suture.core.money import Money

_HEAD_FIELDS = ("state", "amount_total", "journal_id", "company_id", "currency_id")
_LINE_FIELDS = ("move_id", "account_id", "name", "amount_currency", "currency_id", "analytic_distribution")


class Reversal(msgspec.Struct, frozen=True):
    appointment: str
    on: date


async def accrue(books: Books, orders: Sequence[AccrualOrder]) -> Sequence[LedgerEntry | Failure]:
    setting = await books.setting()
    await books.parties.ensure_practitioners(setting, {o.practitioner: o.practitioner_name for o in orders})
    accruals = [
        entries.accrual(
            order,
            setting,
            await books.parties.analytic(setting, order.facility, order.practitioner),
            books.organisation,
        )
        for order in orders
    ]
    ids = await books.write("account.move", accruals)
    expected = {i: order.amount for i, order in zip(ids, orders, strict=True)}
    posted = await books.poster.post(ids, expected)
    return [_entry(posted[i], order.amount.currency) for i, order in zip(ids, orders, strict=True)]


async def reverse(books: Books, reversals: Sequence[Reversal]) -> Sequence[LedgerEntry | Failure]:
    """A posted accrual gets its reversing entry, a draft one is cancelled; what never was needs nothing."""
    setting = await books.setting()
    ids = await books.accruals([r.appointment for r in reversals])
    heads = await books.odoo.read("account.move", list(ids.values()), _HEAD_FIELDS) if ids else {}
    drafts = [identifier for identifier, head in heads.items() if head["state"] == "draft"]
    if drafts:
        await books.odoo.do("account.move", "button_cancel", drafts)
    posted = {
        r.appointment: (heads[ids[r.appointment]], r.on)
        for r in reversals
        if r.appointment in ids and heads.get(ids[r.appointment], {}).get("state") == "posted"
    }
    codes = {identifier: code for code, identifier in setting.currencies.items()}
    turned = await _turn(books, posted, codes)
    nothing = LedgerEntry(number="", amount=Money(Decimal(0), setting.currency))
    return [turned.get(r.appointment, nothing) for r in reversals]


async def _turn(
    books: Books, posted: dict[str, tuple[Row, date]], codes: dict[int, str]
) -> dict[str, LedgerEntry | Failure]:
    if not posted:
        return {}
    domain = [["move_id", "in", [head["id"] for head, _ in posted.values()]]]
    lines: dict[int, list[Row]] = defaultdict(list)
    for line in await books.odoo.search("account.move.line", domain, _LINE_FIELDS):
        lines[line["move_id"]].append(line)
    reversals = [
        entries.reversal(appointment, head, lines[head["id"]], on, books.organisation)
        for appointment, (head, on) in posted.items()
    ]
    ids = await books.write("account.move", reversals)
    outcome = await books.poster.post(ids)
    return {
        appointment: _entry(outcome[identifier], codes[head["currency_id"]])
        for identifier, (appointment, (head, _)) in zip(ids, posted.items(), strict=True)
    }


def _entry(row: Row | Failure, currency: str) -> LedgerEntry | Failure:
    return row if isinstance(row, Failure) else LedgerEntry(number=row["name"], amount=total_of(row, currency))
