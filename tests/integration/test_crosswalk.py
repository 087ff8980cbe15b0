"""The crosswalk remembers what was written where, for all workers, and never what was in it."""

from datetime import UTC, datetime, timedelta

import pytest

from suture.core.clock import ManualClock
from suture.store.crosswalk import Crosswalk, Known
from suture.store.data_keys import Vault
from suture.store.database import Database

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def crosswalk(database: Database, vault: Vault) -> Crosswalk:
    return Crosswalk(database, vault, "odoo", ManualClock(NOW))


def known(name: str, record: int = 7, key: str = "A1", **fingerprints: str) -> Known:
    return Known(name=name, key=key, model="account.move", record=record, fingerprints=fingerprints)


async def test_what_one_worker_wrote_another_recalls(crosswalk: Crosswalk, database: Database, vault: Vault) -> None:
    await crosswalk.remember([known("suture.a", total="x"), known("suture.b", 8)])
    other = Crosswalk(database, vault, "odoo", ManualClock(NOW))
    assert await other.recall(["suture.a", "suture.c"]) == {"suture.a": known("suture.a", total="x")}
    assert await other.by_record("account.move", [8, 9]) == {8: known("suture.b", 8)}


async def test_the_last_counts_and_a_key_once_told_stays(crosswalk: Crosswalk) -> None:
    await crosswalk.remember([known("suture.a"), known("suture.a", 9, key="", total="x")])
    await crosswalk.remember([known("suture.a", key="A1")])
    await crosswalk.remember([known("suture.a", 9, key="", total="y")])
    assert await crosswalk.recall(["suture.a"]) == {"suture.a": known("suture.a", 9, total="y")}


async def test_systems_are_kept_apart(crosswalk: Crosswalk, database: Database, vault: Vault) -> None:
    await crosswalk.remember([known("suture.a")])
    assert await Crosswalk(database, vault, "other", ManualClock(NOW)).recall(["suture.a"]) == {}


async def test_what_is_forgotten_is_unknown(crosswalk: Crosswalk) -> None:
    await crosswalk.remember([known("suture.a")])
    assert await crosswalk.forget("suture.a")
    assert not await crosswalk.forget("suture.a")
    assert await crosswalk.recall(["suture.a"]) == {}


async def test_pages_go_through_all_that_is_recent(crosswalk: Crosswalk) -> None:
    await crosswalk.remember([known(f"suture.{letter}", number) for number, letter in enumerate("abcde")])
    first = await crosswalk.page("account.move", "", 3, NOW - timedelta(days=1))
    rest = await crosswalk.page("account.move", first[-1].name, 3, NOW - timedelta(days=1))
    assert [one.name[-1] for one in (*first, *rest)] == list("abcde")
    assert await crosswalk.page("account.move", "", 3, NOW + timedelta(days=1)) == []


async def test_prints_tell_equal_from_changed_and_nothing_else(crosswalk: Crosswalk, database: Database) -> None:
    first = crosswalk.fingerprints({"street": "1 Way", "city": False})
    assert first == crosswalk.fingerprints({"street": "1 Way", "city": False})
    assert first["street"] != crosswalk.fingerprints({"street": "2 Way"})["street"]
    assert first["city"] != crosswalk.fingerprints({"street": False})["street"]
    await crosswalk.remember([known("suture.a", **first)])
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM crosswalk")
    assert "Way" not in str(dict(row))
