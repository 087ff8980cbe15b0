"""From a payment that billing posted to a paid invoice.

    await the posted invoice -> apply the payment

Keyed by the payment. Money may arrive before its invoice is posted; it waits for it. Where nobody told of the visit at
all a person hears of it soon, and it goes on by itself when the visit comes.
"""

from datetime import timedelta

import msgspec

from suture.canonical.events import InvoicePaid, InvoicePosted, PaymentPosted
from suture.canonical.records import Payer, Payment
from suture.canonical.routing import Route
from suture.connectors.port import LedgerPartner
from suture.engine.definition import AwaitEvent, Definition, Step
from suture.engine.run import Outcome, Run
from suture.processes.toolbox import Toolbox


async def apply_payment(run: Run[Payment], tools: Toolbox) -> Outcome:
    payment = msgspec.structs.replace(run.input, received_on=await tools.calendar.open_day(run.input.received_on))
    posted = run.result("invoice_posted", InvoicePosted)
    keep_credit = tools.catalogue.ledger.overpayments == "keep"
    ledger, partner = tools.ledger_of(posted.facility), await _partner(payment, posted, tools)
    applied = await ledger.apply_payment(payment, partner=partner, keep_credit=keep_credit)
    fact = InvoicePaid(
        appointment=payment.appointment,
        payment=payment.payment,
        number=applied.invoice_number,
        amount=payment.amount,
        residual=applied.residual,
        payment_state=applied.payment_state,
    )
    return Outcome(applied, (("suture.invoice.paid.v1", fact),))


async def _partner(payment: Payment, posted: InvoicePosted, tools: Toolbox) -> LedgerPartner | None:
    """Who paid: the payer that the payment names, or else the visit's patient, where that is known. A payer of whom
    only billing has told goes by its id until its owner tells its name."""
    if payment.payer is not None:
        payer = await tools.parties.get(payment.payer)
        name = payer.name if isinstance(payer, Payer) else payment.payer.partition("/")[2]
        hearsay = not isinstance(payer, Payer)
        return LedgerPartner(reference=payment.payer, name=name, is_company=True, hearsay=hearsay)
    return LedgerPartner.of_patient(await tools.patient(posted.patient)) if posted.patient else None


DEFINITION = Definition(
    name="posted_payment",
    version=1,
    input=Payment,
    steps=(
        AwaitEvent(
            "invoice_posted",
            "suture.invoice.posted.v1",
            patience=timedelta(minutes=5),
            foretell=tuple(f"suture.appointment.{known}.v1" for known in ("completed", "booked", "arrived")),
            role="ledger",
            told_by="billing",
        ),
        Step("apply_payment", apply_payment, changes=True, role="ledger"),
    ),
)


def _key(payload: PaymentPosted) -> str:
    return payload.payment.payment


def _payment(payload: PaymentPosted) -> Payment:
    return payload.payment


ROUTES = (
    Route(
        type="suture.payment.posted.v1",
        action="start",
        definition=DEFINITION.name,
        version=DEFINITION.version,
        key=_key,
        input=_payment,
    ),
)
