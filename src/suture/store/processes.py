"""Processes on Postgres, as events and people steer them, and as people see them.

Every command is decided in `engine.steer`: here a row is locked, read, and written as it is to be.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from asyncpg import Record

from suture.engine.process import Journal, Process
from suture.engine.steer import Signal, SteerCommand, steer
from suture.store.database import Connection, sql

_SQL = sql("processes")


class PostgresProcesses:
    """`engine.port.Processes`; a unit of work is a connection in a transaction."""

    async def start(self, unit: Connection, processes: Sequence[Process]) -> list[Process]:
        """Start processes; answers those that were there before, locked until the transaction ends."""
        rows = await unit.fetch(
            _SQL["start"],
            [process.key for process in processes],
            [process.definition for process in processes],
            [process.version for process in processes],
            [process.subject for process in processes],
            [process.correlation_id for process in processes],
            [process.causation_id for process in processes],
            [process.facility for process in processes],
            [process.state for process in processes],
            [process.input for process in processes],
            [process.due_at for process in processes],
            [process.started_at for process in processes],
        )
        await unit.execute(_SQL["announce"])
        there = {process.key for process in processes} - {row["key"] for row in rows}
        return await self._held(unit, there) if there else []

    async def steer(self, unit: Connection, commands: Sequence[tuple[str, SteerCommand]]) -> list[Process]:
        """Give each process its command; answers those that obeyed, as they stand now."""
        if not commands:
            return []
        told = dict(commands)
        steered = [steer(process, told[process.key]) for process in await self._held(unit, told)]
        return await self._write(unit, [process for process in steered if process is not None])

    async def signal(self, unit: Connection, names: Sequence[str], at: datetime) -> int:
        """Have the processes go on that await one of these signals; answers how many."""
        rows = await unit.fetch(_SQL["awaiting"], names)
        steered = [steer(process_of(row), Signal(at)) for row in rows]
        return len(await self._write(unit, [process for process in steered if process is not None]))

    async def query(self, unit: Connection, keys: Sequence[str]) -> list[Process]:
        """Processes as they stand, in the order of their keys."""
        return [process_of(row) for row in await unit.fetch(_SQL["query"], keys)]

    @staticmethod
    async def _held(unit: Connection, keys: Any) -> list[Process]:
        return [process_of(row) for row in await unit.fetch(_SQL["held"], list(keys))]

    @staticmethod
    async def _write(unit: Connection, processes: list[Process]) -> list[Process]:
        if not processes:
            return []
        await unit.execute(
            _SQL["steer"],
            [process.key for process in processes],
            [process.version for process in processes],
            [process.causation_id for process in processes],
            [process.input for process in processes],
            [process.due_at for process in processes],
            [process.state for process in processes],
            [msgspec.json.encode(process.journal).decode() for process in processes],
            [process.step for process in processes],
            [process.attempt for process in processes],
            [process.failing_since for process in processes],
            [process.awaits for process in processes],
            [process.held_by for process in processes],
            [process.finished_at for process in processes],
            [process.cancel_requested for process in processes],
            [process.undoing for process in processes],
            [process.round for process in processes],
            [process.fence for process in processes],
        )
        await unit.execute(_SQL["announce"])
        return processes


PROCESSES = PostgresProcesses()


def process_of(row: Record) -> Process:
    """A process as a row of the columns that `processes.sql` reads."""
    fields = dict(row)
    return Process(journal=msgspec.json.decode(fields.pop("journal"), type=Journal), **fields)


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """A process as people see it."""

    key: str
    definition: str
    state: str
    journal: Journal
    step: str
    attempt: int
    worker: str | None
    fence: int
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None
    held_by: str | None = None
    undoing: bool = False


async def of_journey(connection: Connection, correlation_id: str) -> list[ProcessView]:
    """The processes of one journey."""
    rows = [dict(row) for row in await connection.fetch(_SQL["of_subject"], correlation_id)]
    return [ProcessView(journal=msgspec.json.decode(row.pop("journal"), type=Journal), **row) for row in rows]


async def count_by_state(connection: Connection) -> dict[tuple[str, str], int]:
    """How many processes there are, by definition and state."""
    rows = await connection.fetch(_SQL["count_by_state"])
    return {(row["definition"], row["state"]): row["count"] for row in rows}
