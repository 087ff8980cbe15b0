"""Appointments and how far they are."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from suture.acting.actor import Actor
from suture.gateway.api.calling import Cursor, Limit, TheContext, cursor_of, parts_of, scoped
from suture.gateway.api.models import (
    Amount,
    AppointmentAnswer,
    AppointmentDetail,
    AppointmentPage,
    InvoiceAnswer,
    Moment,
    PathId,
    TroubleAnswer,
)
from suture.gateway.api.problems import ApiProblem, not_found
from suture.store import exceptions, journeys
from suture.store.journeys import JourneyRow

router = APIRouter(tags=["appointments"])
Reader = Annotated[Actor, Depends(scoped("appointments:read"))]
Status = Literal["booked", "arrived", "fulfilled", "cancelled", "noshow"]


@router.get("/v1/appointments")
async def page(
    context: TheContext,
    _: Reader,
    response: Response,
    *,
    status: Status | None = None,
    since: Annotated[Moment | None, Query(description="Only those that changed since.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AppointmentPage:
    """List appointments, those that moved last first."""
    after = _place(cursor) if cursor else None
    async with context.database.connection() as connection:
        rows = await journeys.page(
            connection, status or "", datetime.fromisoformat(since) if since else None, after, limit + 1
        )
    following = None
    if len(rows) > limit and rows[limit - 1].updated_at is not None:
        last = rows[limit - 1]
        following = cursor_of(str(last.updated_at), last.appointment)
        response.headers["Link"] = f'</v1/appointments?cursor={following}&limit={limit}>; rel="next"'
    return AppointmentPage(appointments=[answer(row) for row in rows[:limit]], next=following)


@router.get("/v1/appointments/{appointment_id}")
async def read(context: TheContext, _: Reader, appointment_id: PathId) -> AppointmentDetail:
    """Read an appointment: its status, the milestones it reached, and what holds it up."""
    async with context.database.connection() as connection:
        row = await journeys.one(connection, appointment_id)
        troubles = await exceptions.of_subjects(connection, [f"Appointment/{appointment_id}"]) if row else []
    if row is None:
        raise not_found("such appointment")
    held = [TroubleAnswer.model_validate(one) for one in troubles if one.state == "open"]
    return AppointmentDetail(**answer(row).model_dump(), open_exceptions=held)


def answer(row: JourneyRow) -> AppointmentAnswer:
    return AppointmentAnswer(
        id=row.appointment,
        status=row.status,
        facility=row.facility,
        start_at=row.start_at,
        milestones=row.milestones,
        charged=amount(row.charge_total, row.currency),
        invoice=invoice(row),
        updated_at=row.updated_at,  # type: ignore[arg-type]
    )


def invoice(row: JourneyRow) -> InvoiceAnswer | None:
    if row.invoice_number is None:
        return None
    return InvoiceAnswer(
        appointment=row.appointment,
        number=row.invoice_number,
        total=amount(row.invoice_total, row.currency),
        open=amount(row.residual, row.currency),
        payment_state=row.payment_state,
        posted_at=row.milestones.get("posted"),
    )


def amount(value: Decimal | None, currency: str | None) -> Amount | None:
    return None if value is None or currency is None else Amount(amount=value, currency=currency)


def _place(cursor: str) -> tuple[datetime, str]:
    at, appointment = parts_of(cursor, 2)
    try:
        return datetime.fromisoformat(at), appointment
    except ValueError as error:
        raise ApiProblem(404, "no_such_place", "The cursor is not valid for this list.") from error
