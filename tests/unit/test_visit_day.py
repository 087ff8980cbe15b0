"""A visit has one day: the local date, at its facility, on which it ended. All that follows from it is of that day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from suture.canonical.events import AppointmentCompleted, Event, as_told
from suture.canonical.records import ServiceLine, Visit
from suture.catalogue import Catalogue, CatalogueError, parse
from suture.catalogue.days import Days
from suture.catalogue.model import Facility, ServiceIndex
from suture.catalogue.write import template
from suture.connectors.billing import wire
from suture.ingest.decoding import Context
from suture.ingest.fhir_appointment import decode
from suture.reconcile.event_projection import EventProjection

HALLOWEEN = date(2026, 10, 31)


@pytest.fixture
def governed(catalogue: Catalogue) -> Catalogue:
    """The organisation is in New York; NORTH is in Honolulu, EAST in Kiritimati, where days begin first."""
    more = {"NORTH": "Pacific/Honolulu", "EAST": "Pacific/Kiritimati"}
    places = tuple(Facility(code=code, name=code, timezone=zone) for code, zone in more.items())
    return msgspec.structs.replace(catalogue, facilities=(*catalogue.facilities, *places))


def visit(ended_at: str, facility: str = "MAIN", day: date | None = None) -> Visit:
    return Visit(
        appointment="a1",
        patient="Patient/p1",
        practitioner="Practitioner/d1",
        facility=facility,
        payer="Payer/o1",
        started_at=datetime(2026, 10, 31, 12, tzinfo=UTC),
        ended_at=datetime.fromisoformat(ended_at),
        lines=(ServiceLine(service="OV-EST", quantity=Decimal(1)),),
        day=day,
    )


@pytest.mark.parametrize(
    ("ended_at", "facility", "day"),
    [
        ("2026-11-01T01:00:00Z", "MAIN", date(2026, 10, 31)),
        ("2026-10-31T21:00:00-04:00", "MAIN", date(2026, 10, 31)),
        ("2026-11-01T10:00:00+09:00", "MAIN", date(2026, 10, 31)),
        ("2026-11-01T03:59:59Z", "MAIN", date(2026, 10, 31)),
        ("2026-11-01T04:00:00Z", "MAIN", date(2026, 11, 1)),
        ("2026-10-31T21:00:00-10:00", "NORTH", date(2026, 10, 31)),
        ("2026-11-01T09:59:59Z", "NORTH", date(2026, 10, 31)),
        ("2026-11-01T10:00:00Z", "NORTH", date(2026, 11, 1)),
        ("2026-10-31T10:00:00Z", "EAST", date(2026, 11, 1)),
        ("2026-11-01T00:30:00Z", "nobody knows it", date(2026, 10, 31)),
    ],
)
def test_a_visits_day_is_its_facilitys_however_the_instant_is_written(
    governed: Catalogue, ended_at: str, facility: str, day: date
) -> None:
    days = Days(governed)
    told = visit(ended_at, facility)
    assert days.of_visit(told) == days.dated(told).day == day


def test_the_day_that_was_recorded_holds_when_the_zone_is_corrected_later(governed: Catalogue) -> None:
    told = visit("2026-11-01T05:00:00Z", "NORTH", day=date(2026, 11, 1))
    assert Days(governed).of_visit(told) == date(2026, 11, 1)


def test_a_visit_is_recorded_with_its_day(governed: Catalogue, notice: Any) -> None:
    told = notice("completed")
    resources = [entry["resource"] for entry in told["data"]["entry"]]
    next(r for r in resources if r["resourceType"] == "Location")["identifier"] = [{"value": "NORTH"}]
    period = {"start": "2026-11-01T06:30:00Z", "end": "2026-11-01T07:00:00Z"}
    next(r for r in resources if r["resourceType"] == "Encounter")["period"] = period
    context = Context(
        catalogue=governed, system="scheduling", received_at=datetime.now(UTC), facilities=frozenset({"NORTH"})
    )
    (event,) = decode(msgspec.json.encode(told), context).events
    assert event.payload().visit.day == HALLOWEEN


def test_billing_is_asked_and_charged_by_the_day_of_service() -> None:
    told = visit("2026-11-01T01:00:00Z")
    assert wire.eligibility_request(told, "Payer/o1", HALLOWEEN)["service_date"] == HALLOWEEN
    assert wire.charge_request(told, HALLOWEEN)["service_date"] == HALLOWEEN


@pytest.mark.parametrize("recorded", [None, HALLOWEEN])
def test_reconciliations_books_hold_a_visit_on_its_day(governed: Catalogue, recorded: date | None) -> None:
    told = AppointmentCompleted(visit=visit("2026-11-01T07:00:00Z", "NORTH", day=recorded))
    now = datetime(2026, 11, 3, tzinfo=UTC)
    event = Event(
        id=uuid4(),
        type="suture.appointment.completed.v1",
        source="test",
        subject="Appointment/a1",
        organisation="o",
        facility="NORTH",
        occurred_at=now,
        recorded_at=now,
        correlation_id="a1",
        data=msgspec.Raw(msgspec.json.encode(told)),
    )
    (holding,) = EventProjection(ServiceIndex(governed), Days(governed)).fold([event])
    assert holding.day == HALLOWEEN


def test_what_a_source_said_is_the_same_with_and_without_the_day(governed: Catalogue) -> None:
    told = visit("2026-11-01T01:00:00Z")
    dated = Days(governed).dated(told)
    assert as_told(AppointmentCompleted(visit=told)) == as_told(AppointmentCompleted(visit=dated))
    other = msgspec.structs.replace(dated, payer=None)
    assert as_told(AppointmentCompleted(visit=told)) != as_told(AppointmentCompleted(visit=other))


def test_a_day_is_over_everywhere_once_it_is_over_in_the_west(governed: Catalogue) -> None:
    days = Days(governed)
    at = datetime(2026, 11, 1, 9, 59, tzinfo=UTC)  # still the 31st in Honolulu
    assert (days.everywhere_over(at), days.last_begun(at)) == (date(2026, 10, 30), date(2026, 11, 1))
    later = datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert (days.everywhere_over(later), days.last_begun(later)) == (HALLOWEEN, date(2026, 11, 2))
    assert days.westernmost(at) == ZoneInfo("Pacific/Honolulu")
    begin, end = days.moments(HALLOWEEN, HALLOWEEN)
    assert (begin.astimezone(UTC), end.astimezone(UTC)) == (datetime(2026, 10, 30, 10, tzinfo=UTC), later)


def test_a_facilitys_zone_is_checked_with_its_line() -> None:
    name = "    name: Harbour Main Clinic\n"
    text = template().replace(name, f"{name}    timezone: Mars/Base\n")
    with pytest.raises(CatalogueError) as caught:
        parse(text, "catalogue.yaml")
    (problem,) = caught.value.problems
    assert "there is no time zone 'Mars/Base'" in problem.message
    assert "Mars/Base" in text.split("\n")[problem.line - 1]
