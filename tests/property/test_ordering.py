"""Ordering: however an appointment's events arrive and are batched, the end is that of the order they were made in."""

import itertools
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from suture.canonical.events import Event
from suture.core.ids import fact_id
from suture.ingest.ordering import ToldStatus, fold
from suture.store.appointments import State

STATUSES = ("booked", "arrived", "fulfilled", "cancelled", "noshow")


def told(subject: str, version: int, status: str) -> ToldStatus:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    event = Event(
        id=fact_id(subject, str(version)),
        type="suture.appointment.arrived.v1",
        source="suture/test",
        subject=subject,
        organisation="test-clinics",
        facility=None,
        occurred_at=now,
        recorded_at=now,
        correlation_id=subject,
        data=msgspec.Raw(b"{}"),
        sequence=version,
    )
    return ToldStatus(event, status)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[ToldStatus], list[list[ToldStatus]]]:
    """What was made, in order; and how it arrived: in any order, some of it twice, in any batches."""
    made = [
        told(subject, version, draw(st.sampled_from(STATUSES)))
        for subject in ("a", "b", "c")[: draw(st.integers(1, 3))]
        for version in sorted(draw(st.sets(st.integers(0, 20), min_size=1, max_size=8)))
    ]
    arrival = draw(st.permutations(made + draw(st.lists(st.sampled_from(made), max_size=6))))
    cuts = sorted(draw(st.lists(st.integers(0, len(arrival)), max_size=5)))
    edges = [0, *cuts, len(arrival)]
    return made, [arrival[a:b] for a, b in itertools.pairwise(edges)]


@given(histories())
def test_the_end_is_that_of_the_right_order(history: tuple[list[ToldStatus], list[list[ToldStatus]]]) -> None:
    made, batches = history
    known: dict[str, State] = {}
    recorded: set[UUID] = set()
    took_effect: list[ToldStatus] = []
    for batch in batches:
        folded = fold(known, batch)
        assert not folded.contradictions
        for subject, state in folded.states.items():
            assert state.sequence >= known.get(subject, state).sequence, "a version went back"
        known |= folded.states
        for item in batch:  # as the recorder does: an event recorded before is passed over
            if item.event.id not in folded.stale and item.event.id not in recorded:
                took_effect.append(item)
            recorded.add(item.event.id)
    newest = {item.event.subject: item for item in made}
    assert known == {subject: State(item.status, item.event.sequence or 0) for subject, item in newest.items()}
    assert {item.event.id for item in newest.values()} <= {item.event.id for item in took_effect}
    assert len({item.event.id for item in took_effect}) == len(took_effect)
