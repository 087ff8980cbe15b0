"""From a completed appointment to a posted invoice.

    resolve -> eligibility -> charge -> draft invoice -> stock -> compensation -> post invoice

Keyed by the appointment, so that a visit which was rescheduled, or whose completion is told twice, is billed once. A
visit that is cancelled after all is undone in reverse: the invoice reversed or its draft cancelled, the accrual
reversed, the stock returned, the charge voided.
"""

import asyncio
from datetime import date

from suture.canonical.events import (
    ChargeCaptured,
    ChargeVoided,
    CompensationAccrued,
    CompensationReversed,
    DiscrepancyFound,
    EligibilityAnswered,
    InvoiceCancelled,
    InvoiceDrafted,
    InvoicePosted,
    StockConsumed,
    StockReturned,
)
from suture.canonical.records import Charge, Eligibility, EligibilityStatus, Visit
from suture.canonical.routing import Route
from suture.connectors.port import (
    AccrualOrder,
    DraftedInvoice,
    InvoiceOrder,
    LedgerEntry,
    LedgerPartner,
    PostedInvoice,
    StockDocument,
    StockOrder,
)
from suture.core.failure import Rejected
from suture.core.money import Money
from suture.engine.definition import Definition, Step
from suture.engine.run import Outcome, Run
from suture.processes.toolbox import Toolbox

VisitRun = Run[Visit]


async def resolve(run: VisitRun, tools: Toolbox) -> Outcome:
    """Everyone and everything that the visit names is known here, before anything is written anywhere."""
    visit = run.input
    await asyncio.gather(
        tools.patient(visit.patient),
        tools.practitioner(visit.practitioner),
        *([tools.payer(visit.payer)] if visit.payer else []),
        *([tools.guarantor(visit.guarantor)] if visit.guarantor else []),
    )
    if not visit.lines:
        raise Rejected(
            "nothing_to_bill",
            "the completed visit names no service",
            "Have the scheduling system send the delivered services, or discard this exception with the reason for"
            " not billing the visit.",
        )
    unknown = sorted({line.service for line in visit.lines} - tools.services.by_code.keys())
    if unknown:
        raise Rejected(
            "service_unknown",
            f"the catalogue has no service {', '.join(unknown)}",
            "Add it to `services` in the catalogue, with its kit, run `suture prepare`, restart the workers, then"
            " retry the exception.",
        )
    if visit.facility not in {facility.code for facility in tools.catalogue.facilities}:
        raise Rejected(
            "facility_unknown",
            f"the catalogue has no facility {visit.facility}",
            "Add it to `facilities` in the catalogue, run `suture prepare`, restart the workers, then retry the"
            " exception.",
        )
    return Outcome()


def is_covered(run: VisitRun, _: Toolbox) -> bool:
    return run.input.payer is not None


async def check_eligibility(run: VisitRun, tools: Toolbox) -> Outcome:
    """The payer is asked whether it covers the patient on that day. A refusal is a person's to decide."""
    answer: Eligibility = await tools.billing.check_eligibility(run.input, tools.days.of_visit(run.input))
    if answer.status is EligibilityStatus.REFUSED and run.input.payer:
        payer = await tools.payer(run.input.payer)
        raise Rejected(
            "coverage_refused",
            f"{payer.name} does not cover this visit: {answer.reason.replace('_', ' ') or 'no reason given'}",
            "Correct the coverage in the scheduling system and have it send the visit again; or bill the "
            "patient: `suture exceptions edit` without the payer.",
        )
    fact = EligibilityAnswered(appointment=run.input.appointment, payer=answer.payer, reason=answer.reason)
    return Outcome(answer, ((f"suture.eligibility.{answer.status}.v1", fact),))


async def capture_charge(run: VisitRun, tools: Toolbox) -> Outcome:
    charge = await tools.billing.capture_charge(run.input, tools.days.of_visit(run.input))
    return Outcome(charge, (("suture.charge.captured.v1", ChargeCaptured(charge=charge)),))


async def check_voidable(run: VisitRun, tools: Toolbox) -> None:
    """A charge that was paid can't be voided: better known before the invoice is reversed than after it."""
    await tools.billing.check_voidable(_charge(run).number)


async def void_charge(run: VisitRun, tools: Toolbox) -> Outcome:
    known = _charge(run).number if run.was_done("capture_charge") else ""
    number = await tools.billing.void_charge(run.input.appointment, known)
    if not number:
        return Outcome()
    fact = ChargeVoided(appointment=run.input.appointment, number=number)
    return Outcome(facts=(("suture.charge.voided.v1", fact),))


async def draft_invoice(run: VisitRun, tools: Toolbox) -> Outcome:
    visit, charge = run.input, _charge(run)
    order = InvoiceOrder(
        appointment=visit.appointment,
        partner=await _partner(visit, tools),
        practitioner=visit.practitioner,
        practitioner_name=(await tools.practitioner(visit.practitioner)).name,
        facility=visit.facility,
        invoice_date=await _day(visit, tools),
        service_date=tools.days.of_visit(visit),
        total=charge.total,
        lines=charge.lines,
        names={line.service: tools.services.by_code[line.service].name for line in charge.lines},
    )
    ledger = tools.ledger_of(visit.facility)
    drafted = await ledger.draft_invoice(order)
    fact = InvoiceDrafted(appointment=visit.appointment, invoice=drafted.invoice, total=drafted.total)
    kept = (
        DiscrepancyFound(system=ledger.name, entity="party", reference=d.reference, what=d.what, fields=d.fields)
        for d in drafted.discrepancies
    )
    return Outcome(
        drafted, (("suture.invoice.drafted.v1", fact), *(("suture.discrepancy.found.v1", one) for one in kept))
    )


async def check_cancellable(run: VisitRun, tools: Toolbox) -> None:
    """What anybody paid, in any way, is asked about before it is undone."""
    await tools.ledger_of(run.input.facility).check_cancellable(run.input.appointment)


async def cancel_invoice(run: VisitRun, tools: Toolbox) -> Outcome:
    """A draft is cancelled; a posted invoice is reversed by a credit note, dated today: its own period may be shut."""
    today = tools.days.on(run.now, run.input.facility)
    number = await tools.ledger_of(run.input.facility).cancel_invoice(run.input.appointment, today)
    if not run.was_done("draft_invoice"):
        return Outcome()  # it was refused: at most a draft stood, and nobody was told of it
    drafted = run.result("draft_invoice", DraftedInvoice)
    fact = InvoiceCancelled(appointment=run.input.appointment, invoice=drafted.invoice, number=number)
    return Outcome(facts=(("suture.invoice.cancelled.v1", fact),))


def uses_supplies(run: VisitRun, tools: Toolbox) -> bool:
    return bool(tools.services.components(run.input.lines))


async def consume_stock(run: VisitRun, tools: Toolbox) -> Outcome:
    visit = run.input
    order = StockOrder(
        appointment=visit.appointment,
        facility=visit.facility,
        on=await _day(visit, tools),
        components=tools.services.components(visit.lines),
    )
    document = await tools.ledger_of(visit.facility).consume_stock(order)
    fact = StockConsumed(appointment=visit.appointment, number=document.number, moves=document.moves)
    return Outcome(document, (("suture.stock.consumed.v1", fact),))


async def return_stock(run: VisitRun, tools: Toolbox) -> Outcome:
    document: StockDocument = await tools.ledger_of(run.input.facility).return_stock(run.input.appointment)
    if not run.was_done("consume_stock"):
        return Outcome()
    fact = StockReturned(appointment=run.input.appointment, number=document.number)
    return Outcome(facts=(("suture.stock.returned.v1", fact),))


def earns_a_share(run: VisitRun, tools: Toolbox) -> bool:
    return bool(_compensation(run, tools))


async def accrue_compensation(run: VisitRun, tools: Toolbox) -> Outcome:
    visit = run.input
    order = AccrualOrder(
        appointment=visit.appointment,
        practitioner=visit.practitioner,
        practitioner_name=(await tools.practitioner(visit.practitioner)).name,
        facility=visit.facility,
        on=await _day(visit, tools),
        amount=_compensation(run, tools),
    )
    entry = await tools.ledger_of(visit.facility).accrue_compensation(order)
    fact = CompensationAccrued(
        appointment=visit.appointment, practitioner=visit.practitioner, number=entry.number, amount=entry.amount
    )
    return Outcome(entry, (("suture.compensation.accrued.v1", fact),))


async def reverse_compensation(run: VisitRun, tools: Toolbox) -> Outcome:
    today = tools.days.on(run.now, run.input.facility)
    entry: LedgerEntry = await tools.ledger_of(run.input.facility).reverse_compensation(run.input.appointment, today)
    if not run.was_done("accrue_compensation"):
        return Outcome()
    fact = CompensationReversed(appointment=run.input.appointment, number=entry.number)
    return Outcome(facts=(("suture.compensation.reversed.v1", fact),))


async def post_invoice(run: VisitRun, tools: Toolbox) -> Outcome:
    visit = run.input
    ledger = tools.ledger_of(visit.facility)
    posted: PostedInvoice = await ledger.post_invoice(visit.appointment, _charge(run).total)
    fact = InvoicePosted(
        appointment=visit.appointment,
        invoice=posted.invoice,
        number=posted.number,
        total=posted.total,
        facility=visit.facility,
        patient=visit.patient,
    )
    return Outcome(posted, (("suture.invoice.posted.v1", fact),))


DEFINITION = Definition(
    name="completed_appointment",
    version=1,
    input=Visit,
    steps=(
        Step("resolve", resolve, role="scheduling"),
        Step("check_eligibility", check_eligibility, when=is_covered, role="billing"),
        Step("capture_charge", capture_charge, undo=void_charge, may_undo=check_voidable, role="billing"),
        Step("draft_invoice", draft_invoice, undo=cancel_invoice, may_undo=check_cancellable, role="ledger"),
        Step("consume_stock", consume_stock, undo=return_stock, when=uses_supplies, role="stock"),
        Step("accrue_compensation", accrue_compensation, undo=reverse_compensation, when=earns_a_share, role="ledger"),
        Step("post_invoice", post_invoice, changes=True, role="ledger"),
    ),
)


ROUTES = (
    Route(
        type="suture.appointment.completed.v1",
        action="start",
        definition=DEFINITION.name,
        version=DEFINITION.version,
        key=lambda completed: completed.visit.appointment,
        input=lambda completed: completed.visit,
        effects=DEFINITION.effects,
    ),
    *(
        Route(
            type=f"suture.appointment.{fact}.v1",
            action="cancel",
            definition=DEFINITION.name,
            version=DEFINITION.version,
            key=lambda told: told.appointment,
        )
        for fact in ("cancelled", "no_show", "booked", "rescheduled", "arrived")
    ),
)
"""A version of the appointment that says it is completed starts the process; any newer one that says otherwise undoes
it, so that what stands in the end follows from the last version, whatever the order in which versions arrived."""


def _charge(run: VisitRun) -> Charge:
    return run.result("capture_charge", Charge)


async def _day(visit: Visit, tools: Toolbox) -> date:
    """The day on which the visit is booked: its own; one in a month that is being closed is booked after it."""
    return await tools.calendar.open_day(tools.days.of_visit(visit))


async def _partner(visit: Visit, tools: Toolbox) -> LedgerPartner:
    """Who gets the invoice: the payer, else the guarantor, else the patient. The ledger learns of no other patient."""
    if visit.payer is None and visit.guarantor is not None:
        return LedgerPartner.of_person(await tools.guarantor(visit.guarantor), "guarantor")
    if visit.payer is None:
        return LedgerPartner.of_patient(await tools.patient(visit.patient))
    payer = await tools.payer(visit.payer)
    return LedgerPartner(reference=payer.reference, name=payer.name, is_company=True)


def _compensation(run: VisitRun, tools: Toolbox) -> Money:
    charge = _charge(run)
    return tools.services.compensation(charge.lines, charge.total.currency)
