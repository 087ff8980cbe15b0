"""The systems that tell of visits and money: scheduling and billing."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from suture.canonical.records import Charge, Eligibility, JournalFact, PricedLine, Visit
from suture.connectors.port.reading import Span
from suture.connectors.port.system import Connector


class Scheduling(Connector, Protocol):
    """The system of record for appointments. It is only read here; what it tells comes as deliveries by a contract."""

    def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        """Every appointment (of `span`, where it is given; others of the days around it may be among them) as the
        scheduling system holds it: kind ``appointment``, state its status in FHIR's words. FHIR: Appointment."""
        ...

    def facts_of(self, appointments: Sequence[str]) -> AsyncIterator[JournalFact]:
        """These appointments as the system holds them now; one that it doesn't have is left out."""
        ...

    async def refetch(self, appointment: str) -> bytes | None:
        """What the system would tell of an appointment today: the body of a delivery by its contract, for one that got
        lost. None where it has no such appointment. Raises `Rejected` ``status_untold`` where nothing follows from its
        status."""
        ...


class Billing(Connector, Protocol):
    """The system of record for charges, prices and payments. Amounts are decimals in the currency that they carry. A
    write is idempotent by its key; what was sent and not answered is `Unknown`, and may simply be called again."""

    async def check_eligibility(self, visit: Visit, on: date) -> Eligibility:
        """Whether the visit's payer covers its patient on the day of service; without a payer there is nothing to ask.
        X12: 270/271."""
        ...

    async def capture_charge(self, visit: Visit, on: date) -> Charge:
        """Capture the visit's charge, of this day of service, once; again answers the charge that exists.

        Key: the appointment. Raises `Rejected` ``unknown_code`` for a service that billing has no price for,
        ``no_lines``, ``charge_voided`` where it was voided before, ``external_id_conflict`` and ``charge_differs``
        where what billing holds is not what was asked for. FHIR: ChargeItem.
        """
        ...

    async def check_voidable(self, number: str) -> None:
        """Whether the charge could be voided now: asked before anything is undone, changes nothing. Raises `Rejected`
        ``charge_paid``."""
        ...

    async def void_charge(self, appointment: str, number: str = "") -> str:
        """Void the visit's charge, whose `number` may be known; answers its number, or "" where there is none.

        Key: the appointment. Raises `Rejected` ``charge_paid``.
        """
        ...

    def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        """Every charge and claim (key: appointment) and payment (key: payment) as billing holds it; within `span` by
        the day of service, or of receipt."""
        ...

    def facts_of(self, appointments: Sequence[str]) -> AsyncIterator[JournalFact]:
        """What billing holds of these appointments now, their payments included."""
        ...

    async def refetch(self, payment: str) -> bytes | None:
        """What billing would tell of a payment today: the body of a delivery by its contract, for one that got lost.
        None where it has no such payment."""
        ...


def amount_of(line: PricedLine) -> Decimal:
    """A line's amount before rounding."""
    return line.quantity * line.unit_price
