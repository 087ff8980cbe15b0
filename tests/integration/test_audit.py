"""The audit trail: each entry is bound to the one before, so that no change goes unseen."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from suture.access.roles import ADMINISTRATOR
from suture.catalogue import Catalogue
from suture.core.clock import ManualClock
from suture.operate.actor import Actor
from suture.operate.desk import Desk
from suture.store import audit
from suture.store.database import Database
from suture.store.recorder import Recorder
from suture.store.vault import Vault

from .recovery import rows

AT = datetime(2026, 3, 2, 15, 30, 12, 345678, tzinfo=UTC)


async def write(database: Database, count: int) -> None:
    for number in range(1, count + 1):
        async with database.transaction() as connection:
            await audit.record(
                connection,
                at=AT + timedelta(minutes=number),
                actor="ann",
                action="exception.assign",
                subject=f"Exception/{number % 3}",
                reason="Zürich said “yes”\n",
                detail={"to": "bob", "number": number},
            )


async def broken_at(database: Database) -> int | None:
    async with database.connection() as connection:
        return await audit.broken_at(connection)


async def test_an_empty_trail_is_whole(database: Database) -> None:
    assert await broken_at(database) is None


@pytest.mark.parametrize("count", [1, 20, 501])
async def test_what_was_written_is_whole(database: Database, count: int) -> None:
    await write(database, count)
    assert await broken_at(database) is None


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "actor = 'bob'",
        "action = 'exception.discard'",
        "subject = 'Exception/9'",
        "reason = reason || ' '",
        "reason = ''",
        """detail = '{"to":"eve","number":4}'""",
        "previous = decode(repeat('00', 32), 'hex')",
        "hash = decode(repeat('00', 32), 'hex')",
        "id = 40",
    ],
)
async def test_a_change_of_any_column_is_found_where_it_was_made(database: Database, change: str) -> None:
    await write(database, 8)
    await rows(database, f"UPDATE audit SET {change} WHERE id = 4")
    assert await broken_at(database) == 4


@pytest.mark.parametrize("taken", [1, 4, 7])
async def test_an_entry_that_was_taken_out_is_found(database: Database, taken: int) -> None:
    await write(database, 8)
    await rows(database, "DELETE FROM audit WHERE id = $1", taken)
    assert await broken_at(database) == taken


async def test_an_entry_that_was_taken_out_with_the_numbers_closed_up_is_found(database: Database) -> None:
    await write(database, 8)
    await rows(database, "DELETE FROM audit WHERE id = 4")
    for number in range(5, 9):
        await rows(database, "UPDATE audit SET id = id - 1 WHERE id = $1", number)
    assert await broken_at(database) == 4


async def test_two_entries_that_changed_places_are_found(database: Database) -> None:
    await write(database, 8)
    for old, new in ((4, 40), (5, 4), (40, 5)):
        await rows(database, "UPDATE audit SET id = $2 WHERE id = $1", old, new)
    assert await broken_at(database) == 4


async def test_an_entry_that_was_slipped_in_at_the_end_is_found(database: Database) -> None:
    await write(database, 3)
    await rows(
        database,
        "INSERT INTO audit SELECT 4, at, 'eve', action, subject, reason, detail, previous, hash "
        "FROM audit WHERE id = 3",
    )
    assert await broken_at(database) == 4


async def test_a_change_whose_own_hash_was_made_to_fit_is_found_at_the_next(database: Database) -> None:
    await write(database, 8)
    async with database.connection() as connection:
        forged = next(entry for entry in await audit.newest(connection) if entry.id == 4)
        await connection.execute("UPDATE audit SET actor = 'eve' WHERE id = 4")
        forged = next(entry for entry in await audit.newest(connection) if entry.id == 4)
        await connection.execute("UPDATE audit SET hash = $1 WHERE id = 4", forged.computed())
    assert await broken_at(database) == 5


async def test_people_who_act_at_once_write_one_chain(database: Database) -> None:
    async def act(number: int) -> None:
        async with database.transaction() as connection:
            await audit.record(connection, at=AT, actor=f"p{number}", action="x", subject="y")

    await asyncio.gather(*(act(number) for number in range(40)))
    assert await broken_at(database) is None
    assert await rows(database, "SELECT count(DISTINCT actor), max(id) FROM audit") == [(40, 40)]


async def test_an_act_that_did_not_happen_leaves_no_entry_and_no_gap(
    database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock
) -> None:
    desk = Desk(database, vault, Recorder(()), catalogue, clock)

    async def fails() -> None:
        async with database.transaction() as connection:
            await Actor("ann", roles=(ADMINISTRATOR,)).sign(connection, desk, "x", "y")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    await write(database, 2)
    assert await rows(database, "SELECT id FROM audit ORDER BY id") == [(1,), (2,)]
    assert await broken_at(database) is None


async def test_a_time_counts_by_its_instant_and_not_its_zone(database: Database) -> None:
    async with database.transaction() as connection:
        at = AT.astimezone(timezone(timedelta(hours=-5)))
        await audit.record(connection, at=at, actor="ann", action="x", subject="y")
    assert await broken_at(database) is None


async def test_the_newest_come_first_and_may_be_of_one_subject(database: Database) -> None:
    await write(database, 7)
    async with database.connection() as connection:
        assert [entry.id for entry in await audit.newest(connection, most=3)] == [7, 6, 5]
        assert [entry.id for entry in await audit.newest(connection, "Exception/1")] == [7, 4, 1]
