"""Gates on a real Postgres: what one worker decides holds for all of them."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from suture.acting.context import CommandContext
from suture.commands import interfaces as commands
from suture.core.clock import ManualClock
from suture.core.failure import CircuitOpen, Fatal, Rejected, Unknown
from suture.store import gates as gate_store
from suture.store.database import Database
from suture.store.gates import Gate, Gates
from suture.store.listen import GATES, listen
from suture.store.recorder import Recorder
from suture.views import interfaces

from .recovery import (
    ANN,
    BILLING,
    LEDGER,
    Bench,
    end,
    gate_row,
    governed,
    in_queue,
    make_gates,
    rows,
    running,
)

AWAY = Unknown("no_answer", "billing accepted the call and gave no answer")
WRONG_KEY = Fatal("credentials_refused", "billing refused the credentials (401)", "Renew the secret.")
REFUSAL = Rejected("period_locked", "the period is locked", "Open it.")


class Floor:
    """Two workers on one database, each with gates of its own."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.bench = Bench(database)
        self.one, self.other = (make_gates(database, clock, worker=name) for name in ("w1", "w2"))

    async def turn(self, *gates: Gates, after: float = 0) -> None:
        """Each worker's turn, `after` seconds."""
        self.clock.advance(timedelta(seconds=after))
        for each in gates or (self.one, self.other):
            await each.turn()

    async def open(self) -> None:
        """Worker one sees the system go away; all hear of it."""
        await self.turn()
        fail(self.one(BILLING), 3)
        await self.turn()
        await self.turn()

    async def park(self, *keys: str, step: int = 0) -> None:
        """Processes that wait at the gate, in the order of their start."""
        await self.bench.start(*keys, at=self.clock.now() + timedelta(seconds=step))
        async with self.database.connection() as connection:
            await connection.execute(
                "UPDATE process SET state = 'parked', held_by = $2 WHERE correlation_id = ANY($1)", keys, BILLING
            )

    async def parked(self) -> list[str]:
        found = await rows(self.database, "SELECT correlation_id FROM process WHERE state = 'parked' ORDER BY key")
        return [key for (key,) in found]

    async def probing(self) -> list[str]:
        """The workers that hold the gate half open."""
        return [name for name, gates in (("w1", self.one), ("w2", self.other)) if gates(BILLING).probing]


def fail(gate: Gate, times: int) -> None:
    for _ in range(times):
        gate.began()
        gate.failed(AWAY)


@pytest.fixture
async def floor(database: Database, clock: ManualClock) -> Floor:
    floor = Floor(database, clock)
    await floor.turn()
    return floor


class TestBreaker:
    async def test_opened_by_one_worker_is_shut_for_the_other(self, floor: Floor) -> None:
        fail(floor.one(BILLING), 3)
        assert floor.other(BILLING).flowing
        await floor.turn()
        with pytest.raises(CircuitOpen):
            floor.other(BILLING).enter()
        row = await gate_row(floor.database)
        assert (row.breaker, row.cause, row.openings, row.opened_at) == ("open", "no_answer", 1, floor.clock.now())
        assert floor.one(LEDGER).flowing
        assert floor.other(LEDGER).flowing

    async def test_opened_by_both_at_once_is_opened_once(self, floor: Floor) -> None:
        fail(floor.one(BILLING), 3)
        fail(floor.other(BILLING), 3)
        await floor.turn()
        assert (await gate_row(floor.database)).openings == 1

    async def test_wakes_the_other_worker_at_once(self, floor: Floor, database_url: str, eventually) -> None:
        ear = asyncio.create_task(listen(database_url, {GATES: floor.other.wake}))
        try:
            async with running(floor.one, floor.other):
                await asyncio.sleep(0.3)
                fail(floor.one(BILLING), 3)

                async def shut() -> bool:
                    return not floor.other(BILLING).flowing

                await eventually(shut, seconds=1.5)
        finally:
            await end([ear])

    async def test_is_tried_after_its_pause_by_one_process(self, floor: Floor) -> None:
        await floor.open()
        await floor.park("a", "b", "c")
        await floor.turn(after=4.9)
        assert (await gate_row(floor.database)).breaker == "open"
        await floor.turn(after=0.2)
        assert (await gate_row(floor.database)).breaker == "half_open"
        await floor.turn()
        assert await floor.probing() == ["w1", "w2"], "both know that one may pass, before one comes"
        assert await floor.parked() == ["b", "c"]

    async def test_two_workers_that_try_at_once_let_one_process_go(self, floor: Floor) -> None:
        await floor.open()
        await floor.park("a", "b", "c")
        floor.clock.advance(timedelta(seconds=6))
        for _ in range(3):
            await asyncio.gather(floor.one.turn(), floor.other.turn())
        assert await floor.parked() == ["b", "c"]

    async def test_another_worker_tries_where_nothing_came_of_it(self, floor: Floor) -> None:
        await floor.open()
        await floor.park("a", "b", "c")
        await floor.turn(floor.one, after=6)  # and falls silent
        await floor.turn(floor.other, after=4)
        assert await floor.parked() == ["a", "b", "c"]
        await floor.turn(floor.other, after=2)
        await floor.turn(floor.other)
        assert await floor.parked() == ["b", "c"]

    async def test_tried_in_vain_waits_twice_as_long_up_to_its_longest_pause(self, floor: Floor) -> None:
        await floor.open()
        await floor.park(*"abcdef")
        pauses = []
        for _ in range(3):
            row = await gate_row(floor.database)
            assert row.probe_at is not None
            pauses.append((row.probe_at - floor.clock.now()).total_seconds())
            await floor.turn(after=pauses[-1])
            await floor.turn()
            fail(floor.one(BILLING), 1)
            await floor.turn(floor.one)
        assert pauses == [5, 10, 12]
        row = await gate_row(floor.database)
        assert row.openings == 4
        assert row.opened_at is not None
        assert (floor.clock.now() - row.opened_at).total_seconds() == sum(pauses)

    async def test_tried_with_success_closes_for_both(self, floor: Floor) -> None:
        await floor.open()
        await floor.park("a", "b")
        await floor.turn(after=6)
        await floor.turn()
        floor.one(BILLING).succeeded()
        await floor.turn()
        assert floor.other(BILLING).flowing
        row = await gate_row(floor.database)
        assert (row.breaker, row.cause, row.openings, row.opened_at) == ("closed", "", 0, None)

    async def test_where_nothing_waits_closes_to_let_the_next_try(self, floor: Floor) -> None:
        await floor.open()
        await floor.turn(after=6)
        await floor.turn()
        assert floor.one(BILLING).flowing
        assert floor.other(BILLING).flowing

    async def test_opens_on_silence(self, database: Database, clock: ManualClock) -> None:
        gates = make_gates(database, clock, silences={BILLING: 0.05})
        await gates.turn()
        gates(BILLING).began()
        await asyncio.sleep(0.1)
        await gates.turn()
        row = await gate_row(database)
        assert (row.breaker, row.cause) == ("open", "silent")


class TestItsException:
    async def test_comes_after_a_minute_and_goes_when_the_system_is_back(self, floor: Floor) -> None:
        await floor.open()
        await floor.park("a", "b", "c", "d", "e", "f", "g", "h")
        assert await in_queue(floor.database) == []
        await floor.turn(after=61)
        (trouble,) = await in_queue(floor.database)
        assert (trouble.code, trouble.interface, trouble.owner) == ("system_away", BILLING, "revenue cycle")
        assert "has not answered since 2026-03-02 15:00 UTC: it does not answer in time" in trouble.reason
        assert "Nothing is lost" in trouble.remedy
        assert trouble.due_at - trouble.opened_at == timedelta(hours=4)
        await floor.turn()
        floor.one(BILLING).succeeded()
        await floor.turn()
        assert await in_queue(floor.database) == []
        (resolved,) = await in_queue(floor.database, "resolved")
        assert resolved.resolved_by == "breaker"

    async def test_of_a_wrong_configuration_comes_at_once_and_says_what_to_do(self, floor: Floor) -> None:
        assert floor.one(BILLING).shut(WRONG_KEY)
        await floor.turn()
        await floor.park("a", "b")
        assert not floor.other(BILLING).flowing
        (trouble,) = await in_queue(floor.database)
        assert (trouble.code, trouble.outcome, trouble.owner) == ("credentials_refused", "fatal", "revenue cycle")
        assert trouble.remedy.startswith("Renew the secret.")
        assert (trouble.interface, trouble.subject) == (BILLING, f"Interface/{BILLING}")

    async def test_of_a_wrong_configuration_is_one_for_all_workers(self, floor: Floor) -> None:
        await floor.park(*"abcdef")
        for gates in (floor.one, floor.other):
            gates(BILLING).shut(WRONG_KEY)
            gates(BILLING).shut(WRONG_KEY)
        await floor.turn()
        assert len(await in_queue(floor.database)) == 1

    async def test_of_a_wrong_configuration_still_says_so_after_a_minute(self, floor: Floor) -> None:
        floor.one(BILLING).shut(WRONG_KEY)
        await floor.turn()
        await floor.park(*"abcdefgh")
        await floor.turn(after=90)
        await floor.turn()
        (trouble,) = await in_queue(floor.database)
        assert (trouble.code, trouble.remedy[:17]) == ("credentials_refused", "Renew the secret.")

    async def test_of_a_wrong_configuration_goes_when_it_is_mended(self, floor: Floor) -> None:
        floor.one(BILLING).shut(WRONG_KEY)
        await floor.turn()
        await floor.park("a", "b")
        await floor.turn(after=6)
        floor.other(BILLING).succeeded()
        await floor.turn(floor.other, floor.one)
        assert await in_queue(floor.database) == []
        assert floor.one(BILLING).flowing

    async def test_goes_too_where_nothing_waits_any_more(self, floor: Floor) -> None:
        floor.one(BILLING).shut(WRONG_KEY)
        await floor.turn()
        await floor.turn(after=6)
        await floor.turn()
        assert floor.one(BILLING).flowing
        assert await in_queue(floor.database) == []


class TestPause:
    @pytest.fixture
    def desk(self, floor: Floor, vault, catalogue) -> CommandContext:
        return CommandContext(floor.database, vault, Recorder(()), catalogue, floor.clock)

    async def test_by_a_person_holds_for_all_until_it_is_resumed(self, floor: Floor, desk: CommandContext) -> None:
        await commands.pause(desk, ANN, BILLING)
        await floor.turn()
        for gates in (floor.one, floor.other):
            with pytest.raises(CircuitOpen, match="is paused"):
                gates(BILLING).check()
        (state,) = [
            one for one in await interfaces.interfaces(floor.database, desk.catalogue.interfaces) if one.name == BILLING
        ]
        assert (state.words, state.gate.paused_by, state.gate.pause_reason) == ("paused", "ann", "a test")
        await commands.resume(desk, ANN, BILLING)
        await floor.turn()
        assert floor.one(BILLING).flowing
        assert floor.other(BILLING).flowing

    async def test_by_a_person_outlasts_the_pause_of_a_breaker(self, floor: Floor, desk: CommandContext) -> None:
        await floor.open()
        await floor.park("a")
        await commands.pause(desk, ANN, BILLING)
        await floor.turn(after=60)
        await floor.turn(after=60)
        assert await floor.parked() == ["a"]

    async def test_ended_by_a_person_tries_a_system_that_was_away_at_once(
        self, floor: Floor, desk: CommandContext
    ) -> None:
        await floor.open()
        await floor.park("a")
        await commands.resume(desk, ANN, BILLING)
        await floor.turn()
        await floor.turn()
        assert await floor.parked() == []

    async def test_comes_by_itself_after_too_many_refusals(self, floor: Floor, desk: CommandContext) -> None:
        for _ in range(3):
            floor.one(BILLING).refused(REFUSAL)
        await floor.turn()
        assert not floor.other(BILLING).flowing
        row = await gate_row(floor.database)
        assert row.paused_by == "suture"
        (trouble,) = await in_queue(floor.database)
        assert (trouble.code, trouble.interface) == ("too_many_refusals", BILLING)
        assert "3 or more were refused within 60 s, the last because of “period locked”" in trouble.reason
        assert f"suture resume {BILLING}" in trouble.remedy
        await floor.turn(after=3600)
        assert not floor.one(BILLING).flowing, "a person decides when it goes on"
        await commands.resume(desk, ANN, BILLING)
        await floor.turn()
        assert floor.one(BILLING).flowing
        assert await in_queue(floor.database) == []

    async def test_ended_the_refusals_from_before_are_forgotten(self, floor: Floor, desk: CommandContext) -> None:
        for _ in range(3):
            floor.one(BILLING).refused(REFUSAL)
        await floor.turn()
        await commands.resume(desk, ANN, BILLING)
        await floor.turn()
        floor.one(BILLING).refused(REFUSAL)
        await floor.turn()
        assert floor.one(BILLING).flowing

    async def test_by_a_person_is_not_overridden_by_one_of_its_own(self, floor: Floor, desk: CommandContext) -> None:
        await commands.pause(desk, ANN, BILLING)
        for _ in range(3):
            floor.one(BILLING).refused(REFUSAL)
        await floor.turn()
        assert (await gate_row(floor.database)).paused_by == "ann"
        assert await in_queue(floor.database) == []


class TestDraining:
    @pytest.fixture
    async def slow(self, database: Database, clock: ManualClock) -> Floor:
        floor = Floor(database, clock)
        rules = {BILLING: governed(drain=50), LEDGER: governed(drain=1)}
        floor.one, floor.other = (make_gates(database, clock, worker=name, interfaces=rules) for name in ("w1", "w2"))
        await floor.turn()
        return floor

    async def test_goes_in_the_order_of_the_start(self, floor: Floor) -> None:
        keys = [f"p{n:02}" for n in range(30)]
        await floor.park(*reversed(keys))
        gone = []
        while left := await floor.parked():
            await floor.turn(after=0.2)
            gone.append(set(left) - set(await floor.parked()))
        assert [min(batch) for batch in gone] == ["p20", "p10", "p00"]
        assert [len(batch) for batch in gone] == [10, 10, 10]

    async def test_keeps_the_rate_however_many_workers_there_are(self, floor: Floor) -> None:
        await floor.park(*(f"p{n:03}" for n in range(100)))
        for _ in range(20):
            await floor.turn(after=0.05)
        assert 45 <= 100 - len(await floor.parked()) <= 60, "fifty a second"

    async def test_keeps_a_rate_of_one_a_second(self, slow: Floor) -> None:
        await slow.park(*(f"p{n}" for n in range(9)))
        await rows(slow.database, "UPDATE process SET held_by = $1", LEDGER)
        for _ in range(25):
            await slow.turn(after=0.2)
        assert 5 <= 9 - len(await slow.parked()) <= 6

    async def test_stops_where_the_gate_shuts_again(self, floor: Floor) -> None:
        await floor.park(*(f"p{n:02}" for n in range(30)))
        await floor.turn(after=0.2)
        await floor.open()
        left = await floor.parked()
        await floor.turn(after=1)
        assert await floor.parked() == left != []

    async def test_sends_those_back_that_were_being_undone(self, floor: Floor) -> None:
        await floor.park("a", "b")
        await rows(floor.database, "UPDATE process SET undoing = true WHERE correlation_id = 'b'")
        await floor.turn(after=0.2)
        assert await floor.bench.states() == {"a": "running", "b": "compensating"}


class TestWorkers:
    async def test_are_counted_while_they_are_alive(self, floor: Floor, monkeypatch) -> None:
        monkeypatch.setattr(gate_store, "_BEAT_SECONDS", -1.0)
        await floor.turn()
        assert (floor.one.workers, floor.other.workers) == (2, 2)
        await floor.turn(floor.one, after=10)
        assert floor.one.workers == 2
        await floor.turn(floor.one, after=10)
        assert floor.one.workers == 1, "the other fell silent"

    async def test_that_stop_are_no_longer_counted(self, floor: Floor) -> None:
        async with running(floor.one, floor.other):
            await asyncio.sleep(0.2)
        assert await rows(floor.database, "SELECT name FROM worker") == []

    async def test_outlive_a_database_that_is_away(self, line, clock: ManualClock, eventually) -> None:
        cable, url = line
        database = await Database.connect(url)
        gates = make_gates(database, clock)
        try:
            async with running(gates):
                await asyncio.sleep(0.3)
                await cable.cut()
                fail(gates(BILLING), 3)
                await asyncio.sleep(0.2)
                assert not gates(BILLING).flowing, "what it saw holds for itself at once"
                await cable.mend()

                async def written() -> bool:
                    return (await gate_row(database)).breaker == "open"

                await eventually(written)
        finally:
            await database.close()


async def test_an_interface_that_the_catalogue_no_longer_has_is_left_alone(floor: Floor) -> None:
    await rows(floor.database, "INSERT INTO gate (interface, breaker) VALUES ('retired', 'open')")
    await floor.turn(after=100)
    assert (await gate_row(floor.database, "retired")).breaker == "open"


def test_a_row_knows_whether_it_flows() -> None:
    row = Gate(BILLING).row
    assert row.flowing
    assert not msgspec.structs.replace(row, breaker="half_open").flowing
