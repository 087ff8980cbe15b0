"""Money paid back out of a credit: an overpayment, or a credit note of an invoice that was paid."""

from collections.abc import Sequence

from suture.connectors.odoo.documents import entries
from suture.connectors.odoo.documents.booking import Draft, book, entry_of
from suture.connectors.odoo.documents.matching import Item, Settles, items_of, open_amount
from suture.connectors.odoo.documents.posting import missing
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import external_id, mark
from suture.connectors.port import LedgerEntry, RefundOrder
from suture.core.failure import Failure, Rejected

_CREDITS = (("payment", "entry"), ("credit", "out_refund"), ("credit_part", "out_refund"))


async def refund(session: CompanySession, orders: Sequence[RefundOrder]) -> Sequence[LedgerEntry | Failure]:
    """`orders` holds at most one of each credit. One that is more than what is left of its credit is refused."""
    setting = await session.setting()
    credits = await _credits(session, [order.credit for order in orders])
    refused = {o.key: f for o in orders if (f := _obstacle(o, credits.get(o.credit, ())))}
    before = await session.moves("refund", list(refused)) if refused else {}
    refused = {key: failure for key, failure in refused.items() if key not in before}
    drafts = {
        o.key: Draft(
            entries.refund(o, credits[o.credit][0], setting, session.organisation),
            o.amount,
            [Settles(mark(external_id("refund", o.key)), credits[o.credit])],
        )
        for o in orders
        if o.key not in refused
    }
    booked = await book(session, list(drafts.values()))
    return [refused.get(o.key) or entry_of(booked[drafts[o.key].name]) for o in orders]


async def _credits(session: CompanySession, keys: Sequence[str]) -> dict[str, list[Item]]:
    """The items of each credit, whichever kind of document it is."""
    found: dict[str, int] = {}
    for kind, move_type in _CREDITS:
        if missed := [key for key in keys if key not in found]:
            found |= await session.moves(kind, missed, move_type)
    items = await items_of(session, found.values())
    return {key: items[i] for key, i in found.items() if items[i]}


def _obstacle(order: RefundOrder, items: Sequence[Item]) -> Failure | None:
    if not items:
        return missing(f"the credit {order.credit}")
    credit = -open_amount(items, order.amount.currency)
    if (order.amount.rounded() - credit).amount > 0:
        return Rejected(
            "exceeds_credit",
            f"{order.key} is {order.amount}, but only {credit} is left of the credit {order.credit}",
            "Check what else the credit was used for, correct the amount, then retry or discard this exception.",
        )
    return None
