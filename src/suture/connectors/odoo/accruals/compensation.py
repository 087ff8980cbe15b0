"""Practitioners' compensation in batches: accrue and reverse, as posted journal entries."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from suture.connectors.odoo.documents import entries
from suture.connectors.odoo.documents.booking import Draft, book, entry_of
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.receivables.payments import lines_of
from suture.connectors.odoo.records.parties import partner_deleted
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import AccrualOrder, LedgerEntry, LedgerPartner
from suture.core.failure import Failure
from suture.core.money import Money

_HEAD_FIELDS = ("state", "amount_total", "journal_id", "company_id", "currency_id")


class Reversal(msgspec.Struct, frozen=True):
    appointment: str
    on: date


async def accrue(session: CompanySession, orders: Sequence[AccrualOrder]) -> Sequence[LedgerEntry | Failure]:
    setting = await session.setting()
    await session.parties.ensure_practitioners(setting, {o.practitioner: o.practitioner_name for o in orders})
    people = await session.parties.ensure_partners(_practitioner(order) for order in orders)
    drafts = {
        order.appointment: Draft(
            entries.accrual(
                order,
                setting,
                await session.parties.analytic(setting, order.facility, order.practitioner),
                partner,
                session.organisation,
            ),
            order.amount,
            day=order.on,
        )
        for order in orders
        if (partner := people[order.practitioner].partner)
    }
    booked = await book(session, list(drafts.values()))
    return [
        entry_of(booked[drafts[o.appointment].name]) if o.appointment in drafts else partner_deleted(o.practitioner)
        for o in orders
    ]


def _practitioner(order: AccrualOrder) -> LedgerPartner:
    """Whom the compensation is owed to."""
    return LedgerPartner(
        reference=order.practitioner, name=order.practitioner_name, is_company=False, role="practitioner"
    )


async def reverse(session: CompanySession, reversals: Sequence[Reversal]) -> Sequence[LedgerEntry | Failure]:
    """A posted accrual gets its reversing entry, a draft one is cancelled; what never was needs nothing."""
    setting = await session.setting()
    ids = await session.moves("accrual", [r.appointment for r in reversals])
    heads = await session.odoo.read("account.move", list(ids.values()), _HEAD_FIELDS) if ids else {}
    drafts = [identifier for identifier, head in heads.items() if head["state"] == "draft"]
    if drafts:
        await session.odoo.do("account.move", "button_cancel", drafts)
    posted = {
        r.appointment: (heads[ids[r.appointment]], r.on)
        for r in reversals
        if r.appointment in ids and heads.get(ids[r.appointment], {}).get("state") == "posted"
    }
    turned = await _turn(session, posted)
    nothing = LedgerEntry(number="", amount=Money(Decimal(0), setting.currency))
    return [turned.get(r.appointment, nothing) for r in reversals]


async def _turn(session: CompanySession, posted: dict[str, tuple[Row, date]]) -> dict[str, LedgerEntry | Failure]:
    lines = await lines_of(session, [head["id"] for head, _ in posted.values()])
    reversals = {
        appointment: entries.reversal(
            "accrual_reversal", appointment, head, lines[head["id"]], on=on, organisation=session.organisation
        )
        for appointment, (head, on) in posted.items()
    }
    booked = await book(session, [Draft(document, None) for document in reversals.values()])
    return {appointment: entry_of(booked[document.name]) for appointment, document in reversals.items()}
