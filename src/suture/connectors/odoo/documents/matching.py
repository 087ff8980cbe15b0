"""Settling open items: which lines are open, and reconciling an entry's line with what it settles.

Odoo reconciles one set of lines a call, and a few calls at once keep all its workers busy. Only an entry that settles
many items would make such calls wait for each other on its own row: its items are marked instead. Lines that say the
same temporary `matching_number` are reconciled while they are posted, any number of sets in one transaction. What that
leaves over (a partly paid item, another currency, a worker that was faster) is reconciled one by one.

Whose items a payment settles first is ours to say: within one call Odoo goes by due dates and amounts, from 19 on by
partners' ids before those. What has an order is reconciled in as many calls (`in_turn`), and never marked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

import msgspec

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.transport.client import Row
from suture.core.failure import Rejected
from suture.core.money import Money, round_money, total

ITEM_FIELDS = (
    "move_id",
    "account_id",
    "partner_id",
    "currency_id",
    "amount_currency",
    "amount_residual_currency",
    "parent_state",
    "reconciled",
    "matching_number",
    "name",
    "move_name",
)
_AT_ONCE = 4
_NOTHING_TO_COMPUTE = {"skip_invoice_sync": True, "skip_invoice_line_sync": True, "check_move_validity": False}
"""A mark changes no amount: without these Odoo computes the whole invoice again, at three times the cost."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line on a receivable. `amount` is what was booked and `residual` what of it is open, positive where it is owed
    to us; `mark` is its temporary number, as long as nothing was matched with it;
    `number` is its document's."""

    line: int
    move: int
    account: int
    partner: int
    currency: int
    amount: Decimal
    residual: Decimal
    posted: bool
    settled: bool
    matched: bool
    mark: str
    label: str
    number: str = ""


class Settles(msgspec.Struct, frozen=True):
    """What a line of an entry is to be reconciled with. The line and, where they can be, the items carry the mark.
    They are settled in this order. `partner` is the line's, where it isn't the items' own: who paid may be another than
    who owes."""

    mark: str
    items: Sequence[Item]
    partner: int = 0


def item(row: Row) -> Item:
    number = str(row["matching_number"] or "")
    return Item(
        line=row["id"],
        move=row["move_id"],
        account=row["account_id"],
        partner=row["partner_id"] or 0,
        currency=row["currency_id"],
        amount=Decimal(str(row["amount_currency"])),
        residual=Decimal(str(row["amount_residual_currency"])),
        posted=row["parent_state"] == "posted",
        settled=bool(row["reconciled"]),
        matched=bool(number) and not number.startswith("I"),
        mark=number if number.startswith("I") else "",
        label=row["name"] or "",
        number=row["move_name"] if row["move_name"] and row["move_name"] != "/" else "",
    )


async def items_of(session: CompanySession, moves: Iterable[int]) -> dict[int, list[Item]]:
    """The items on receivables of each move (`account.move.line` on an account of type ``asset_receivable``)."""
    wanted = sorted(set(moves))
    found: dict[int, list[Item]] = defaultdict(list)
    if wanted:
        domain = [["move_id", "in", wanted], ["account_type", "=", "asset_receivable"]]
        for row in await session.odoo.search("account.move.line", domain, ITEM_FIELDS):
            found[row["move_id"]].append(item(row))
    return found


async def items_by_line(session: CompanySession, lines: Iterable[int]) -> dict[int, Item]:
    """These lines as they are now."""
    wanted = sorted(set(lines))
    rows = await session.odoo.search("account.move.line", [["id", "in", wanted]], ITEM_FIELDS) if wanted else []
    return {row["id"]: item(row) for row in rows}


async def take_apart(session: CompanySession, lines: Sequence[int]) -> None:
    """Undo what lines were matched with, and nothing else that pays the same invoice."""
    if not lines:
        return
    either = ["|", ["debit_move_id", "in", lines], ["credit_move_id", "in", lines]]
    partials = await session.odoo.search("account.partial.reconcile", either, ["id"])
    if partials:
        await session.odoo.do("account.partial.reconcile", "unlink", [row["id"] for row in partials])


def in_turn(items: Iterable[Item]) -> list[list[Item]]:
    """Items in the order in which they are settled: what one document says that one owes together, which Odoo takes by
    its due dates, and then the next."""
    return [list(of) for _, of in groupby(items, key=lambda one: (one.move, one.partner))]


def open_amount(items: Iterable[Item], currency: str) -> Money:
    """What is open on items together."""
    return total((Money(round_money(one.residual, currency), currency) for one in items), currency)


async def mark_items(session: CompanySession, settles: Iterable[Settles]) -> None:
    """Mark what entries will settle. Marks are no more than a shorter way: one that is lost, or stays behind, changes
    nothing."""
    setting = await session.setting()
    if setting.cash_basis:
        return  # Odoo would post no cash basis taxes for marked lines
    currency = setting.company_currency
    rows = [[one.line, told.mark] for told in settles if _markable(told.items, currency) for one in told.items]
    try:
        await session.odoo.upsert("account.move.line", [".id", "matching_number"], rows, context=_NOTHING_TO_COMPUTE)
    except Rejected:
        return  # somebody matched one of them meanwhile


async def clear_marks(session: CompanySession, items: Iterable[Item]) -> None:
    """Nobody is to see a mark that found nothing: it says nothing to an accountant."""
    rows = [[one.line, ""] for one in items if one.mark]
    try:
        await session.odoo.upsert("account.move.line", [".id", "matching_number"], rows, context=_NOTHING_TO_COMPUTE)
    except Rejected:
        return  # somebody matched one of them meanwhile: then it has a number


def _markable(items: Sequence[Item], company_currency: int) -> bool:
    """Odoo makes no exchange difference for marked lines, takes them in its own order, and refuses a mark on what is
    partly matched."""
    return len(in_turn(items)) == 1 and all(
        one.posted and not one.matched and one.currency == company_currency for one in items
    )


async def match(session: CompanySession, sets: Sequence[tuple[Sequence[Item], Sequence[Item]]]) -> None:
    """Reconcile what is open on either side of each set, the left side in its order; a few sets at a time."""
    turns = asyncio.Semaphore(_AT_ONCE)
    setting = await session.setting()

    async def one(left: Sequence[Item], right: Sequence[Item]) -> None:
        local = all(item.currency == setting.company_currency for item in (*left, *right))
        context = {"no_exchange_difference": local, "no_cash_basis": not setting.cash_basis}
        async with turns:
            await _in_order(session, in_turn(item for item in left if not item.settled), right, context)

    failures = [
        failure
        for failure in await asyncio.gather(*(one(*sides) for sides in sets), return_exceptions=True)
        if isinstance(failure, BaseException)
    ]
    if failures:
        raise failures[0]


async def _in_order(
    session: CompanySession, turns: Sequence[Sequence[Item]], right: Sequence[Item], context: Row
) -> None:
    """Reconcile the right side with what comes first, then what is still open of it with what comes next."""
    open_ = [one.line for one in right if not one.settled]
    for n, left in enumerate(turns):
        if n:
            now = await session.odoo.read("account.move.line", open_, ["reconciled"])
            open_ = [line for line in open_ if line in now and not now[line]["reconciled"]]
        if not open_:
            return
        await _reconcile(session, [*(one.line for one in left), *open_], context)


async def _reconcile(session: CompanySession, ids: Sequence[int], context: Row) -> None:
    """The last line is the entry's own: once it is reconciled, by us or by a worker that was faster, all is done.
    `context` spares Odoo to look for what can't be (a quarter of the cost)."""
    try:
        await session.odoo.do("account.move.line", "reconcile", ids, context=context)
    except Rejected:
        now = await session.odoo.read("account.move.line", ids[-1:], ["reconciled"])
        if not any(row["reconciled"] for row in now.values()):
            raise
