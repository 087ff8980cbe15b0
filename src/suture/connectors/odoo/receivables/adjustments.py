"""What is open on an invoice and won't come from its payer: written off, or the patient's to pay."""

from collections.abc import Mapping, Sequence

from suture.connectors.odoo.documents import entries
from suture.connectors.odoo.documents.booking import Draft, book, entry_of
from suture.connectors.odoo.documents.matching import Item, Settles, items_of, open_amount
from suture.connectors.odoo.documents.posting import missing
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import external_id, mark
from suture.connectors.odoo.records.parties import partner_deleted
from suture.connectors.port import LedgerEntry, TransferOrder, WriteOffOrder
from suture.core.failure import Failure, Rejected
from suture.core.money import Money

Order = WriteOffOrder | TransferOrder


async def write_off(session: CompanySession, orders: Sequence[WriteOffOrder]) -> Sequence[LedgerEntry | Failure]:
    """`orders` holds at most one of each invoice. One without an amount takes all that is open."""
    setting = await session.setting()
    items = await _items(session, {order.key: (order.appointment, order.part) for order in orders})
    amounts = {
        o.key: o.amount.rounded() if o.amount else open_amount(items.get(o.key, ()), setting.currency) for o in orders
    }
    refused = await _refused(session, "writeoff", orders, amounts, items)
    drafts = {
        o.key: Draft(
            entries.write_off(o, amounts[o.key], items[o.key][0], setting, session.organisation),
            amounts[o.key] if o.amount else None,
            [Settles(mark(external_id("writeoff", o.key)), items[o.key])],
        )
        for o in orders
        if o.key not in refused
    }
    return await _booked(session, orders, drafts, refused)


async def transfer(session: CompanySession, orders: Sequence[TransferOrder]) -> Sequence[LedgerEntry | Failure]:
    """From the payer's receivable to the patient's. `orders` holds at most one of each invoice."""
    setting = await session.setting()
    patients = await session.parties.ensure_partners(order.patient for order in orders)
    items = await _items(session, {order.key: (order.appointment, "") for order in orders})
    amounts = {order.key: order.amount.rounded() for order in orders}
    refused = await _refused(session, "transfer", orders, amounts, items)
    gone = {o.key: partner_deleted(o.patient.reference) for o in orders if not patients[o.patient.reference].partner}
    refused = {**gone, **refused}
    drafts = {
        o.key: Draft(
            entries.transfer(o, items[o.key][0], patients[o.patient.reference].partner, setting, session.organisation),
            amounts[o.key],
            [Settles(mark(external_id("transfer", o.key)), items[o.key])],
        )
        for o in orders
        if o.key not in refused
    }
    return await _booked(session, orders, drafts, refused)


async def _items(session: CompanySession, wanted: Mapping[str, tuple[str, str]]) -> dict[str, list[Item]]:
    """The items of each order's invoice, by the order's key."""
    parts = await session.parts([appointment for appointment, _ in wanted.values()])
    invoices = {key: parts.get(appointment, {}).get(part) for key, (appointment, part) in wanted.items()}
    found = await items_of(session, [i for i in invoices.values() if i])
    return {key: found[i] for key, i in invoices.items() if i and found[i]}


async def _refused(
    session: CompanySession,
    kind: str,
    orders: Sequence[Order],
    amounts: Mapping[str, Money],
    items: Mapping[str, Sequence[Item]],
) -> dict[str, Failure]:
    """Why orders can't be booked, by key. One that finds too little open may be in the books already: look."""
    refused = {o.key: f for o in orders if (f := _obstacle(o, amounts[o.key], items.get(o.key, ())))}
    before = await session.moves(kind, list(refused)) if refused else {}
    return {key: failure for key, failure in refused.items() if key not in before or key not in items}


def _obstacle(order: Order, amount: Money, items: Sequence[Item]) -> Failure | None:
    if not items or not items[0].posted:
        return missing(f"the posted invoice of {order.appointment}")
    residual = open_amount(items, amount.currency)
    if not amount or (amount - residual).amount > 0:
        return Rejected(
            "exceeds_open",
            f"{order.key} is {amount}, but only {residual} is open on the invoice of {order.appointment}",
            "Check what else was booked on the invoice, correct the amount, then retry or discard this exception.",
        )
    return None


async def _booked(
    session: CompanySession, orders: Sequence[Order], drafts: Mapping[str, Draft], refused: Mapping[str, Failure]
) -> list[LedgerEntry | Failure]:
    booked = await book(session, list(drafts.values()))
    return [refused.get(o.key) or entry_of(booked[drafts[o.key].name]) for o in orders]
