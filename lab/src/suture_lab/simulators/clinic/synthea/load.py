"""A folder of FHIR R4 records as a clinic's day: encounters become appointments on the day's clock, in their order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from suture_lab.simulators.clinic.day import (
    AppointmentPlan,
    ClinicDay,
    ClinicService,
    PlannedLine,
    PlannedPayment,
)
from suture_lab.simulators.clinic.synthea.files import Skipped
from suture_lab.simulators.clinic.synthea.shelf import Shelf
from suture_lab.simulators.clinic.synthea.visits import SyntheaVisit, read_visits

OPENS = time(8, 0, tzinfo=UTC)
OPEN_FOR = timedelta(hours=9)

Item = TypeVar("Item")


class Loaded(msgspec.Struct, frozen=True):
    """The day, what was left out of it and why, and how many records were there twice."""

    day: ClinicDay
    skipped: tuple[Skipped, ...]
    duplicates: int


def load(folder: Path, *, day: date, limit: int | None = None) -> Loaded:
    """The records below `folder` as a clinic's day; `limit` takes the most recent encounters.

    No record is fatal: those that can't be read or used are in `Loaded.skipped`. Raises `NotADirectoryError` where
    there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")
    shelf = Shelf(folder)
    visits = sorted(read_visits(shelf), key=lambda visit: (visit.began, visit.id))
    if limit is not None:
        visits = visits[max(0, len(visits) - limit) :]
    return Loaded(_day(visits, day), tuple(shelf.skipped), shelf.duplicates)


def _day(visits: Sequence[SyntheaVisit], day: date) -> ClinicDay:
    services = _services(visits)
    return ClinicDay(
        day=day,
        seed=0,
        currency=visits[0].bills[0].currency if visits else "USD",
        facilities=_distinct(visit.facility for visit in visits),
        practitioners=_distinct(visit.practitioner for visit in visits),
        payers=_distinct(bill.payer for visit in visits for bill in visit.bills if bill.payer),
        patients=_distinct(visit.patient for visit in visits),
        products=(),
        services=tuple(services.values()),
        appointments=tuple(_appointment(visit, start, services) for visit, start in _spread(visits, day)),
    )


def _services(visits: Sequence[SyntheaVisit]) -> dict[str, ClinicService]:
    """Each code as a service; the price that it had first is its list price."""
    services: dict[str, ClinicService] = {}
    for item in (item for visit in visits for item in visit.items):
        if item.code not in services:
            services[item.code] = ClinicService(
                code_system=item.system, code=item.code, name=item.name, price=item.price
            )
    return services


def _spread(visits: Sequence[SyntheaVisit], day: date) -> Iterator[tuple[SyntheaVisit, datetime]]:
    """Visits with their start on the day's clock: evenly over the opening hours, in the order of their own times."""
    opening = datetime.combine(day, OPENS)
    for number, visit in enumerate(visits):
        seconds = OPEN_FOR.total_seconds() * number // len(visits)
        yield visit, opening + timedelta(seconds=seconds)


def _appointment(visit: SyntheaVisit, start: datetime, services: Mapping[str, ClinicService]) -> AppointmentPlan:
    return AppointmentPlan(
        id=visit.id,
        patient=visit.patient.id,
        practitioner=visit.practitioner.id,
        facility=visit.facility.code,
        payer=visit.payer.id if visit.payer else None,
        start=start,
        minutes=visit.minutes,
        story=("booked", "arrived", "completed"),
        lines=tuple(_lines(visit, services)),
        payments=tuple(_payments(visit)),
    )


def _lines(visit: SyntheaVisit, services: Mapping[str, ClinicService]) -> Iterator[PlannedLine]:
    counted = Counter((item.code, item.price) for item in visit.items)
    for (code, price), count in counted.items():
        agreed = None if services[code].price == price else price
        yield PlannedLine(code=code, quantity=Decimal(count), unit_price=agreed)


def _payments(visit: SyntheaVisit) -> Iterator[PlannedPayment]:
    """The claims' payments; the last is cut where together they would exceed the visit's total."""
    still_open = visit.total
    for bill in visit.bills:
        for payment in bill.payments:
            amount = min(payment, still_open)
            if amount > 0:
                still_open -= amount
                yield PlannedPayment(amount=amount, payer=bill.payer.id if bill.payer else None)


def _distinct(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))
