"""Nothing overtakes: which of an appointment's events still take effect."""

from datetime import UTC, datetime

import msgspec
import pytest

from suture.canonical.events import AppointmentArrived, Event
from suture.core.ids import fact_id
from suture.ingest.ordering import State, Told, fold


def told(text: str) -> Told:
    """``a3:arrived`` is appointment a's version 3, which puts it in the state arrived."""
    name, status = text.split(":")
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
    return Told(event, status)


@pytest.mark.parametrize(
    ("known", "arrival", "stale", "states"),
    [
        ({}, "", "", {}),
        ({"a": -1}, "a1:booked", "", {"a": ("booked", 1)}),
        ({}, "a0:booked", "", {"a": ("booked", 0)}),
        ({}, "a1:booked a2:arrived", "", {"a": ("arrived", 2)}),
        ({}, "a2:arrived a1:booked", "", {"a": ("arrived", 2)}),
        ({"a": 2}, "a1:booked", "a1:booked", {}),
        ({"a": 2}, "a2:booked", "a2:booked", {}),
        ({"a": 2}, "a1:booked a3:arrived", "a1:booked", {"a": ("arrived", 3)}),
        ({"a": 2}, "a1:booked b1:booked", "a1:booked", {"b": ("booked", 1)}),
        ({}, "a1:booked a1:arrived", "a1:arrived", {"a": ("booked", 1)}),
        ({}, "a1:booked a1:booked", "", {"a": ("booked", 1)}),
        ({}, "a2:arrived a2:arrived a1:booked", "", {"a": ("arrived", 2)}),
    ],
)
def test_fold(known: dict[str, int], arrival: str, stale: str, states: dict[str, tuple[str, int]]) -> None:
    found_stale, found_states = fold(
        {f"Appointment/{name}": version for name, version in known.items()}, map(told, arrival.split())
    )
    assert found_stale == {told(text).event.id for text in stale.split()}
    assert found_states == {f"Appointment/{name}": State(*state) for name, state in states.items()}
