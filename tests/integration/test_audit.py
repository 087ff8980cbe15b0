"""The audit trail: entries are bound to each other by a key, and the head is kept outside: nothing goes unseen."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.catalogue import Catalogue
from suture.core.clock import ManualClock
from suture.store import audit
from suture.store.anchor import Anchor
from suture.store.audit import Fault, Proof, Trail
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.recorder import Recorder
from suture.store.sealing import MasterKey

from .recovery import rows

KEY = b"t" * 32
TRAIL = Trail(KEY)
AT = datetime(2026, 3, 2, 15, 30, 12, 345678, tzinfo=UTC)


async def write(database: Database, count: int, trail: Trail = TRAIL, actor: str = "ann") -> None:
    for number in range(1, count + 1):
        async with database.transaction() as connection:
            await trail.record(
                connection,
                at=AT + timedelta(minutes=number),
                actor=actor,
                action="exception.assign",
                subject=f"Exception/{number % 3}",
                reason="Zürich said “yes”\n",
                detail={"to": "bob", "number": number},
            )


async def prove(database: Database, trail: Trail = TRAIL) -> Proof:
    async with database.connection() as connection:
        return await trail.prove(connection)


async def broken_at(database: Database) -> int | None:
    proof = await prove(database)
    return None if proof.fault is None else proof.at


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
        await connection.execute("UPDATE audit SET hash = $1 WHERE id = 4", forged.signed(KEY))
    assert await broken_at(database) == 5


async def rehash(database: Database, *, since: int) -> None:
    """What an administrator of the database can do: make every hash fit again, without the key."""
    async with database.transaction() as connection:
        entries = {entry.id: entry for entry in await audit.newest(connection, most=1000)}
        previous = entries[since - 1].hash if since > 1 else bytes(32)
        for number in range(since, max(entries) + 1):
            entry = msgspec.structs.replace(entries[number], previous=previous)
            previous = entry.unsigned()
            await connection.execute(
                "UPDATE audit SET previous = $2, hash = $3 WHERE id = $1", number, entry.previous, previous
            )


@pytest.fixture
def anchored(tmp_path: Path) -> Trail:
    return Trail(KEY, Anchor(tmp_path / "audit.heads"))


class TestWhatADatabaseAdministratorCanDo:
    async def test_the_newest_entries_that_were_deleted_are_missed(self, database: Database, anchored: Trail) -> None:
        await write(database, 8, anchored)
        await rows(database, "DELETE FROM audit WHERE id > 3")
        proof = await prove(database, anchored)
        assert (proof.fault, proof.at, proof.entries) == (Fault.DELETED, 4, 3)
        assert "numbers 4 to 8 are gone" in proof.words
        await write(database, 1, anchored)
        assert (await prove(database, anchored)).fault is Fault.REPLACED

    async def test_a_trail_that_was_emptied_is_missed(self, database: Database, anchored: Trail) -> None:
        await write(database, 8, anchored)
        await rows(database, "TRUNCATE audit")
        proof = await prove(database, anchored)
        assert (proof.fault, proof.entries) == (Fault.EMPTIED, 0)
        assert "8 entries are gone" in proof.words
        await write(database, 9, anchored, "eve")
        assert (await prove(database, anchored)).fault is Fault.REPLACED

    @pytest.mark.parametrize("kept", [True, False])
    @pytest.mark.parametrize("since", [1, 4, 8])
    async def test_entries_that_were_hashed_again_are_told(
        self, database: Database, anchored: Trail, since: int, kept: bool
    ) -> None:
        await write(database, 8, anchored)
        await rows(database, "UPDATE audit SET actor = 'eve' WHERE id = $1", since)
        await rehash(database, since=since)
        trail = anchored if kept else TRAIL
        if kept or since > 1:
            assert (await prove(database, trail)).fault is Fault.REHASHED
        await write(database, 1, trail)
        proof = await prove(database, trail)
        assert proof.fault is Fault.REHASHED, "what follows, signed, doesn't make it good"
        assert "without its key" in proof.words

    async def test_what_was_written_agrees_with_what_was_kept(self, database: Database, anchored: Trail) -> None:
        await write(database, 8, anchored)
        proof = await prove(database, anchored)
        assert (proof.fault, proof.entries, proof.kept) == (None, 8, 8)

    async def test_heads_added_to_the_file_later_prove_nothing(
        self, database: Database, anchored: Trail, tmp_path: Path
    ) -> None:
        await write(database, 3, anchored)
        Anchor(tmp_path / "audit.heads").keep(2, bytes(32))
        assert (await prove(database, anchored)).fault is None

    async def test_the_heads_are_their_owners_alone(self, database: Database, anchored: Trail, tmp_path: Path) -> None:
        await write(database, 1, anchored)
        assert (tmp_path / "audit.heads").stat().st_mode & 0o777 == 0o600

    async def test_an_act_that_did_not_happen_leaves_no_head(self, database: Database, anchored: Trail) -> None:
        async def fails() -> None:
            async with database.transaction() as connection:
                await anchored.record(connection, at=AT, actor="ann", action="x", subject="y")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fails()
        await write(database, 1, anchored)
        assert (await prove(database, anchored)).fault is None

    async def test_an_act_stands_where_its_head_cannot_be_kept(self, database: Database, tmp_path: Path) -> None:
        nowhere = Trail(KEY, Anchor(tmp_path / "no" / "folder"))
        await write(database, 2, nowhere)
        proof = await prove(database, nowhere)
        assert (proof.fault, proof.entries, proof.kept) == (None, 2, 0)
        assert "can't be detected" in proof.words


class TestATrailOfAnEarlierVersion:
    @pytest.fixture
    async def vault(self, database: Database) -> Vault:
        """That of the first start after the update: the trail is there, and was never signed."""
        await write(database, 4)
        await rehash(database, since=1)
        vault = Vault(database, MasterKey(b"k" * 32), "test-clinics")
        await vault.check()
        return vault

    async def test_is_bound_by_one_signed_entry_and_goes_on(self, database: Database, vault: Vault) -> None:
        trail = Trail(vault.trail_key)
        await write(database, 2, trail)
        proof = await prove(database, trail)
        assert (proof.fault, proof.entries) == (None, 7)
        assert await rows(database, "SELECT id FROM audit WHERE action = 'audit.signed'") == [(5,)]

    @pytest.mark.parametrize("changed", [2, 5, 6])
    async def test_can_no_longer_be_hashed_again(self, database: Database, vault: Vault, changed: int) -> None:
        trail = Trail(vault.trail_key)
        await write(database, 2, trail)
        await rows(database, "UPDATE audit SET actor = 'eve' WHERE id = $1", changed)
        await rehash(database, since=changed)
        await write(database, 1, trail)
        assert (await prove(database, trail)).fault is Fault.REHASHED


async def test_people_who_act_at_once_write_one_chain(database: Database) -> None:
    async def act(number: int) -> None:
        async with database.transaction() as connection:
            await TRAIL.record(connection, at=AT, actor=f"p{number}", action="x", subject="y")

    await asyncio.gather(*(act(number) for number in range(40)))
    assert await broken_at(database) is None
    assert await rows(database, "SELECT count(DISTINCT actor), max(id) FROM audit") == [(40, 40)]


async def test_an_act_that_did_not_happen_leaves_no_entry_and_no_gap(
    database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock
) -> None:
    desk = CommandContext(database, vault, Recorder(()), catalogue, clock)

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
        await TRAIL.record(connection, at=at, actor="ann", action="x", subject="y")
    assert await broken_at(database) is None


async def test_the_newest_come_first_and_may_be_of_one_subject(database: Database) -> None:
    await write(database, 7)
    async with database.connection() as connection:
        assert [entry.id for entry in await audit.newest(connection, most=3)] == [7, 6, 5]
        assert [entry.id for entry in await audit.newest(connection, "Exception/1")] == [7, 4, 1]
