"""Invoices in batches: draft and post, the payer's and the patient's own part together."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from suture.connectors.odoo.documents import document_rows
from suture.connectors.odoo.documents.document_rows import Document
from suture.connectors.odoo.documents.posting import missing, parse_day, total_differs, total_of
from suture.connectors.odoo.documents.session import CompanySession, ids_of
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.records.parties import partner_deleted
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import DraftedInvoice, InvoiceOrder, PostedInvoice, Registered
from suture.core.failure import Failure, Rejected
from suture.core.money import Money, round_money, total


class InvoicePosting(msgspec.Struct, frozen=True):
    appointment: str
    expected: Money


async def draft(session: CompanySession, orders: Sequence[InvoiceOrder]) -> Sequence[DraftedInvoice | Failure]:
    """Partners and practitioners as they are needed, then all invoices in one `load`, then one look at the totals."""
    setting = await session.setting()
    people = await session.parties.ensure_partners(
        partner for o in orders for partner in (o.partner, o.patient) if partner is not None
    )
    await session.parties.ensure_practitioners(setting, {o.practitioner: o.practitioner_name for o in orders})
    refused = {o.appointment: f for o in orders if (f := _nobody_to_bill(o, people))}
    agreed = await session.parties.with_terms({one.partner for one in people.values() if one.partner})
    free = {reference for reference, one in people.items() if one.partner not in agreed}
    drafts = {o.appointment: await _documents(session, o, free) for o in orders if o.appointment not in refused}
    written = await session.write("account.move", [document for of in drafts.values() for document in of])
    session.finder.note_absent(external_id("invoice_patient", o.appointment) for o in orders if o.patient is None)
    ids = {d.name: outcome for d, outcome in zip((d for of in drafts.values() for d in of), written, strict=True)}
    found = await _within_rounding(session, orders, ids, await session.read_moves(ids_of(written)))
    return [refused.get(o.appointment) or _drafted(o, drafts[o.appointment], ids, found, people) for o in orders]


async def _documents(session: CompanySession, order: InvoiceOrder, without_terms: Collection[str]) -> list[Document]:
    """Partners (by reference) `without_terms` of their own in Odoo are to pay by the catalogue's."""
    setting = await session.setting()
    days = session.plan.payment_term_days if session.plan else 0
    due = order.invoice_date + timedelta(days=days)
    analytic = await session.parties.analytic(setting, order.facility, order.practitioner)
    articles = await session.articles.get(line.service for line in order.lines)
    return document_rows.invoices(
        order,
        setting,
        analytic,
        articles,
        session.organisation,
        place=session.place(order.facility),
        due=dict.fromkeys(without_terms, due),
    )


def _nobody_to_bill(order: InvoiceOrder, people: Mapping[str, Registered]) -> Failure | None:
    named = [partner.reference for partner in (order.partner, order.patient) if partner is not None]
    gone = next((reference for reference in named if not people[reference].partner), None)
    return partner_deleted(gone) if gone else None


def _drafted(
    order: InvoiceOrder,
    drafted: Sequence[Document],
    ids: Mapping[str, int | Failure],
    found: Mapping[int, Row],
    people: Mapping[str, Registered],
) -> DraftedInvoice | Failure:
    outcomes = [ids[document.name] for document in drafted]
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            return outcome
    rows = [found.get(identifier) for identifier in ids_of(outcomes)]
    standing = [row for row in rows if row is not None]
    if len(standing) < len(rows):
        return missing(f"the invoice of {order.appointment}")
    if any(row["state"] == "cancel" for row in standing):
        return Rejected(
            "cancelled_in_odoo",
            f"The invoice of {order.appointment} is cancelled in Odoo",
            "Reset it to draft in Odoo to go on with it, or cancel the appointment.",
        )
    together = _together(standing, order.total.currency)
    if not _comes_to(standing, order.total):
        return total_differs(order.appointment, order.total, together)
    named = (people[p.reference].discrepancy for p in (order.partner, order.patient) if p is not None)
    return DraftedInvoice(
        invoice=standing[0]["id"],
        patient_invoice=standing[1]["id"] if len(standing) > 1 else None,
        total=together,
        discrepancies=tuple(discrepancy for discrepancy in named if discrepancy is not None),
    )


def _together(rows: Sequence[Row], currency: str) -> Money:
    return total((total_of(row, currency) for row in rows), currency)


def _comes_to(rows: Sequence[Row], expected: Money) -> bool:
    """Whether documents are what was charged: with their taxes, or without taxes that Odoo puts on top of the price."""
    untaxed = sum((Decimal(str(row["amount_untaxed"])) for row in rows), Decimal(0))
    bare = Money(round_money(untaxed, expected.currency), expected.currency)
    return expected.rounded() in (_together(rows, expected.currency), bare)


async def _within_rounding(
    session: CompanySession, orders: Sequence[InvoiceOrder], ids: Mapping[str, int | Failure], found: dict[int, Row]
) -> dict[int, Row]:
    """Where the plan allows it, a draft that Odoo rounds differently gets a line with the difference."""
    plan = session.plan
    if plan is None or not plan.rounding_account:
        return found
    corrections: dict[int, Document] = {}
    for order in orders:
        name = external_id("invoice", order.appointment)
        parts = [ids.get(name), ids.get(external_id("invoice_patient", order.appointment))]
        rows = [found[i] for i in parts if isinstance(i, int) and i in found]
        difference = _difference(order, rows)
        if rows and rows[0]["state"] == "draft" and 0 < abs(difference) <= plan.rounding_limit:
            corrections[rows[0]["id"]] = document_rows.rounding(name, difference)
    if not corrections:
        return found
    await session.odoo.upsert("account.move", *document_rows.table(list(corrections.values())))
    return found | await session.read_moves(list(corrections))


def _difference(order: InvoiceOrder, rows: Sequence[Row]) -> Decimal:
    """What Odoo's total lacks of the order's."""
    if not rows or _comes_to(rows, order.total):
        return Decimal(0)
    return (order.total.rounded() - _together(rows, order.total.currency)).amount


async def post(session: CompanySession, postings: Sequence[InvoicePosting]) -> Sequence[PostedInvoice | Failure]:
    """A visit's parts together: one whose total is all that is expected has no other part."""
    parts = await session.parts([posting.appointment for posting in postings])
    ids = [i for of in parts.values() for i in of.values()]
    rows = await session.recent_moves(ids)
    refused = {p.appointment: f for p in postings if (f := _not_postable(p, parts.get(p.appointment, {}), rows))}
    names = {
        _NAME_OF[part](p.appointment): i
        for p in postings
        if p.appointment not in refused
        for part, i in parts[p.appointment].items()
    }
    posted = await session.post(names, before=rows)
    return [refused.get(p.appointment) or _posted(p, parts[p.appointment], posted) for p in postings]


_NAME_OF = {
    "": lambda appointment: external_id("invoice", appointment),
    "patient": lambda appointment: external_id("invoice_patient", appointment),
}


def _not_postable(posting: InvoicePosting, parts: Mapping[str, int], rows: Mapping[int, Row]) -> Failure | None:
    """Nothing of a visit is posted unless its parts are there and come to what is expected."""
    found = [rows[i] for i in parts.values() if i in rows]
    if not found or len(found) < len(parts):
        return missing(f"the drafted invoice of {posting.appointment}")
    if not _comes_to(found, posting.expected) and all(row["state"] != "cancel" for row in found):
        return total_differs(posting.appointment, posting.expected, _together(found, posting.expected.currency))
    return None


def _posted(
    posting: InvoicePosting, parts: Mapping[str, int], posted: Mapping[str, Row | Failure]
) -> PostedInvoice | Failure:
    rows: dict[str, Row] = {}
    for part in parts:
        outcome = posted[_NAME_OF[part](posting.appointment)]
        if isinstance(outcome, Failure):
            return outcome
        rows[part] = outcome
    together = _together(list(rows.values()), posting.expected.currency)
    if not _comes_to(list(rows.values()), posting.expected):  # somebody changed it in the very moment
        return total_differs(posting.appointment, posting.expected, together)
    return PostedInvoice(
        invoice=rows[""]["id"],
        number=rows[""]["name"],
        posted_on=_day(rows[""]),
        total=together,
        patient_number=rows["patient"]["name"] if "patient" in rows else "",
    )


def _day(row: Row) -> date:
    return parse_day(row["date"])
