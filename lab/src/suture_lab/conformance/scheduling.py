"""The behaviour that every scheduling system shows, as tests: a connector's test module subclasses
`SchedulingConformance`."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

import pytest

from suture.connectors.port import Scheduling, Span
from suture.core.failure import Failure, Fatal, Retriable

NOWHERE = "http://127.0.0.1:1"


class Clinic(Protocol):
    """A scheduling system that holds something. `held` are its appointments' states (FHIR's words) by id, all of one
    `day`."""

    held: Mapping[str, str]
    day: date

    def connect(self, *, credential: str | None = None, url: str | None = None) -> Scheduling:
        """A new connector to it; with another credential or address than the right ones, where they are given. Whoever
        asks for it closes it."""
        ...


class SchedulingConformance:
    """Needs one fixture, `clinic`: a `Clinic`."""

    async def test_every_appointment_is_a_fact(self, clinic: Clinic) -> None:
        system = clinic.connect()
        facts = [fact async for fact in system.facts()]
        await system.close()
        assert {fact.key: fact.state for fact in facts} == clinic.held
        assert {fact.kind for fact in facts} == {"appointment"}

    async def test_a_span_holds_what_is_of_its_days(self, clinic: Clinic) -> None:
        system, year = clinic.connect(), timedelta(days=365)
        of_the_day = {fact.key async for fact in system.facts(Span(clinic.day, clinic.day))}
        of_before = {fact.key async for fact in system.facts(Span(clinic.day - 2 * year, clinic.day - year))}
        await system.close()
        assert of_the_day == clinic.held.keys()
        assert of_before == set()

    async def test_those_that_are_asked_for_are_answered_and_none_that_it_does_not_have(self, clinic: Clinic) -> None:
        system, wanted = clinic.connect(), sorted(clinic.held)[:3]
        found = {fact.key: fact.state async for fact in system.facts_of([*wanted, "nowhere-1"])}
        await system.close()
        assert found == {key: clinic.held[key] for key in wanted}

    async def test_what_got_lost_is_told_as_a_delivery_would_tell_it(self, clinic: Clinic) -> None:
        system, one = clinic.connect(), next(key for key, state in clinic.held.items() if state == "fulfilled")
        told, unknown = await system.refetch(one), await system.refetch("nowhere-1")
        await system.close()
        assert told is not None
        assert one.encode() in told
        assert unknown is None

    async def test_a_wrong_secret_is_fatal_and_says_what_is_to_be_mended(self, clinic: Clinic) -> None:
        system = clinic.connect(credential="wrong")
        with pytest.raises(Fatal) as caught:
            _ = [fact async for fact in system.facts()]
        with pytest.raises(Fatal):
            await system.ping()
        health = await system.health()
        await system.close()
        assert caught.value.remedy
        assert (health.reachable, bool(health.remedies)) == (True, True)

    async def test_a_system_that_is_not_there_is_asked_again_later(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("suture.connectors.read_retry.ATTEMPTS", 1)
        system = clinic.connect(url=NOWHERE)
        with pytest.raises(Failure) as caught:
            _ = [fact async for fact in system.facts()]
        health = await system.health()
        await system.close()
        assert isinstance(caught.value, Retriable)
        assert not health.reachable

    async def test_one_that_is_well_says_so(self, clinic: Clinic) -> None:
        system = clinic.connect()
        await system.ping()
        health = await system.health()
        await system.close()
        assert (health.reachable, health.remedies) == (True, ())
