"""Credit notes in batches: a whole invoice undone, or a part of it corrected."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from suture.connectors.odoo.documents import document_rows
from suture.connectors.odoo.documents.document_rows import Document
from suture.connectors.odoo.documents.matching import items_of, take_apart
from suture.connectors.odoo.documents.posting import missing, total_of
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import CreditOrder, LedgerEntry
from suture.core.failure import Failure, Rejected
from suture.core.money import Money

_LINE_FIELDS = ("move_id", "product_id", "name", "quantity", "price_unit", "tax_ids", "analytic_distribution")
_HEAD_FIELDS = (
    *("state", "name", "ref", "invoice_origin", "amount_residual", "amount_total"),
    *("partner_id", "journal_id", "company_id", "currency_id"),
)


class Cancellation(msgspec.Struct, frozen=True):
    appointment: str
    on: date


async def cancel(session: CompanySession, cancellations: Sequence[Cancellation]) -> Sequence[str | Failure]:
    """Drafts are cancelled, posted invoices get a posted credit note; what was never drafted needs nothing. Whoever
    paid one meanwhile has that to the own credit, not to the credit of whom was billed."""
    parts = await session.parts([c.appointment for c in cancellations])
    ids = [i for of in parts.values() for i in of.values()]
    heads = await session.odoo.read("account.move", ids, _HEAD_FIELDS) if ids else {}
    drafts = [identifier for identifier, head in heads.items() if head["state"] == "draft"]
    if drafts:
        await session.odoo.do("account.move", "button_cancel", drafts)
    posted = [head for head in heads.values() if head["state"] == "posted"]
    await take_apart(session, list(await _paid_by(session, [head["id"] for head in posted])))
    on = {c.appointment: c.on for c in cancellations}
    numbers = await _credit(session, posted, on, parts)
    return [numbers.get(c.appointment, "") for c in cancellations]


async def check_cancellable(session: CompanySession, appointment: str) -> None:
    """Raises `Rejected` where somebody paid a visit's invoice, in any way: undoing it would leave that money without
    its claim. Our own credit notes pay nothing."""
    invoices = [i for of in (await session.parts([appointment])).values() for i in of.values()]
    paid = await _paid_by(session, invoices)
    if paid:
        names = ", ".join(sorted(set(paid.values())))
        raise Rejected(
            "invoice_paid",
            f"The invoice of {appointment} is settled in Odoo by {names}",
            "Reverse the payments: a payer's claim by the payer's reversal (`suture remittance`), a payment posted by"
            " billing by a refund in billing and a reversal of its entry in Odoo, anything else in Odoo; then retry"
            " this exception. If the visit is to stay billed, discard it with --leave.",
        )


async def _paid_by(session: CompanySession, invoices: Sequence[int]) -> dict[int, str]:
    """The lines that invoices were matched with, besides those of credit notes, and their entries' numbers."""
    lines = [one.line for of in (await items_of(session, invoices)).values() for one in of]
    if not lines:
        return {}
    partials = await session.odoo.search(
        "account.partial.reconcile", [["debit_move_id", "in", lines]], ["credit_move_id"]
    )
    credits = sorted({row["credit_move_id"] for row in partials})
    found = await session.odoo.read("account.move.line", credits, ["move_id"]) if credits else {}
    moves = sorted({row["move_id"] for row in found.values()})
    entries = await session.odoo.read("account.move", moves, ["name", "move_type"]) if moves else {}
    return {
        line: str(entries[row["move_id"]]["name"])
        for line, row in found.items()
        if entries[row["move_id"]]["move_type"] != "out_refund"
    }


async def _credit(
    session: CompanySession, posted: Sequence[Row], on: Mapping[str, date], parts: Mapping[str, Mapping[str, int]]
) -> dict[str, str | Failure]:
    """A credit note a posted invoice; answers the number of the first by appointment."""
    appointment_of = {i: appointment for appointment, of in parts.items() for i in of.values()}
    lines = await _lines(session, [head["id"] for head in posted])
    notes = [
        document_rows.credit_note(
            (key := appointment_of[head["id"]]), head, lines[head["id"]], on[key], session.organisation
        )
        for head in posted
    ]
    outcomes = await _write_and_post(session, notes)
    numbers: dict[str, str | Failure] = {}
    for head, outcome in zip(posted, outcomes, strict=True):
        number = outcome if isinstance(outcome, Failure) else str(outcome["name"])
        if isinstance(number, Failure) or not isinstance(numbers.get(appointment_of[head["id"]]), Failure):
            numbers.setdefault(appointment_of[head["id"]], number)
    return numbers


async def credit(session: CompanySession, orders: Sequence[CreditOrder]) -> Sequence[LedgerEntry | Failure]:
    """A credit note over what was corrected, reconciled with its invoice as it is posted. `orders` holds at most one
    of each invoice."""
    parts = await session.parts([order.appointment for order in orders])
    invoices = {o.key: parts.get(o.appointment, {}).get(o.part) for o in orders}
    ids = [i for i in invoices.values() if i]
    heads = await session.odoo.read("account.move", ids, _HEAD_FIELDS) if ids else {}
    posted = {o.key: head for o in orders if (head := heads.get(invoices[o.key] or 0)) and head["state"] == "posted"}
    lines = await _lines(session, [head["id"] for head in posted.values()])
    notes = {
        o.key: document_rows.part_credit(
            o,
            posted[o.key],
            _analytic(lines[posted[o.key]["id"]]),
            await session.articles.get(line.service for line in o.lines),
            session.organisation,
        )
        for o in orders
        if o.key in posted
    }
    outcomes = dict(
        zip(notes, await _write_and_post(session, list(notes.values()), {o.key: o.total for o in orders}), strict=True)
    )
    return [
        _credited(outcomes[o.key], o.total.currency)
        if o.key in outcomes
        else missing(f"the posted invoice of {o.appointment}")
        for o in orders
    ]


def _analytic(lines: Sequence[Row]) -> Row:
    """The facility and practitioner of an invoice, as its lines have them."""
    return next((line["analytic_distribution"] for line in lines if line["analytic_distribution"]), {})


def _credited(outcome: Row | Failure, currency: str) -> LedgerEntry | Failure:
    if isinstance(outcome, Failure):
        return outcome
    return LedgerEntry(number=str(outcome["name"]), amount=total_of(outcome, currency))


async def _lines(session: CompanySession, invoices: Sequence[int]) -> dict[int, list[Row]]:
    lines: dict[int, list[Row]] = defaultdict(list)
    if invoices:
        domain = [["move_id", "in", list(invoices)], ["display_type", "=", "product"]]
        for line in await session.odoo.search("account.move.line", domain, _LINE_FIELDS):
            lines[line["move_id"]].append(line)
    return lines


async def _write_and_post(
    session: CompanySession, notes: Sequence[Document], totals: Mapping[str, Money] | None = None
) -> list[Row | Failure]:
    """Each note posted and read back, or why not, in order."""
    written = await session.write("account.move", notes)
    moves = {note.name: i for note, i in zip(notes, written, strict=True) if isinstance(i, int)}
    expected = {external_id("credit_part", key): amount for key, amount in (totals or {}).items()}
    posted = await session.post(moves, expected)
    return [
        outcome if isinstance(outcome, Failure) else posted[note.name]
        for note, outcome in zip(notes, written, strict=True)
    ]
