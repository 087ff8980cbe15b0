"""Invoices and payments: have a visit billed, and see how money stands."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from suture.acting.actor import Actor
from suture.canonical.records import ServiceLine, Visit
from suture.commands.billing_api import NotBillable
from suture.commands.table import BillVisit, perform
from suture.core.money import Money
from suture.gateway.api.calling import IdempotencyKey, TheContext, scoped
from suture.gateway.api.models import Amount, InvoiceAccepted, InvoiceAnswer, InvoiceRequest, PathId, PaymentAnswer
from suture.gateway.api.problems import ApiProblem, not_found
from suture.gateway.api.routes.appointments import invoice
from suture.store import journeys
from suture.views import billing

router = APIRouter(tags=["invoices"])
Writer = Annotated[Actor, Depends(scoped("invoices:write"))]
Reader = Annotated[Actor, Depends(scoped("invoices:read"))]
PaymentReader = Annotated[Actor, Depends(scoped("payments:read"))]


@router.post("/v1/invoices", status_code=202)
async def create(
    context: TheContext, writer: Writer, wanted: InvoiceRequest, response: Response, _: IdempotencyKey = None
) -> InvoiceAccepted:
    """Have a completed visit billed: it is charged, invoiced and posted like one that the scheduling system tells of.
    The same visit again changes nothing."""
    try:
        await perform(context, writer, "visits.bill", BillVisit(visit=_visit(wanted)))
    except NotBillable as error:
        raise ApiProblem(
            409, "not_billable", "The visit can't be billed as described.", errors=error.problems
        ) from error
    status = f"/v1/appointments/{wanted.appointment}"
    response.headers["Location"] = status
    return InvoiceAccepted(appointment=wanted.appointment, status=status)


@router.get("/v1/invoices/{appointment_id}")
async def read(context: TheContext, _: Reader, appointment_id: PathId) -> InvoiceAnswer:
    """Read the invoice of an appointment."""
    async with context.database.connection() as connection:
        row = await journeys.one(connection, appointment_id)
    found = invoice(row) if row else None
    if found is None:
        raise not_found("invoice of such an appointment")
    return found


@router.get("/v1/payments/{payment_id}")
async def payment(context: TheContext, _: PaymentReader, payment_id: PathId) -> PaymentAnswer:
    """Read how a payment stands: posted by billing, or applied to its invoice in the ledger."""
    found = await billing.payment(context, payment_id)
    if found is None:
        raise not_found("such payment")
    return PaymentAnswer(
        payment=found.payment,
        appointment=found.appointment,
        amount=_amount(found.amount),
        received_on=found.received_on,
        state=found.state,
        invoice_number=found.invoice_number,
        residual=_amount(found.residual) if found.residual else None,
        applied_at=found.applied_at,
    )


def _amount(money: Money) -> Amount:
    return Amount(amount=money.amount, currency=money.currency)


def _visit(wanted: InvoiceRequest) -> Visit:
    return Visit(
        appointment=wanted.appointment,
        patient=f"Patient/{wanted.patient}",
        practitioner=f"Practitioner/{wanted.practitioner}",
        facility=wanted.facility,
        payer=f"Payer/{wanted.payer}" if wanted.payer else None,
        started_at=datetime.fromisoformat(wanted.started_at),
        ended_at=datetime.fromisoformat(wanted.ended_at),
        lines=tuple(
            ServiceLine(
                service=line.service,
                quantity=Decimal(line.quantity),
                unit_price=None if line.unit_price is None else Decimal(line.unit_price),
            )
            for line in wanted.lines
        ),
    )
