"""Suture's own side: what was told to it and what it told, folded from recorded events into its books. Pure."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import msgspec

from suture.canonical import events as facts
from suture.canonical.events import Event
from suture.catalogue.days import Days
from suture.catalogue.model import ServiceIndex
from suture.core.money import Money
from suture.reconcile.books import COMPLETED
from suture.store.events import UnpublishedEvent
from suture.store.ledger_snapshot import Holding, Price

APPOINTMENT, CHARGE, INVOICE, PAYMENT = (f"suture.{kind}" for kind in ("appointment", "charge", "invoice", "payment"))
SUPPLIES, SHARE = "suture.supplies", "suture.share"

_STATES = {
    "suture.appointment.booked.v1": "booked",
    "suture.appointment.rescheduled.v1": "booked",
    "suture.appointment.arrived.v1": "arrived",
    "suture.appointment.cancelled.v1": "cancelled",
    "suture.appointment.no_show.v1": "noshow",
}


class EventProjection:
    """Folds events, in the order in which they were recorded. Folding the tail again comes to the same: each event
    writes the whole of what it says, and what it ends is ended by its key."""

    def __init__(self, services: ServiceIndex, days: Days) -> None:
        self._services = services
        self._days = days
        self._build: dict[str, Callable[[Event, Any], Iterable[Holding]]] = {
            "suture.appointment.completed.v1": self._completed,
            "suture.charge.captured.v1": self._charged,
            "suture.charge.voided.v1": self._voided,
            "suture.invoice.posted.v1": self._posted,
            "suture.invoice.cancelled.v1": self._cancelled,
            "suture.payment.posted.v1": self._paid,
            **dict.fromkeys(_STATES, self._moved),
        }

    @property
    def types(self) -> list[str]:
        """The event types that say something for the books."""
        return sorted(self._build)

    def fold(self, events: Iterable[Event]) -> list[Holding]:
        """What events come to: of one document the last word."""
        holdings: dict[tuple[str, str, str], Holding] = {}
        for event in events:
            for one in self._build[event.type](event, event.payload()):
                place = (one.book, one.key, one.number)
                holdings[place] = _over(holdings.get(place), one)
        return list(holdings.values())

    def _completed(self, event: Event, told: facts.AppointmentCompleted) -> Iterable[Holding]:
        visit = told.visit
        day, party = self._days.of_visit(visit), visit.payer or ""
        yield self._of(event, APPOINTMENT, visit.appointment, COMPLETED, day=day, party=party)

    def _moved(self, event: Event, told: Any) -> Iterable[Holding]:
        yield self._of(event, APPOINTMENT, told.appointment, _STATES[event.type], stands=False)

    def _charged(self, event: Event, told: facts.ChargeCaptured) -> Iterable[Holding]:
        charge = told.charge
        yield self._of(event, CHARGE, charge.appointment, "captured", amount=charge.total)
        known = [line for line in charge.lines if line.service in self._services.by_code]
        used = self._services.components(known)
        if used:
            due = self._of(event, SUPPLIES, charge.appointment, "due")
            yield msgspec.structs.replace(due, quantity=sum(component.quantity for component in used))
        share = self._services.compensation(known, charge.total.currency)
        if share:
            yield self._of(event, SHARE, charge.appointment, "due", amount=share)

    def _voided(self, event: Event, told: facts.ChargeVoided) -> Iterable[Holding]:
        for book in (CHARGE, SUPPLIES, SHARE):
            yield self._of(event, book, told.appointment, "voided", stands=False)

    def _posted(self, event: Event, told: facts.InvoicePosted) -> Iterable[Holding]:
        yield self._of(event, INVOICE, told.appointment, "posted", amount=told.total)

    def _cancelled(self, event: Event, told: facts.InvoiceCancelled) -> Iterable[Holding]:
        yield self._of(event, INVOICE, told.appointment, "cancelled", stands=False)

    def _paid(self, event: Event, told: facts.PaymentPosted) -> Iterable[Holding]:
        paid = told.payment
        holding = self._of(event, PAYMENT, paid.payment, "told", amount=paid.amount, party=paid.payer or "")
        yield msgspec.structs.replace(holding, appointment=paid.appointment, day=paid.received_on)

    def _of(
        self,
        event: Event,
        book: str,
        key: str,
        state: str,
        *,
        amount: Money | None = None,
        day: date | None = None,
        party: str = "",
        stands: bool = True,
    ) -> Holding:
        return Holding(
            book=book,
            key=key,
            number=key,
            state=state,
            stands=stands,
            day=day or self._days.on(event.occurred_at, event.facility),
            facility=event.facility,
            party=party,
            appointment=key,
            amount=None if amount is None else amount.amount,
            currency=None if amount is None else amount.currency,
            changed_at=event.recorded_at,
            seen_at=event.recorded_at,
        )


def prices(recorded: Iterable[UnpublishedEvent]) -> list[Price]:
    """What services were charged, by facility and currency."""
    charged = [one for one in recorded if one.event.type == "suture.charge.captured.v1"]
    return [
        Price(
            service=line.service,
            facility=one.event.facility or "",
            currency=charge.total.currency,
            price=line.unit_price,
            seq=one.seq,
        )
        for one in charged
        for charge in (one.event.payload().charge,)
        for line in charge.lines
    ]


def _over(before: Holding | None, now: Holding) -> Holding:
    """What was voided or cancelled keeps what it said before."""
    if before is None or now.stands or now.amount is not None or now.book == APPOINTMENT:
        return now
    return msgspec.structs.replace(before, state=now.state, stands=False, changed_at=now.changed_at)
