"""The engine's store on Postgres: claims under a lease, and checkpoints that only the lease's holder can write.

A claim raises the row's fence; a checkpoint names the fence it was made under, so that a worker which lost its lease
(it hung, or its clock stood still) changes nothing when it wakes up. It names, too, whether it knew of a cancellation:
one that it didn't know of is decided anew.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import asyncpg
import msgspec
import structlog

from suture.catalogue.manifest import Role
from suture.core.gather import Gather
from suture.core.trouble import Trouble
from suture.engine.decide import Complaint, Responsibility
from suture.engine.port import Checkpoint, Saved
from suture.engine.process import ENDED, Process
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.events import EventFinder
from suture.store.processes import process_of
from suture.store.recorder import Recorder

_SQL = sql("processes")
_LARGEST_COMMIT = 128
_DEADLOCK_TRIES = 4

Versions = Sequence[tuple[str, int]] | None

log = structlog.get_logger()


class ProcessStore:
    """`engine.port.Store`: many checkpoints in one commit."""

    def __init__(
        self, database: Database, recorder: Recorder, responsible: Callable[[Role | None], Responsibility]
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._responsible = responsible
        self.find = EventFinder(database).find
        self.save: Gather[Checkpoint, Saved] = Gather(
            self._commit,
            limit=_LARGEST_COMMIT,
            divisible=lambda error: not isinstance(error, DATABASE_AWAY),
        )

    async def claim(
        self, worker: str, now: datetime, lease_until: datetime, most: int, definitions: Versions = None
    ) -> list[Process]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim"], now, most, worker, lease_until, *_columns(definitions))
        return [process_of(row) for row in rows]

    async def renew(self, held: Sequence[Process], lease_until: datetime) -> None:
        held = sorted(held, key=lambda process: process.key)
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["renew"], [process.key for process in held], [process.fence for process in held], lease_until
            )

    async def next_due(self, definitions: Versions = None) -> datetime | None:
        async with self._database.connection() as connection:
            due: datetime | None = await connection.fetchval(_SQL["next_due"], *_columns(definitions))
        return due

    async def _commit(self, batch: Sequence[Checkpoint]) -> Sequence[Saved]:
        for _ in range(_DEADLOCK_TRIES - 1):
            try:
                return await self._write(batch)
            except asyncpg.DeadlockDetectedError:
                log.info("deadlock_retried", role="checkpoint", count=len(batch))
        return await self._write(batch)

    async def _write(self, batch: Sequence[Checkpoint]) -> Sequence[Saved]:
        async with self._database.transaction() as connection:
            written = await self._update(connection, batch)
            saved = [checkpoint for checkpoint in batch if _hold(checkpoint.process) in written]
            await self._recorder.record(connection, [event for checkpoint in saved for event in checkpoint.events])
            for checkpoint in saved:
                if checkpoint.complaint is not None:
                    await self._show(connection, checkpoint, checkpoint.complaint)
            past = [checkpoint.process.key for checkpoint in saved if checkpoint.resolves]
            if past:
                latest = max(checkpoint.at for checkpoint in saved)
                await self._recorder.resolve(connection, past, latest, by="went on")
            left = [checkpoint.process.key for checkpoint in batch if _hold(checkpoint.process) not in written]
            rows = await connection.fetch(_SQL["fences"], left) if left else ()
        cancelled = {(row["key"], row["fence"]) for row in rows}
        return [_saved(_hold(checkpoint.process), written, cancelled) for checkpoint in batch]

    async def _update(self, connection: Connection, batch: Sequence[Checkpoint]) -> set[tuple[str, int]]:
        batch = sorted(batch, key=lambda checkpoint: checkpoint.process.key)
        processes = [checkpoint.process for checkpoint in batch]
        rows = await connection.fetch(
            _SQL["checkpoint"],
            [process.key for process in processes],
            [process.fence for process in processes],
            [process.cancel_requested for process in processes],
            [process.state for process in processes],
            [process.step for process in processes],
            [process.attempt for process in processes],
            [process.failing_since for process in processes],
            [process.awaits for process in processes],
            [process.held_by for process in processes],
            [process.due_at if process.released else None for process in processes],
            [process.finished_at for process in processes],
            [process.undoing for process in processes],
            [process.released for process in processes],
            [int(process.released and process.state not in ENDED) for process in processes],
            [msgspec.json.encode(checkpoint.journal).decode() for checkpoint in batch],
        )
        return {(row["key"], row["fence"]) for row in rows}

    async def _show(self, connection: Connection, checkpoint: Checkpoint, complaint: Complaint) -> None:
        process, responsible = checkpoint.process, self._responsible(complaint.role)
        trouble = Trouble(
            code=complaint.failure.code,
            outcome=complaint.failure.outcome,
            reason=complaint.failure.message,
            remedy=complaint.failure.remedy,
            owner=complaint.owner or responsible.owner,
            interface=responsible.interface,
            process=process.key,
            step=complaint.step,
            subject=process.subject,
            sla=responsible.sla,
        )
        await self._recorder.open_exception(
            connection, trouble, checkpoint.at, correlation_id=process.correlation_id, facility=process.facility
        )


def _columns(definitions: Versions) -> tuple[list[str] | None, list[int] | None]:
    if definitions is None:
        return None, None
    return [name for name, _ in definitions], [version for _, version in definitions]


def _hold(process: Process) -> tuple[str, int]:
    """Whose hands it was written by: one batch may carry a stale worker's checkpoint beside its successor's."""
    return process.key, process.fence


def _saved(hold: tuple[str, int], written: set[tuple[str, int]], cancelled: set[tuple[str, int]]) -> Saved:
    return Saved() if hold in written else Saved(held=hold in cancelled, cancelled=hold in cancelled)
