"""From a payment that billing posted to a paid invoice.

    await the posted invoice -> apply the payment

Keyed by the payment. Money may arrive before its invoice is posted; it waits for it.
"""

import msgspec

from suture.canonical.events import InvoicePaid, InvoicePosted, PaymentPosted
from suture.canonical.records import Payment
from suture.canonical.routing import Route
from suture.processes.definition import AwaitEvent, Definition, Step
from suture.processes.run import Outcome, Run
from suture.processes.toolbox import Toolbox


async def apply_payment(run: Run[Payment], tools: Toolbox) -> Outcome:
    payment = msgspec.structs.replace(run.input, received_on=await tools.calendar.open_day(run.input.received_on))
    posted = run.result("invoice_posted", InvoicePosted)
    keep_credit = tools.catalogue.ledger.overpayments == "keep"
    applied = await tools.ledger_of(posted.facility).apply_payment(payment, keep_credit=keep_credit)
    fact = InvoicePaid(
        appointment=payment.appointment,
        payment=payment.payment,
        number=applied.invoice_number,
        amount=payment.amount,
        residual=applied.residual,
        payment_state=applied.payment_state,
    )
    return Outcome(applied, (("suture.invoice.paid.v1", fact),))


DEFINITION = Definition(
    name="posted_payment",
    version=1,
    input=Payment,
    steps=(
        AwaitEvent("invoice_posted", "suture.invoice.posted.v1", system="odoo"),
        Step("apply_payment", apply_payment, changes=True, system="odoo"),
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
