"""The exception queue as people work it, on a real Postgres; every act of theirs is in the audit trail."""

import copy
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.catalogue import Catalogue
from suture.commands import exception_queue, process_commands
from suture.core.clock import ManualClock
from suture.core.failure import Rejected
from suture.store import audit, delivery_queue, people
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import ExceptionSelection, OpenException
from suture.views import exceptions

from .recovery import ANN, LEDGER, House, gate_row, make_gates

A1 = "completed_appointment:a1"
ODD = "urn:harbour:services|ODD"


@pytest.fixture
def house(database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> House:
    return House(database, vault, catalogue, clock)


def odd(notice: Any, appointment: str = "a1", version: int = 4, code: str = "ODD") -> dict[str, Any]:
    """A completed visit with a service that no code table has."""
    told = copy.deepcopy(notice("completed", appointment=appointment, version=version))
    told["data"]["entry"][-1]["resource"]["code"]["coding"][0]["code"] = code
    return told


async def one(house: House) -> OpenException:
    (found,) = await house.exceptions()
    return found


class TestListed:
    @pytest.fixture
    async def full(self, house: House, notice) -> House:
        """1: not JSON; 2: a code without a row; 3: on an interface that is gone; 4: a process that is stuck."""
        await house.deliver(b"not JSON", odd(notice, "a2"))
        await house.deliver(b"{}", interface="retired")
        await house.deliver(notice("completed", appointment="a1"))
        await house.ingest()
        house.clock.advance(timedelta(hours=1))
        await house.stick(A1, capture_charge="done")
        return house

    @pytest.mark.parametrize(
        ("selection", "codes"),
        [
            ({}, ["invalid_payload", "code_unmapped", "interface_unknown", "period_locked"]),
            ({"code": "code_unmapped"}, ["code_unmapped"]),
            ({"codes": ("code_unmapped", "period_locked")}, ["code_unmapped", "period_locked"]),
            ({"interface": "retired"}, ["interface_unknown"]),
            ({"owner": "finance"}, ["period_locked"]),
            ({"owner": "clinic operations"}, ["invalid_payload", "code_unmapped"]),
            ({"state": "resolved"}, []),
            ({"assignee": "ann"}, []),
        ],
    )
    async def test_by_what_they_are_oldest_first(self, full: House, selection: dict, codes: list[str]) -> None:
        found = await exceptions.queue(full.database, ExceptionSelection(**selection))
        assert [trouble.code for trouble in found] == codes

    async def test_by_when_they_came(self, full: House) -> None:
        hour_ago = full.clock.now() - timedelta(minutes=30)
        assert len(await exceptions.queue(full.database, ExceptionSelection(since=hour_ago))) == 1
        assert len(await exceptions.queue(full.database, ExceptionSelection(until=hour_ago))) == 3

    async def test_by_number(self, full: House) -> None:
        numbers = [trouble.number for trouble in await full.exceptions()]
        assert len(set(numbers)) == 4
        (found,) = await exceptions.queue(full.database, ExceptionSelection(numbers=(numbers[1],)))
        assert found.code == "code_unmapped"


class TestShown:
    async def test_with_the_delivery_behind_it_and_never_its_content(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        told = await exceptions.account(house.database, (await one(house)).number)
        assert told.runbook == "mapping"
        assert told.delivery is not None
        assert (told.delivery.delivery_id, told.delivery.state, told.delivery.subject) == (
            "d1",
            "excepted",
            "Appointment/a1",
        )
        assert told.process is None
        assert "Doe" not in msgspec.json.encode(told).decode()

    async def test_with_the_process_behind_it(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        told = await exceptions.account(house.database, await house.stick(A1, capture_charge="done"))
        assert told.process is not None
        assert (told.process.key, told.process.state) == (A1, "stuck")
        assert told.process.journal["capture_charge"].state == "done"

    async def test_that_is_not_there_is_not_possible(self, house: House) -> None:
        with pytest.raises(NotPossible, match="there is no exception 7"):
            await exceptions.account(house.database, 7)

    async def test_with_its_payload_is_an_audited_act(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        number = (await one(house)).number
        content = await exceptions.payload(house.desk, ANN, number)
        assert msgspec.json.decode(content) == odd(notice)
        assert await house.acts() == [("ann", "payload.read", f"Exception/{number}")]

    async def test_of_a_process_has_its_input_for_a_payload(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        content = await exceptions.payload(house.desk, ANN, await house.stick(A1))
        assert msgspec.json.decode(content)["appointment"] == "a1"


class TestRetried:
    async def test_a_process_goes_on_from_the_step_it_stopped_at(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, capture_charge="done")
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(number,)))
        assert (retried.processes, retried.deliveries, retried.refused) == ((A1,), (), ())
        assert await house.rows("SELECT state, step, due_at FROM process") == [
            ("running", "post_invoice", house.clock.now())
        ]
        assert ("ann", "process.resume", f"Process/{A1}") in await house.acts()

    async def test_several_go_on_at_a_rate(self, house: House, notice) -> None:
        keys = [f"completed_appointment:v{n}" for n in range(5)]
        await house.deliver(*(notice("completed", appointment=f"v{n}") for n in range(5)))
        await house.ingest()
        for key in keys:
            await house.stick(key)
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(code="period_locked"), rate=2)
        assert len(retried.processes) == 5
        due = await house.rows("SELECT due_at FROM process ORDER BY key")
        assert [(at - house.clock.now()).total_seconds() for (at,) in due] == [0, 0.5, 1, 1.5, 2]

    async def test_a_delivery_that_is_still_not_understood_is_left_alone_with_the_reason(
        self, house: House, notice
    ) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        number = (await one(house)).number
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(number,)))
        assert retried.deliveries == ()
        ((refused, reason),) = retried.refused
        assert refused == number
        assert "has no row for" in reason
        assert await house.states() == ["excepted"]

    async def test_a_delivery_that_is_understood_by_now_is_read_again_and_closes_its_exception(
        self, house: House, notice
    ) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        trouble = await one(house)
        await exception_queue.correct_codes(house.desk, ANN, trouble.number, {ODD: "OV-EST"})
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(trouble.number,)))
        assert retried.deliveries == (trouble.delivery,)
        await house.ingest()
        assert await house.states() == ["ingested"]
        assert await house.told() == [("completed", 4, False)]
        assert await house.exceptions() == []
        assert await house.told("suture.exception") == [("raised", None, False), ("resolved", None, False)]
        (resolved,) = await house.exceptions("resolved")
        assert resolved.resolved_by == "replayed"

    async def test_a_delivery_whose_fact_came_another_way_closes_its_exception(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        number = (await one(house)).number
        await exception_queue.correct_codes(house.desk, ANN, number, {ODD: "OV-EST"})
        await house.deliver(odd(notice))  # the sender sent it again, under an id of its own
        await house.ingest()
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(number,)))
        assert (len(retried.deliveries), retried.refused) == (1, ())
        await house.ingest()
        assert await house.exceptions() == []
        assert await house.told() == [("completed", 4, False)]

    async def test_what_a_worker_has_in_hand_is_left_alone_with_the_reason(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1)
        await house.rows("UPDATE process SET state = 'running', released = false")
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(number,)))
        assert retried.refused == ((number, "a worker has it in hand just now; try again in a moment"),)

    async def test_what_has_nothing_to_try_again_says_so(self, house: House, notice) -> None:
        for patient in ("p1", "p9"):
            await house.deliver(notice("completed", version=4, patient=patient))
            await house.ingest()
        trouble = await one(house)
        assert (trouble.code, trouble.owner) == ("told_differently", "clinic operations")
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(trouble.number,)))
        assert retried.refused == ((trouble.number, "there is nothing to try again: decide, then discard it"),)

    async def test_a_paused_interface_says_how_it_is_resumed(self, house: House) -> None:
        gates = make_gates(house.database, house.clock)
        await gates.turn()
        for _ in range(3):
            gates(LEDGER).refused(Rejected("period_locked", "locked"))
        await gates.turn()
        assert (await gate_row(house.database, LEDGER)).paused_at is not None
        trouble = await one(house)
        retried = await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(trouble.number,)))
        assert retried.refused == ((trouble.number, f"`suture resume {LEDGER}` lets the interface flow again"),)


async def works_here(house: House, name: str) -> None:
    async with house.database.transaction() as connection:
        at = house.clock.now()
        await people.add(
            connection, name, full_name=name, email="", roles=["operations"], provider=None, at=at, by="root"
        )


class TestAssigned:
    async def test_to_someone_and_back(self, house: House) -> None:
        await house.deliver(b"not JSON")
        await house.ingest()
        number = (await one(house)).number
        with pytest.raises(NotPossible, match="no person bob who may sign in"):
            await exception_queue.assign(house.desk, ANN, [number], "bob")
        await works_here(house, "bob")
        assert await exception_queue.assign(house.desk, ANN, [number, 99], "bob") == [number]
        assert (await one(house)).assignee == "bob"
        assert len(await exceptions.queue(house.database, ExceptionSelection(assignee="bob"))) == 1
        await exception_queue.assign(house.desk, ANN, [number], None)
        assert (await one(house)).assignee is None
        assert await house.acts() == [("ann", "exception.assign", f"Exception/{number}")] * 2


class TestDiscarded:
    async def test_a_delivery_is_left_as_it_came(self, house: House) -> None:
        await house.deliver(b"not JSON")
        await house.ingest()
        number = (await one(house)).number
        await exception_queue.discard(house.desk, ANN, number)
        assert await house.exceptions() == []
        (closed,) = await house.exceptions("discarded")
        assert closed.resolved_by == "ann"
        assert await house.states() == ["excepted"]
        assert await house.told("suture.exception.resolved") == [("resolved", None, False)]

    async def test_needs_a_reason(self, house: House) -> None:
        await house.deliver(b"not JSON")
        await house.ingest()
        with pytest.raises(NotPossible, match="give your reason"):
            await exception_queue.discard(house.desk, Actor("ann", roles=(ADMINISTRATOR,)), (await one(house)).number)

    async def test_a_process_that_wrote_nothing_is_ended(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        became = await exception_queue.discard(
            house.desk, ANN, await house.stick(A1, resolve="done", capture_charge="refused")
        )
        assert became == f"{A1} was ended where it stood"
        assert await house.rows("SELECT state FROM process") == [("cancelled",)]
        assert await house.exceptions() == []

    async def test_a_process_that_wrote_something_needs_a_decision(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, capture_charge="done", draft_invoice="begun")
        with pytest.raises(NotPossible, match="has written capture_charge, draft_invoice: say --undo"):
            await exception_queue.discard(house.desk, ANN, number)
        assert len(await house.exceptions()) == 1
        assert await house.acts() == []

    @pytest.mark.parametrize(
        ("undo", "state", "act"), [(True, "compensating", "compensate"), (False, "cancelled", "cancel")]
    )
    async def test_a_process_that_wrote_something_is_undone_or_left(
        self, house: House, notice, undo: bool, state: str, act: str
    ) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, capture_charge="done")
        await exception_queue.discard(house.desk, ANN, number, undo=undo)
        assert await house.rows("SELECT state FROM process") == [(state,)]
        assert [done for _, done, _ in await house.acts()] == ["exception.discard", f"process.{act}"]
        assert await house.exceptions() == []

    async def test_one_that_is_closed_already_is_refused(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1)
        await house.rows("UPDATE exception SET state = 'resolved'")
        with pytest.raises(NotPossible, match=f"exception {number} is resolved"):
            await exception_queue.discard(house.desk, ANN, number)
        assert await house.rows("SELECT state FROM process") == [("stuck",)]

    async def test_a_process_whose_undo_is_stuck_stays_in_sight(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, capture_charge="done", post_invoice="undone")
        await house.rows("UPDATE process SET undoing = true")
        with pytest.raises(NotPossible, match="undo"):
            await exception_queue.discard(house.desk, ANN, number, undo=True)
        assert len(await house.exceptions()) == 1, "nothing is half done without an exception"


class TestCorrected:
    async def test_a_code_table_s_row_holds_for_all_that_comes_after(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        ingester = house.ingester()
        (forecast,) = await exception_queue.correct_codes(house.desk, ANN, (await one(house)).number, {ODD: "OV-EST"})
        assert forecast.verdict == "would take effect"
        await house.deliver(odd(notice, "a2"))
        await house.ingest(ingester)
        assert await house.states() == ["excepted", "ingested"]
        assert "completed_appointment:a2" in dict(await house.rows("SELECT key, state FROM process"))

    async def test_a_code_table_s_newest_row_counts(self, house: House, notice, catalogue: Catalogue) -> None:
        another = msgspec.structs.replace(catalogue.services[0], code="OTHER")
        house.catalogue = msgspec.structs.replace(catalogue, services=(*catalogue.services, another))
        object.__setattr__(house.desk, "catalogue", house.catalogue)
        await house.deliver(odd(notice))
        await house.ingest()
        number, ingester = (await one(house)).number, house.ingester()
        for appointment, code in (("a2", "OV-EST"), ("a3", "OTHER")):
            await exception_queue.correct_codes(house.desk, ANN, number, {ODD: code})
            await house.deliver(odd(notice, appointment))
            await house.ingest(ingester)
        inputs = await house.rows("SELECT input FROM process ORDER BY key")
        assert [msgspec.json.decode(told)["lines"][0]["service"] for (told,) in inputs] == ["OV-EST", "OTHER"]

    async def test_a_code_that_is_no_service_of_ours_is_refused(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        with pytest.raises(NotPossible, match="the catalogue has no service GUESS; it has OV-EST"):
            await exception_queue.correct_codes(house.desk, ANN, (await one(house)).number, {ODD: "GUESS"})
        assert await house.acts() == []

    async def test_a_payload_takes_effect_and_the_original_is_kept_sealed(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        trouble = await one(house)
        better = msgspec.json.encode(notice("completed", version=4))
        (forecast,) = await exception_queue.correct_payload(house.desk, ANN, trouble.number, better)
        assert (forecast.verdict, forecast.subject) == ("would take effect", "Appointment/a1")
        await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(trouble.number,)))
        await house.ingest()
        assert await house.told() == [("completed", 4, False)]
        assert await house.exceptions() == []
        async with house.database.connection() as connection:
            (original,) = await delivery_queue.sealed(connection, [1], original=True)
            (corrected,) = await delivery_queue.sealed(connection, [1])
        assert msgspec.json.decode(await house.vault.open(original.sealed, original.bound_to)) == odd(notice)
        assert await house.vault.open(corrected.sealed, corrected.bound_to) == better
        for (box,) in await house.rows("SELECT box FROM delivery UNION ALL SELECT box FROM payload_correction"):
            assert b"Doe" not in box

    async def test_a_payload_twice_the_second_counts(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        number = (await one(house)).number
        for version in (5, 6):
            better = msgspec.json.encode(notice("completed", version=version))
            await exception_queue.correct_payload(house.desk, ANN, number, better)
        assert msgspec.json.decode(await exceptions.payload(house.desk, ANN, number)) == notice("completed", version=6)
        await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(number,)))
        await house.ingest()
        assert await house.told() == [("completed", 6, False)]

    async def test_a_payload_that_is_no_better_is_refused(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        number = (await one(house)).number
        for worse in (b"not JSON", msgspec.json.encode(odd(notice, code="ALSO"))):
            with pytest.raises(NotPossible, match="would not be understood either"):
                await exception_queue.correct_payload(house.desk, ANN, number, worse)
        assert await house.acts() == []

    async def test_a_payload_that_took_effect_can_not_be_changed(self, house: House, notice) -> None:
        await house.deliver(odd(notice))
        await house.ingest()
        number = (await one(house)).number
        better = msgspec.json.encode(notice("completed", version=4))
        await exception_queue.correct_payload(house.desk, ANN, number, better)
        await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(number,)))
        with pytest.raises(NotPossible, match="delivery 1 is received"):
            await exception_queue.correct_payload(house.desk, ANN, number, better)
        await house.ingest()
        with pytest.raises(NotPossible, match="delivery 1 is ingested"):
            await exception_queue.correct_payload(house.desk, ANN, number, better)

    async def test_what_a_process_was_given_may_change_while_it_has_written_nothing(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, resolve="done", check_eligibility="done")
        given = msgspec.json.decode(await exceptions.payload(house.desk, ANN, number))
        given["payer"] = None
        assert await exception_queue.correct_payload(house.desk, ANN, number, msgspec.json.encode(given)) == []
        ((told, journal, round_),) = await house.rows("SELECT input, journal, round FROM process")
        assert msgspec.json.decode(told)["payer"] is None
        assert (journal, round_) == ("{}", 1), "it begins at its first step, and what it tells then is new"
        ((detail,),) = await house.rows("SELECT detail FROM audit WHERE action = 'process.correct'")
        assert "Payer/o1" in detail, "the trail has what it was before"

    @pytest.mark.parametrize("state", ["done", "begun"])
    async def test_what_a_process_was_given_may_not_change_once_it_has_written(
        self, house: House, notice, state: str
    ) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, capture_charge=state)
        content = await exceptions.payload(house.desk, ANN, number)
        with pytest.raises(NotPossible, match="has written capture_charge by what it was given"):
            await exception_queue.correct_payload(house.desk, ANN, number, content)

    async def test_the_day_of_a_corrected_visit_follows_from_its_end(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1)
        given = msgspec.json.decode(await exceptions.payload(house.desk, ANN, number))
        given["ended_at"] = "2026-03-04T04:30:00Z"  # the 3rd in New York
        await exception_queue.correct_payload(house.desk, ANN, number, msgspec.json.encode(given))
        ((told,),) = await house.rows("SELECT input FROM process")
        assert msgspec.json.decode(told)["day"] == "2026-03-03"
        with pytest.raises(NotPossible, match="the day follows from `ended_at`"):
            await exception_queue.correct_payload(
                house.desk, ANN, number, msgspec.json.encode(given | {"day": "2026-03-09"})
            )

    @pytest.mark.parametrize("content", [b"{}", b"not JSON", b'{"appointment": 1}'])
    async def test_what_a_process_can_not_be_given_is_refused(self, house: House, notice, content: bytes) -> None:
        await house.deliver(notice())
        await house.ingest()
        with pytest.raises(NotPossible, match="is not what such a process can be given"):
            await exception_queue.correct_payload(house.desk, ANN, await house.stick(A1), content)

    async def test_what_a_process_was_given_may_not_change_while_it_is_at_work(self, house: House, notice) -> None:
        await house.deliver(notice())
        await house.ingest()
        number = await house.stick(A1, state="running")
        content = await exceptions.payload(house.desk, ANN, number)
        with pytest.raises(NotPossible, match="not stuck"):
            await exception_queue.correct_payload(house.desk, ANN, number, content)


async def test_every_act_is_in_the_trail_and_the_trail_is_whole(house: House, notice) -> None:
    await house.deliver(odd(notice, "a2"), b"not JSON", notice())
    await house.ingest()
    stuck = await house.stick(A1, capture_charge="done")
    codes, broken = (trouble.number for trouble in (await house.exceptions())[:2])
    await exceptions.payload(house.desk, ANN, codes)
    await works_here(house, "bob")
    await exception_queue.assign(house.desk, ANN, [codes], "bob")
    await exception_queue.correct_codes(house.desk, ANN, codes, {ODD: "OV-EST"})
    better = msgspec.json.encode(notice("completed", appointment="a3"))
    await exception_queue.correct_payload(house.desk, ANN, broken, better)
    await exception_queue.retry(house.desk, ANN, ExceptionSelection(numbers=(codes, broken, stuck)))
    await house.stick(A1, capture_charge="done")
    await process_commands.resume(house.desk, ANN, [A1])
    await house.stick(A1, capture_charge="done")
    await exception_queue.discard(house.desk, ANN, stuck, undo=True)
    assert [act for _, act, _ in await house.acts()] == [
        "payload.read",
        "exception.assign",
        "codes.correct",
        "payload.correct",
        "process.resume",
        "delivery.replay",
        "process.resume",
        "exception.discard",
        "process.compensate",
    ]
    async with house.database.connection() as connection:
        assert (await house.desk.trail.prove(connection)).fault is None
        assert [entry.actor for entry in await audit.newest(connection)] == ["ann"] * 9
