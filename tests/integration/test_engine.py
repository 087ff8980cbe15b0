"""The engine over Postgres passes what every engine passes; and what only a database can do to it."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from tests.engines.behaviour import *  # noqa: F403
from tests.engines.behaviour import NAME, ROUTES, Bench, TestLeases, World, responsible, running

from suture.canonical.events import Event
from suture.canonical.routing import Route
from suture.engine.process import Process
from suture.engine.steer import SteerCommand
from suture.store import events, exceptions
from suture.store.checkpoints import ProcessStore
from suture.store.database import Database
from suture.store.exceptions import OpenException
from suture.store.processes import PROCESSES
from suture.store.recorder import Recorder


class PostgresBench(Bench):
    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.routed(*ROUTES)

    async def record(self, *facts: Event) -> None:
        async with self.database.transaction() as connection:
            await self.recorder.record(connection, facts)
        self.wake()

    async def steer(self, key: str, command: SteerCommand) -> Process | None:
        async with self.database.transaction() as connection:
            return next(iter(await PROCESSES.steer(connection, [(f"{NAME}:{key}", command)])), None)

    async def process(self, key: str) -> Process:
        async with self.database.connection() as connection:
            return (await PROCESSES.query(connection, [f"{NAME}:{key}"]))[0]

    async def alter(self, key: str, **fields: Any) -> None:
        assignments = ", ".join(f"{name} = ${number}" for number, name in enumerate(fields, 2))
        async with self.database.connection() as connection:
            statement = f"UPDATE process SET {assignments} WHERE key = $1"
            await connection.execute(statement, f"{NAME}:{key}", *fields.values())

    async def recorded(self, key: str) -> list[Event]:
        async with self.database.connection() as connection:
            return await events.of_journey(connection, key)

    async def exceptions(self) -> list[OpenException]:
        async with self.database.connection() as connection:
            return await exceptions.open_exceptions(connection)

    async def told_again(self) -> int:
        return [trouble.code for trouble in await self.exceptions()].count("told_again")

    def routed(self, *routes: Route) -> None:
        self.recorder = Recorder(routes)
        self.store = ProcessStore(self.database, self.recorder, responsible)


@pytest.fixture
def bench(database: Database) -> Bench:
    return PostgresBench(database)


@pytest.fixture
def world(bench: Bench) -> World:
    return bench.world


class TestLeasesWithinABatch:
    _claimed = TestLeases._claimed
    _checkpoint = staticmethod(TestLeases._checkpoint)

    async def test_lost_refuse_also_within_the_batch_of_the_successor(self, bench: Bench) -> None:
        await bench.start("a")
        stale = await self._claimed(bench, "stale", lease=-1)
        fresh = await self._claimed(bench, "fresh")
        bench.store.save._idle_lanes = 1
        blocker = asyncio.create_task(bench.store.save(self._checkpoint(fresh, "zero")))
        await asyncio.sleep(0)  # a flush is under way: the next two share one
        saved = await asyncio.gather(
            bench.store.save(self._checkpoint(stale, "one")), bench.store.save(self._checkpoint(fresh, "two"))
        )
        await blocker
        assert [answer.held for answer in saved] == [False, True]
        assert await bench.facts("a") == [f"zero by {fresh.fence}", f"two by {fresh.fence}"]


class TestDatabaseAway:
    async def test_costs_time_and_nothing_else(self, bench: Bench, world: World, database_url: str) -> None:
        keys = [f"a{n:02}" for n in range(30)]
        await bench.start(*keys)
        async with running(bench.engine(world.step("one"), world.step("two"), world.step("three"), lease=1)):
            async with asyncio.timeout(15):
                while len(world.calls) < 20:
                    await asyncio.sleep(0.001)
            await _end_connections(database_url)
            for key in keys:
                await _patiently(bench, key)
        for key in keys:
            assert await bench.facts(key) == ["one", "two", "three"]


async def _patiently(bench: Bench, key: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(Exception):
                if (await bench.process(key)).state == "done":
                    return
            await asyncio.sleep(0.05)


async def _end_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
