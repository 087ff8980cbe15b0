"""Invoices in batches: draft, post, cancel."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

import msgspec

from suture.connectors.odoo import documents
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.posting import missing, parse_day, total_differs, total_of
from suture.connectors.port import DraftedInvoice, InvoiceOrder, PostedInvoice
from suture.core.failure import Failure, Rejected
from suture.core.money import Money

_LINE_FIELDS = ("move_id", "product_id", "name", "quantity", "price_unit", "analytic_distribution")
_HEAD_FIELDS = ("state", "name", "partner_id", "journal_id", "company_id", "currency_id")


class Posting(msgspec.Struct, frozen=True):
    appointment: str
    expected: Money


class Cancellation(msgspec.Struct, frozen=True):
    appointment: str
    on: date


async def draft(books: Books, orders: Sequence[InvoiceOrder]) -> Sequence[DraftedInvoice | Failure]:
    """Partners and practitioners as they are needed, then all invoices in one `load`, then one look at the totals."""
    setting = await books.setting()
    await books.parties.ensure_partners(order.partner for order in orders)
    await books.parties.ensure_practitioners(setting, {o.practitioner: o.practitioner_name for o in orders})
    drafts = [
        documents.invoice(
            order,
            setting,
            await books.parties.analytic(setting, order.facility, order.practitioner),
            books.organisation,
        )
        for order in orders
    ]
    ids = await books.write("account.move", drafts)
    found = await books.odoo.read("account.move", ids, ["state", "amount_total"])
    return [_drafted(order, i, found.get(i)) for order, i in zip(orders, ids, strict=True)]


def _drafted(order: InvoiceOrder, identifier: int, row: Row | None) -> DraftedInvoice | Failure:
    if row is None:
        return missing(f"the invoice of {order.appointment}")
    if row["state"] == "cancel":
        return Rejected(
            "cancelled_in_odoo",
            f"The invoice of {order.appointment} is cancelled in Odoo",
            "Reset it to draft in Odoo to go on with it, or cancel the appointment.",
        )
    found = total_of(row, order.total.currency)
    if found != order.total.rounded():
        return total_differs(order.appointment, order.total, found)
    return DraftedInvoice(invoice=identifier, total=found)


async def post(books: Books, postings: Sequence[Posting]) -> Sequence[PostedInvoice | Failure]:
    ids = await books.invoices([posting.appointment for posting in postings])
    expected = {ids[p.appointment]: p.expected for p in postings if p.appointment in ids}
    posted = await books.poster.post(list(expected), expected)
    return [_posted(p, ids.get(p.appointment), posted) for p in postings]


def _posted(posting: Posting, identifier: int | None, posted: dict[int, Row | Failure]) -> PostedInvoice | Failure:
    if identifier is None:
        return missing(f"the drafted invoice of {posting.appointment}")
    row = posted[identifier]
    if isinstance(row, Failure):
        return row
    total = total_of(row, posting.expected.currency)
    return PostedInvoice(invoice=identifier, number=row["name"], posted_on=parse_day(row["date"]), total=total)


async def cancel(books: Books, cancellations: Sequence[Cancellation]) -> Sequence[str | Failure]:
    """Drafts are cancelled, posted invoices get a posted credit note; what was never drafted needs nothing."""
    ids = await books.invoices([c.appointment for c in cancellations])
    heads = await books.odoo.read("account.move", list(ids.values()), _HEAD_FIELDS) if ids else {}
    drafts = [identifier for identifier, head in heads.items() if head["state"] == "draft"]
    if drafts:
        await books.odoo.do("account.move", "button_cancel", drafts)
    posted = {
        c.appointment: (heads[ids[c.appointment]], c.on)
        for c in cancellations
        if c.appointment in ids and heads.get(ids[c.appointment], {}).get("state") == "posted"
    }
    numbers = await _credit(books, posted)
    return [numbers.get(c.appointment, "") for c in cancellations]


async def _credit(books: Books, posted: dict[str, tuple[Row, date]]) -> dict[str, str | Failure]:
    if not posted:
        return {}
    ids = [head["id"] for head, _ in posted.values()]
    domain = [["move_id", "in", ids], ["display_type", "=", "product"]]
    lines: dict[int, list[Row]] = defaultdict(list)
    for line in await books.odoo.search("account.move.line", domain, _LINE_FIELDS):
        lines[line["move_id"]].append(line)
    notes = [
        documents.credit_note(appointment, head, lines[head["id"]], on, books.organisation)
        for appointment, (head, on) in posted.items()
    ]
    credited = await books.write("account.move", notes)
    outcome = await books.poster.post(credited)
    return {
        appointment: row if isinstance(row, Failure) else str(row["name"])
        for appointment, row in zip(posted, (outcome[i] for i in credited), strict=True)
    }
