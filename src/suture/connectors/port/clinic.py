"""The systems that tell of visits and money: scheduling and billing."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Protocol

from suture.canonical.records import Charge, Eligibility, JournalFact, PricedLine, Visit
from suture.connectors.port.system import Connector


class Scheduling(Connector, Protocol):
    """The system of record for appointments."""

    def facts(self) -> AsyncIterator[JournalFact]:
        """Every appointment as the scheduling system holds it (kind ``appointment``, state its FHIR status)."""
        ...


class Billing(Connector, Protocol):
    """The system of record for charges, prices and payments."""

    async def check_eligibility(self, visit: Visit) -> Eligibility: ...

    async def capture_charge(self, visit: Visit) -> Charge:
        """Capture the visit's charge once; again answers the charge that exists."""
        ...

    async def check_voidable(self, number: str) -> None:
        """Raises `Rejected` where the charge could not be voided now. Changes nothing."""
        ...

    async def void_charge(self, appointment: str, number: str = "") -> str:
        """Void the visit's charge, whose `number` may be known; answers its number, or "" where there is none."""
        ...

    def facts(self) -> AsyncIterator[JournalFact]:
        """Every charge (key: appointment) and payment (key: payment) as billing holds it."""
        ...


def amount_of(line: PricedLine) -> Decimal:
    """A line's amount before rounding."""
    return line.quantity * line.unit_price
