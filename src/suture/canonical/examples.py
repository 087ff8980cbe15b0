"""An example of every event's data: for the published documents, and for the tests that nothing was forgotten."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from suture.canonical import events as facts
from suture.canonical.events import EVENT_TYPES, Event
from suture.canonical.records import Charge, Payment, PricedLine, ServiceLine, Visit
from suture.core.money import Money

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
USD = Money(Decimal("200.00"), "USD")
BOOKING: dict[str, Any] = {
    "appointment": "a1",
    "patient": "Patient/p1",
    "practitioner": "Practitioner/d1",
    "facility": "MAIN",
    "start": NOON,
}
EXAMPLES: dict[type[msgspec.Struct], msgspec.Struct] = {
    type(example): example
    for example in (
        facts.AppointmentBooked(**BOOKING),
        facts.AppointmentRescheduled(**BOOKING),
        facts.AppointmentArrived(appointment="a1"),
        facts.AppointmentCompleted(
            visit=Visit(
                appointment="a1",
                patient="Patient/p1",
                practitioner="Practitioner/d1",
                facility="MAIN",
                payer=None,
                started_at=NOON,
                ended_at=NOON,
                lines=(ServiceLine(service="OV-EST", unit_price=Decimal("200.00")),),
                day=date(2026, 3, 2),
            )
        ),
        facts.AppointmentCancelled(appointment="a1", reason="weather"),
        facts.AppointmentNoShow(appointment="a1"),
        facts.PartyRegistered(reference="Patient/p1"),
        facts.PatientLinked(patient="Patient/p1", other="Patient/p0", link="replaces"),
        facts.EligibilityAnswered(appointment="a1", payer="Payer/o1"),
        facts.ChargeCaptured(
            charge=Charge(
                number="C1",
                appointment="a1",
                total=USD,
                lines=(PricedLine(service="OV-EST", quantity=Decimal(1), unit_price=Decimal(200)),),
            )
        ),
        facts.ChargeVoided(appointment="a1", number="C1"),
        facts.InvoiceDrafted(appointment="a1", invoice=7, total=USD),
        facts.InvoicePosted(appointment="a1", invoice=7, number="INV/1", total=USD),
        facts.InvoiceCancelled(appointment="a1", invoice=7, number="RINV/1"),
        facts.PaymentPosted(
            payment=Payment(payment="p1", charge="C1", appointment="a1", amount=USD, received_on=date(2026, 3, 2))
        ),
        facts.InvoicePaid(
            appointment="a1",
            payment="p1",
            number="INV/1",
            amount=USD,
            residual=Money.zero("USD"),
            payment_state="paid",
        ),
        facts.StockConsumed(appointment="a1", number="OUT/1", moves=2),
        facts.StockReturned(appointment="a1", number="IN/1"),
        facts.CompensationAccrued(appointment="a1", practitioner="Practitioner/d1", number="ACC/1", amount=USD),
        facts.CompensationReversed(appointment="a1", number="ACC/2"),
        facts.InvoiceChangedByPerson(
            appointment="a1", invoice=7, number="INV/1", what="changed", fields=("amount_total",), total=USD
        ),
        facts.InvoiceSettled(
            appointment="a1", invoice=7, number="INV/1", residual=Money.zero("USD"), payment_state="paid"
        ),
        facts.DiscrepancyFound(
            system="ledger", entity="patient", reference="Patient/p1", what="changed", fields=("street",)
        ),
        facts.DiscrepancyClosed(number=7, rule="charge_gone", reference="a1", what="missing"),
        facts.ReconciliationFinished(run=3, first=date(2026, 3, 1), last=date(2026, 3, 2), found=1, cleared=0),
        facts.PeriodFrozen(month="2026-02", round=1, by="ada"),
        facts.PeriodSigned(month="2026-02", round=1, by="ada"),
        facts.PeriodClosed(month="2026-02", round=1, accrued=USD),
        facts.PeriodReopened(month="2026-02", round=1, by="ada"),
        facts.ServiceUpdated(service="OV-EST", product=3),
        facts.SupplierTold(reference="erp/res.partner/9", partner=9),
        facts.ReceiptValidated(number="WH/IN/1", quantities={"GLOVES": Decimal(7)}),
        facts.StockRunningLow(
            product="GLOVES", facility="MAIN", on_hand=Decimal(2), minimum=Decimal(10), ordered=Decimal(0)
        ),
        facts.ExceptionRaised(exception="e1", code="busy", reason="billing is busy"),
        facts.ExceptionResolved(exception="e1"),
    )
}


def example(event_type: str) -> Event:
    """An event of a type, with every attribute that it may have."""
    return Event(
        id=UUID(int=1),
        type=event_type,
        source="suture/test",
        subject="Appointment/a1",
        organisation="test-clinics",
        facility="MAIN",
        occurred_at=NOON,
        recorded_at=NOON,
        correlation_id="a1",
        sequence=3,
        causation_id=UUID(int=2),
        data=msgspec.Raw(msgspec.json.encode(EXAMPLES[EVENT_TYPES[event_type]])),
    )
