"""The month-end accrual of completed and unbilled work, and its reversal on the next month's first day.

Both are posted at once: the reversal stands in the next month by its date, and nobody has to remember it.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from suture.connectors.odoo.documents import entries
from suture.connectors.odoo.documents.document_rows import Document
from suture.connectors.odoo.documents.posting import total_of
from suture.connectors.odoo.documents.session import CompanySession, unwrap
from suture.connectors.odoo.receivables.payments import lines_of
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import UnbilledAccrual, UnbilledOrder
from suture.core.failure import Failure, Rejected
from suture.core.money import total

_HEAD_FIELDS = ("journal_id", "company_id", "currency_id")


async def accrue(session: CompanySession, orders: Sequence[UnbilledOrder]) -> Sequence[UnbilledAccrual | Failure]:
    return [await _accrue(session, order) for order in orders]


async def _accrue(session: CompanySession, order: UnbilledOrder) -> UnbilledAccrual | Failure:
    if (order.on + timedelta(days=1)).day != 1:
        return Rejected("not_a_month_end", f"{order.on} is not the last day of a month", "Name the month's last day.")
    setting = await session.setting()
    currency = order.lines[0].amount.currency
    await session.parties.ensure_practitioners(setting, {o.practitioner: o.practitioner_name for o in order.lines})
    analytics = [await session.parties.analytic(setting, line.facility, line.practitioner) for line in order.lines]
    document = entries.unbilled(order, setting, analytics, session.organisation)
    (written,) = await session.write("account.move", [document])
    if isinstance(written, Failure):
        return written
    expected = total((line.amount.rounded() for line in order.lines), currency)
    posted = await session.post({document.name: written}, {document.name: expected}, ordered={document.name: order.on})
    accrued = posted[document.name]
    if isinstance(accrued, Failure):
        return accrued
    turned = await _turn(session, order, written, order.on + timedelta(days=1))
    if isinstance(turned, Failure):
        return turned
    return UnbilledAccrual(
        number=accrued["name"],
        amount=total_of(accrued, currency),
        reversal_number=turned["name"],
        reversed_on=order.on + timedelta(days=1),
    )


async def _turn(session: CompanySession, order: UnbilledOrder, accrual: int, on: date) -> Row | Failure:
    head = (await session.odoo.read("account.move", [accrual], _HEAD_FIELDS))[accrual]
    lines = (await lines_of(session, [accrual]))[accrual]
    document = entries.reversal(
        "unbilled_reversal", order.period, head, lines, on=on, organisation=session.organisation
    )
    (written,) = await session.write("account.move", [document])
    if isinstance(written, Failure):
        return written
    return await _posted_ahead(session, document, written, on)


async def undo(session: CompanySession, period: str, on: date) -> None:
    """Turn an accrual on its own day, and its reversal on the next: both months are as if it had never been."""
    for kind, day in (("unbilled", on), ("unbilled_reversal", on + timedelta(days=1))):
        moves = await session.moves(kind, [period])
        if period in moves:
            unwrap(await _undone(session, kind, period, moves[period], day))


async def _undone(session: CompanySession, kind: str, period: str, move: int, on: date) -> Row | Failure:
    head = (await session.odoo.read("account.move", [move], _HEAD_FIELDS))[move]
    lines = (await lines_of(session, [move]))[move]
    document = entries.reversal(f"{kind}_undone", period, head, lines, on=on, organisation=session.organisation)
    (written,) = await session.write("account.move", [document])
    if isinstance(written, Failure):
        return written
    return await _posted_ahead(session, document, written, on)


async def _posted_ahead(session: CompanySession, document: Document, move: int, on: date) -> Row | Failure:
    """Posted, although its day may be yet to come."""
    posted = await session.post({document.name: move}, ordered={document.name: on}, ahead=True)
    return posted[document.name]
