"""Processes and interfaces as people steer them, on a real Postgres."""

from datetime import timedelta

import pytest

from suture.acting.actor import NotPossible
from suture.catalogue import Catalogue
from suture.commands import interfaces as commands
from suture.commands import process_commands
from suture.core.clock import ManualClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.steering import ProcessSelection
from suture.views import interfaces, processes

from .recovery import ANN, BILLING, LEDGER, House

A1, A2, A3 = (f"completed_appointment:a{n}" for n in (1, 2, 3))


@pytest.fixture
async def house(database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock, notice) -> House:
    """Three visits: one stuck, one parked, one done."""
    house = House(database, vault, catalogue, clock)
    for name in ("a1", "a2", "a3"):
        await house.deliver(notice("completed", appointment=name))
        await house.ingest()
    await house.stick(A1, capture_charge="done")
    await house.rows("UPDATE process SET state = 'parked', held_by = $2, step = 'x' WHERE key = $1", A2, LEDGER)
    await house.rows("UPDATE process SET state = 'done', finished_at = now() WHERE key = $1", A3)
    return house


async def states(house: House) -> dict[str, str]:
    return dict(await house.rows("SELECT key, state FROM process"))


class TestListed:
    @pytest.mark.parametrize(
        ("selection", "keys"),
        [
            ({}, [A3, A2, A1]),
            ({"state": "stuck"}, [A1]),
            ({"step": "post_invoice"}, [A1]),
            ({"journey": "a2"}, [A2]),
            ({"definition": "posted_payment"}, []),
            ({"keys": (A1, A3)}, [A3, A1]),
        ],
    )
    async def test_by_what_they_are_newest_first(self, house: House, selection: dict, keys: list[str]) -> None:
        found = await processes.processes(house.database, ProcessSelection(**selection))
        assert [one.key for one in found] == keys

    async def test_by_when_they_began(self, house: House) -> None:
        (first, *_) = reversed(await processes.processes(house.database, ProcessSelection()))
        later = ProcessSelection(since=first.started_at + timedelta(microseconds=1))
        assert len(await processes.processes(house.database, later)) == 2

    async def test_with_the_gate_they_wait_at(self, house: House) -> None:
        (parked,) = await processes.processes(house.database, ProcessSelection(state="parked"))
        assert (parked.held_by, parked.released) == (LEDGER, True)


class TestShown:
    async def test_with_its_journal_its_exceptions_and_what_people_did(self, house: House) -> None:
        await process_commands.resume(house.desk, ANN, [A1])
        told = await processes.process(house.database, A1)
        assert told.process.journal["capture_charge"].state == "done"
        assert [trouble.code for trouble in told.exceptions] == ["period_locked"]
        assert [(act.actor, act.action) for act in told.acts] == [("ann", "process.resume")]

    async def test_that_is_not_there_is_not_possible(self, house: House) -> None:
        with pytest.raises(NotPossible, match="there is no process visit:9"):
            await processes.process(house.database, "visit:9")


class TestResumed:
    async def test_only_what_stopped_goes_on_and_the_rest_says_why_not(self, house: House) -> None:
        steered = await process_commands.resume(house.desk, ANN, [A1, A2, A3, "nobody"])
        assert steered.done == (A1,)
        assert steered.refused == (
            (A2, "it is parked and goes on by itself; `suture interfaces` says what it waits for"),
            (A3, "it has ended"),
            ("nobody", "there is no such process"),
        )
        assert (await states(house))[A1] == "running"

    async def test_one_that_waits_for_its_next_try_is_tried_now(self, house: House) -> None:
        later = house.clock.now() + timedelta(hours=1)
        await house.rows("UPDATE process SET state = 'running', due_at = $2, attempt = 7 WHERE key = $1", A1, later)
        assert (await process_commands.resume(house.desk, ANN, [A1])).done == (A1,)
        assert await house.rows("SELECT due_at, attempt FROM process WHERE key = $1", A1) == [(house.clock.now(), 1)]

    async def test_one_that_was_being_undone_goes_on_undoing(self, house: House) -> None:
        await house.rows("UPDATE process SET undoing = true WHERE key = $1", A1)
        await process_commands.resume(house.desk, ANN, [A1])
        assert (await states(house))[A1] == "compensating"


class TestCancelled:
    async def test_ends_where_it_stands_and_closes_its_exception(self, house: House) -> None:
        steered = await process_commands.cancel(house.desk, ANN, [A1, A2, A3])
        assert steered.done == (A1, A2)
        assert steered.refused == ((A3, "it has ended; `suture processes compensate` undoes it"),)
        assert await states(house) == {A1: "cancelled", A2: "cancelled", A3: "done"}
        assert await house.exceptions() == []
        (resolved,) = await house.exceptions("resolved")
        assert resolved.resolved_by == "ann"

    async def test_not_while_a_worker_has_it_in_hand(self, house: House) -> None:
        await house.rows("UPDATE process SET state = 'running', released = false WHERE key = $1", A1)
        steered = await process_commands.cancel(house.desk, ANN, [A1])
        assert steered.refused == ((A1, "a worker has it in hand just now; try again in a moment"),)
        assert await house.acts() == []

    async def test_stays_cancelled_when_its_appointment_is_cancelled_later(self, house: House, notice) -> None:
        await process_commands.cancel(house.desk, ANN, [A1])
        await house.deliver(notice("cancelled", appointment="a1", version=9))
        await house.ingest()
        assert (await states(house))[A1] == "cancelled"


class TestCompensated:
    async def test_undoes_what_stopped_and_what_is_done(self, house: House) -> None:
        steered = await process_commands.compensate(house.desk, ANN, [A1, A2, A3])
        assert steered.done == (A1, A2, A3)
        assert set((await states(house)).values()) == {"compensating"}
        assert len(await house.acts()) == 3

    async def test_twice_says_that_it_is_under_way(self, house: House) -> None:
        await process_commands.compensate(house.desk, ANN, [A1])
        assert (await process_commands.compensate(house.desk, ANN, [A1])).refused == ((A1, "it is being undone"),)

    async def test_of_one_whose_undo_is_stuck_says_so(self, house: House) -> None:
        await house.rows("UPDATE process SET undoing = true WHERE key = $1", A1)
        assert (await process_commands.compensate(house.desk, ANN, [A1])).refused == (
            (A1, "its undo is what is stuck"),
        )


class TestInterfaces:
    async def test_are_all_of_the_catalogue_with_what_waits(self, house: House, notice) -> None:
        await commands.pause(house.desk, ANN, LEDGER)
        await house.deliver(notice(appointment="a9"))
        found = {one.name: one for one in await interfaces.interfaces(house.database, house.catalogue.interfaces)}
        assert found.keys() == house.catalogue.interfaces.keys()
        assert (found[LEDGER].words, found[LEDGER].waiting) == ("paused", 1)
        assert (found[BILLING].words, found[BILLING].waiting) == ("flowing", 0)
        assert found["scheduling-appointments"].waiting == 1

    async def test_paused_twice_or_resumed_for_nothing_says_so_and_leaves_no_trace(self, house: House) -> None:
        with pytest.raises(NotPossible, match="nothing holds odoo-ledger up"):
            await commands.resume(house.desk, ANN, LEDGER)
        await commands.pause(house.desk, ANN, LEDGER)
        with pytest.raises(NotPossible, match="paused already"):
            await commands.pause(house.desk, ANN, LEDGER)
        assert [act for _, act, _ in await house.acts()] == ["interface.pause"]

    @pytest.mark.parametrize("act", [commands.pause, commands.resume])
    async def test_that_the_catalogue_does_not_have_are_named(self, house: House, act) -> None:
        with pytest.raises(
            NotPossible, match="no interface 'oddo'; it has billing-api, billing-payments, odoo-changes"
        ):
            await act(house.desk, ANN, "oddo")
