"""Nothing overtakes: which of an appointment's events still take effect."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from suture.canonical.events import AppointmentArrived, Event
from suture.core.ids import fact_id
from suture.ingest.ordering import ToldStatus, fold
from suture.store.appointments import State

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minute: str) -> datetime | None:
    return NOON + timedelta(minutes=float(minute)) if minute else None


def told(text: str) -> ToldStatus:
    """``a3:arrived@5`` is appointment a's version 3, which puts it in the state arrived and was changed at minute 5."""
    name, _, rest = text.partition(":")
    status, _, minute = rest.partition("@")
    subject, version = f"Appointment/{name[0]}", int(name[1:])
    now = datetime(2026, 3, 2, tzinfo=UTC)
    event = Event(
        id=fact_id(text),
        type="suture.appointment.arrived.v1",
        source="suture/test",
        subject=subject,
        organisation="test-clinics",
        facility=None,
        occurred_at=now,
        recorded_at=now,
        correlation_id=name[0],
        data=msgspec.Raw(msgspec.json.encode(AppointmentArrived(appointment=name[0]))),
        sequence=version,
    )
    return ToldStatus(event, status, at(minute))


def known_as(text: str) -> dict[str, State]:
    """How appointments stand, each told as by `told`."""
    items = map(told, text.split())
    return {one.event.subject: State(one.status, one.event.sequence or 0, one.changed_at) for one in items}


@pytest.mark.parametrize(
    ("known", "arrival", "stale", "states"),
    [
        ("", "", "", ""),
        ("", "a0:booked", "", "a0:booked"),
        ("", "a1:booked a2:arrived", "", "a2:arrived"),
        ("", "a2:arrived a1:booked", "", "a2:arrived"),
        ("a2:arrived", "a1:booked", "a1:booked", ""),
        ("a2:booked", "a2:booked", "", "a2:booked"),
        ("a2:booked", "a1:booked a3:arrived", "a1:booked", "a3:arrived"),
        ("a2:booked", "a1:booked b1:booked", "a1:booked", "b1:booked"),
        ("", "a1:booked a1:booked", "", "a1:booked"),
        ("", "a2:arrived a2:arrived a1:booked", "", "a2:arrived"),
        ("a2:booked@2", "a1:booked@1 a3:arrived@3", "a1:booked@1", "a3:arrived@3"),
        ("a3:fulfilled@3", "a9:cancelled@3", "", "a9:cancelled@3"),
        ("a3:fulfilled@3", "a1:booked@3", "a1:booked@3", ""),
        ("a3:fulfilled", "a1:cancelled@9", "a1:cancelled@9", ""),
        ("a3:fulfilled@3", "a4:cancelled", "", "a4:cancelled@3"),
        ("a3:fulfilled@3", "a1:booked@3.05", "a1:booked@3.05", ""),
    ],
)
def test_versions_decide_what_takes_effect_however_it_arrives(
    known: str, arrival: str, stale: str, states: str
) -> None:
    folded = fold(known_as(known), map(told, arrival.split()))
    assert folded.stale == {told(text).event.id for text in stale.split()}
    assert folded.states == known_as(states)
    assert not folded.contradictions


def test_a_new_appointment_stands_at_no_version() -> None:
    assert fold({"Appointment/a": State("", -1)}, [told("a0:booked")]).states == known_as("a0:booked")


@pytest.mark.parametrize(
    ("known", "arrival", "takes_effect"),
    [
        ("a3:fulfilled@3", "a1:cancelled@9", ""),
        ("a3:fulfilled@3", "a1:fulfilled@9", ""),
        ("a3:fulfilled@3", "a3:cancelled@3", ""),
        ("a3:fulfilled@3", "a3:cancelled@9", ""),
        ("a3:fulfilled", "a3:cancelled", ""),
        ("a1:cancelled@9", "a3:fulfilled@3", ""),
        ("", "a3:fulfilled@3 a1:cancelled@9", "a1:cancelled@9"),
        ("", "a1:cancelled@9 a3:fulfilled@3", "a1:cancelled@9"),
    ],
)
def test_a_version_that_begins_again_lower_is_told_and_takes_no_effect(
    known: str, arrival: str, takes_effect: str
) -> None:
    folded = fold(known_as(known), map(told, arrival.split()))
    assert folded.states == known_as(takes_effect)
    (why,) = folded.contradictions.values()
    assert (why.code, why.subject) == ("version_contradicts", "Appointment/a")
    assert folded.contradictions.keys() == {told(text).event.id for text in arrival.split() if text != takes_effect}
    assert not folded.stale
