"""Deliveries read again: what would come of it is said first, what took effect stays as it is, order is kept."""

import asyncio
import copy
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from suture.catalogue import Catalogue
from suture.commands import interfaces as commands
from suture.commands import replaying
from suture.commands.replaying import (
    NOT_UNDERSTOOD,
    TOO_LATE,
    TOOK_EFFECT,
    WAITS,
    WOULD_TAKE_EFFECT,
    Forecast,
)
from suture.core.clock import ManualClock
from suture.ingest.ingester import Ingester
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.delivery_queue import DeliverySelection
from suture.views.interfaces import interfaces as interfaces_of

from .recovery import ANN, House, make_gates

ALL = DeliverySelection(interface="scheduling-appointments")
CORRECTED = "INSERT INTO code_correction (code_table, source, code, actor, reason, at) " \
    "VALUES ('services', 'urn:harbour:services|ODD', 'OV-EST', 'ann', 'a test', now())"  # fmt: skip


@pytest.fixture
def house(database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> House:
    return House(database, vault, catalogue, clock)


def odd(notice: Any, appointment: str = "a1", version: int = 4) -> dict[str, Any]:
    told = copy.deepcopy(notice("completed", appointment=appointment, version=version))
    told["data"]["entry"][-1]["resource"]["code"]["coding"][0]["code"] = "ODD"
    return told


async def forecasts(house: House, selection: DeliverySelection = ALL) -> list[Forecast]:
    return await replaying.forecast(house.desk, selection)


async def replay_all(house: House, rate: float = 1000) -> list[int]:
    """Read everything again, of use or not."""
    found = await forecasts(house)
    forced = [msgspec.structs.replace(one, verdict=WOULD_TAKE_EFFECT) for one in found]
    ids = await replaying.replay(house.desk, ANN, forced, rate)
    house.clock.advance(timedelta(seconds=len(ids) / rate + 1))
    return ids


class TestForecast:
    async def test_says_of_each_delivery_what_would_come_of_it(self, house: House, notice) -> None:
        await house.deliver(
            notice("booked", appointment="a1", version=1),
            odd(notice, "a2"),
            odd(notice, "a3", version=2),
            b"not JSON",
        )
        await house.ingest()
        await house.deliver(notice("cancelled", appointment="a3", version=3))
        await house.ingest()
        await house.deliver(notice("booked", appointment="a9"))
        await house.rows(CORRECTED)
        found = await forecasts(house)
        assert [(one.delivery.id, one.verdict, one.subject) for one in found] == [
            (1, TOOK_EFFECT, "Appointment/a1"),
            (2, WOULD_TAKE_EFFECT, "Appointment/a2"),
            (3, TOO_LATE, "Appointment/a3"),
            (4, NOT_UNDERSTOOD, None),
            (5, TOOK_EFFECT, "Appointment/a3"),
            (6, WAITS, "Appointment/a9"),
        ]
        assert found[1].detail == "suture.appointment.completed.v1"
        assert "the payload does not match the contract" in found[3].detail
        assert [one.is_of_use for one in found] == [False, True, True, False, False, False]

    async def test_changes_nothing(self, house: House, notice) -> None:
        await house.deliver(odd(notice), notice("completed", appointment="a2"))
        await house.ingest()
        before = await world(house)
        await forecasts(house)
        assert await world(house) == before

    @pytest.mark.parametrize(
        ("selection", "ids"),
        [
            ({"state": "excepted"}, [2, 4]),
            ({"code": "code_unmapped"}, [2]),
            ({"key": "Appointment/a3"}, [3]),
            ({"key": "d1"}, [1]),
            ({"ids": (1, 4, 99)}, [1, 4]),
            ({"interface": "billing-payments"}, []),
        ],
    )
    async def test_is_of_those_that_are_chosen(
        self, house: House, notice, selection: dict[str, Any], ids: list[int]
    ) -> None:
        await house.deliver(notice(), odd(notice, "a2"), notice(appointment="a3"), b"not JSON")
        await house.ingest()
        found = await forecasts(house, DeliverySelection(**selection))
        assert [one.delivery.id for one in found] == ids

    async def test_is_of_those_that_came_in_a_time(self, house: House, notice) -> None:
        began = house.clock.now()
        await house.deliver(*(notice(appointment=f"a{n}") for n in range(5)))
        chosen = DeliverySelection(since=began + timedelta(seconds=1), until=began + timedelta(seconds=3))
        assert [one.delivery.id for one in await forecasts(house, chosen)] == [2, 3]

    async def test_may_be_of_many_pages(self, house: House, notice) -> None:
        await house.deliver(*(notice(appointment=f"a{n}") for n in range(450)))
        await house.ingest()
        assert Counter(one.verdict for one in await forecasts(house)) == {TOOK_EFFECT: 450}
        assert len(await replaying.forecast(house.desk, ALL, most=250)) == 250


class TestReplay:
    async def test_of_all_that_took_effect_changes_nothing(self, house: House, notice) -> None:
        kinds = ("booked", "arrived", "completed", "cancelled")
        told = [
            notice(kind, appointment=f"a{n}", version=version)
            for n in range(8)
            for version, kind in enumerate(kinds[: n % 4 + 1], 1)
        ]
        await house.deliver(*told)
        await house.ingest()
        before = await world(house)
        assert len(await replay_all(house)) == len(told)
        await house.ingest()
        assert await world(house) == before
        assert set(await house.states()) == {"ingested"}
        assert await house.exceptions() == []

    async def test_of_what_would_change_nothing_is_not_begun(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        assert await replaying.replay(house.desk, ANN, await forecasts(house)) == []

    async def test_takes_those_of_one_subject_in_order_with_two_ingesters_at_once(self, house: House, notice) -> None:
        """Each appointment's deliveries once more, one at a time, by ingesters that would all like to be first."""
        lives = [[notice("booked", appointment=f"a{n}", version=1), odd(notice, f"a{n}", 2)] for n in range(15)]
        await house.deliver(*(one for life in lives for one in life), *(odd(notice, f"a{n}", 3) for n in range(15)))
        await house.ingest()
        await house.rows(CORRECTED)
        order: list[tuple[str, int]] = []
        one, other = (_noting(house.ingester(), order) for _ in range(2))
        one._most = other._most = 1
        await replay_all(house)
        await house.ingest(one, other)
        assert set(await house.states()) == {"ingested"}
        for n in range(15):
            ids = [identity for subject, identity in order if subject == f"Appointment/a{n}"]
            assert ids == sorted(ids)
            assert len(ids) == 3
        versions = await house.rows("SELECT sequence FROM event WHERE type LIKE '%completed%' AND NOT stale")
        assert Counter(versions) == {(2,): 15, (3,): 15}

    async def test_waits_for_each_delivery_s_turn(self, house: House, notice) -> None:
        await house.deliver(*(odd(notice, f"a{n}") for n in range(4)))
        await house.ingest()
        await house.rows(CORRECTED)
        await replaying.replay(house.desk, ANN, await forecasts(house), rate=0.5)
        for done in range(1, 5):
            await house.ingest()
            assert Counter(await house.states())["ingested"] == done
            house.clock.advance(timedelta(seconds=2))

    async def test_lets_new_deliveries_pass_meanwhile(self, house: House, notice) -> None:
        await house.deliver(*(odd(notice, f"a{n}") for n in range(3)))
        await house.ingest()
        await house.rows(CORRECTED)
        await replaying.replay(house.desk, ANN, await forecasts(house), rate=0.001)
        await house.deliver(notice(appointment="new"))
        await house.ingest()
        assert await house.states() == ["ingested", "received", "received", "ingested"]

    async def test_is_woken_for_the_next_turn(self, house: House, notice, eventually) -> None:
        await house.deliver(odd(notice, "a1"), odd(notice, "a2"))
        await house.ingest()
        await house.rows(CORRECTED)
        await replaying.replay(house.desk, ANN, await forecasts(house), rate=0.2)
        await house.ingest()
        assert await house.ingester()._until_next() == 2.0
        house.clock.advance(timedelta(seconds=4))
        assert await house.ingester()._until_next() == pytest.approx(1.0, abs=0.01)

    async def test_counts_how_often_and_is_signed(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        await house.rows(CORRECTED)
        (identity,) = await replaying.replay(house.desk, ANN, await forecasts(house))
        assert await replaying.replay(house.desk, ANN, await forecasts(house)) == [], "it waits already"
        await house.ingest()
        (known,) = await replaying.outcome(house.desk, [identity])
        assert (known.state, known.replays) == ("ingested", 1)
        ((action, detail),) = await house.rows("SELECT action, detail FROM audit WHERE id = 1")
        assert (action, msgspec.json.decode(detail)) == ("delivery.replay", {"deliveries": [1], "rate": 50.0})

    async def test_of_what_came_too_late_is_kept_and_starts_nothing(self, house: House, notice) -> None:
        await house.deliver(odd(notice, version=2), notice("cancelled", version=3))
        await house.ingest()
        await house.rows(CORRECTED)
        await replaying.replay(house.desk, ANN, await forecasts(house))
        await house.ingest()
        assert await house.told() == [("cancelled", 3, False), ("completed", 2, True)]
        assert await house.rows("SELECT * FROM process") == []
        assert await house.exceptions() == []

    async def test_on_a_paused_interface_waits_until_it_is_resumed(self, house: House, notice) -> None:
        watched = dict(house.catalogue.interfaces)
        gates = make_gates(house.database, house.clock, interfaces=watched)
        await gates.turn()
        await commands.pause(house.desk, ANN, "scheduling-appointments")
        await gates.turn()
        await house.deliver(notice())
        await house.ingest(house.ingester(gates))
        assert await house.states() == ["received"], "taken, and waiting"
        (state, *_) = [one for one in await interfaces_of(house.database, watched) if one.interface.direction == "in"]
        assert (state.words, state.waiting) == ("paused", 1)
        await commands.resume(house.desk, ANN, "scheduling-appointments")
        await gates.turn()
        await house.ingest(house.ingester(gates))
        assert await house.states() == ["ingested"]

    async def test_that_is_refused_too_often_pauses_the_interface(self, house: House, notice) -> None:
        rules = dict(house.catalogue.interfaces)
        door = rules["scheduling-appointments"]
        rules["scheduling-appointments"] = msgspec.structs.replace(
            door, pause_after=msgspec.structs.replace(door.pause_after, count=5)
        )
        gates = make_gates(house.database, house.clock, interfaces=rules)
        await gates.turn()
        await house.deliver(*[b"not JSON"] * 5)
        await house.ingest(house.ingester(gates))
        await gates.turn()
        await house.deliver(notice())
        await house.ingest(house.ingester(gates))
        assert await house.states() == ["excepted"] * 5 + ["received"]
        assert "too_many_refusals" in {trouble.code for trouble in await house.exceptions()}


def _noting(ingester: Ingester, order: list[tuple[str, int]]) -> Ingester:
    """Notes in which order an ingester takes deliveries, as (subject, id)."""
    understand = ingester._understand

    async def noted(delivery: Any, now: datetime) -> Any:
        told = await understand(delivery, now)
        order.append((told.events[0].subject, delivery.id))
        await asyncio.sleep(0.002)
        return told

    ingester._understand = noted  # type: ignore[method-assign]
    return ingester


async def world(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """All that took effect."""
    return {
        table: await house.rows(f"SELECT * FROM {table} ORDER BY 1")
        for table in ("event", "process", "appointment", "party", "exception", "outbox")
    }


class TestToldAgain:
    @pytest.mark.parametrize("together", [False, True], ids=["one after the other", "in one batch"])
    async def test_a_version_with_other_content_is_a_person_s_to_look_at(
        self, house: House, notice, together: bool
    ) -> None:
        for patient in ("p1", "p9"):
            await house.deliver(notice("completed", version=4, patient=patient))
            if not together:
                await house.ingest()
        await house.ingest()
        (trouble,) = await house.exceptions()
        assert (trouble.code, trouble.owner, trouble.subject) == (
            "told_differently",
            "clinic operations",
            "Appointment/a1",
        )
        assert "under the same version with different content" in trouble.reason
        ((told,),) = await house.rows("SELECT input FROM process")
        assert msgspec.json.decode(told)["patient"] == "Patient/p1", "the first version stays in force"

    async def test_the_same_words_are_no_news(self, house: House, notice) -> None:
        for _ in range(3):
            await house.deliver(notice("completed", version=4))
            await house.ingest()
        assert await house.exceptions() == []

    async def test_of_a_visit_that_is_corrected_before_it_was_taken_up_the_correction_counts(
        self, house: House, notice
    ) -> None:
        await house.deliver(notice("completed", version=4))
        await house.deliver(notice("completed", version=5, patient="p9"))
        await house.ingest()
        ((told,),) = await house.rows("SELECT input FROM process")
        assert msgspec.json.decode(told)["patient"] == "Patient/p9"
        assert await house.exceptions() == []

    async def test_a_visit_that_is_corrected_after_it_was_billed_is_a_person_s_to_look_at(
        self, house: House, notice
    ) -> None:
        await house.deliver(notice("completed", version=4))
        await house.ingest()
        await house.rows(
            """UPDATE process SET journal = '{"capture_charge": {"state": "done", "at": "2026-03-02T15:00:00Z"}}'"""
        )
        await house.deliver(notice("completed", version=5, patient="p9"))
        await house.ingest()
        (trouble,) = await house.exceptions()
        assert (trouble.code, trouble.subject) == ("told_again", "Appointment/a1")

    async def test_a_newer_version_that_says_the_same_is_no_news(self, house: House, notice) -> None:
        for version in (4, 5):
            await house.deliver(notice("completed", version=version))
            await house.ingest()
        assert await house.exceptions() == []

    @pytest.mark.parametrize(
        "journal", [{}, {"resolve": "done", "check_eligibility": "done"}, {"capture_charge": "refused"}]
    )
    async def test_a_process_that_is_stuck_before_it_wrote_anything_takes_the_corrected_visit(
        self, house: House, notice, journal: dict[str, str]
    ) -> None:
        await house.deliver(notice("completed", version=4))
        await house.ingest()
        await house.stick("completed_appointment:a1", **journal)
        await house.deliver(notice("completed", version=5, patient="p9"))
        await house.ingest()
        ((told, state, written, fence, round_),) = await house.rows(
            "SELECT input, state, journal, fence, round FROM process"
        )
        assert msgspec.json.decode(told)["patient"] == "Patient/p9"
        assert (state, fence, round_) == ("running", 1, 1)
        kept = {step: record["state"] for step, record in msgspec.json.decode(written).items()}
        left_behind = {step: state for step, state in journal.items() if state == "refused"}
        assert kept == left_behind, "what a refused step may have left outside is not forgotten"
        assert await house.exceptions() == []
        (resolved,) = await house.exceptions("resolved")
        assert resolved.resolved_by == "told anew"
        assert await house.told("suture.exception.resolved") == [("resolved", None, False)]

    @pytest.mark.parametrize("state", ["done", "begun", "undone"])
    async def test_a_process_that_wrote_something_does_not_begin_anew(self, house: House, notice, state: str) -> None:
        await house.deliver(notice("completed", version=4))
        await house.ingest()
        await house.stick("completed_appointment:a1", capture_charge=state)
        await house.deliver(notice("completed", version=5, patient="p9"))
        await house.ingest()
        assert {trouble.code for trouble in await house.exceptions()} == {"period_locked", "told_again"}
        assert await house.rows("SELECT state FROM process") == [("stuck",)]

    async def test_a_visit_that_was_cancelled_before_it_was_billed_begins_anew_when_it_took_place_after_all(
        self, house: House, notice
    ) -> None:
        await house.deliver(notice("completed", version=4))
        await house.ingest()
        await house.rows("UPDATE process SET state = 'compensated', cancel_requested = true, undoing = true")
        await house.deliver(notice("completed", version=6))
        await house.ingest()
        assert await house.rows("SELECT state, cancel_requested, undoing FROM process") == [("running", False, False)]
        assert await house.exceptions() == []


class TestRecordsOfPeople:
    async def test_an_older_record_does_not_overwrite_a_newer_one(self, house: House, notice) -> None:
        await house.deliver(odd(notice, "a1", version=2))
        await house.ingest()
        newer = notice("booked", appointment="a2", version=9, family="Newer")
        await house.deliver(newer)
        await house.ingest()
        await house.rows(CORRECTED)
        await replaying.replay(house.desk, ANN, await forecasts(house))
        await house.ingest()
        assert await house.told() == [("booked", 9, False), ("completed", 2, False)], "the visit takes effect"
        patient = await house.parties.get("Patient/p1")
        assert getattr(patient, "family", None) == "Newer", "and its patient's old name does not"

    async def test_a_newer_record_overwrites_an_older_one_whoever_is_first(self, house: House, notice) -> None:
        await house.deliver(
            notice("booked", appointment="a2", version=9, family="Newer"), notice("booked", appointment="a1", version=2)
        )
        await house.ingest()
        patient = await house.parties.get("Patient/p1")
        assert getattr(patient, "family", None) == "Newer"
