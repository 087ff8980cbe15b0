"""Durable processes: claims under a lease, and checkpoints that only the lease's holder can write.

A claim raises the row's fence; a checkpoint names the fence it was made under, so that a worker which lost its lease
(it hung, or its clock stood still) changes nothing when it wakes up.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from suture.canonical.events import Event
from suture.core.gather import Gather
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.exceptions import Trouble
from suture.store.recorder import Recorder

_SQL = sql("processes")
_LARGEST_COMMIT = 128
_DEADLOCK_TRIES = 4

log = structlog.get_logger()


_NOTHING = msgspec.Raw(b"null")


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the journal says of one step: when, after how many tries, with what result (JSON).

    `state` is ``done``, ``skipped``, ``undone``; ``begun``: its outcome is unknown; or ``refused``: it was refused, and
    may have left a part behind (a draft, say).
    """

    state: str
    at: datetime
    attempts: int = 1
    result: msgspec.Raw = _NOTHING
    seconds: float = 0.0


Journal = dict[str, StepRecord]


class ClaimedProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process in a worker's hands until its lease ends.

    `in_doubt`: the worker before fell silent, and a step may have been begun. `round` counts how often steps that had
    been done were to be done again, or all of them by another input: what they tell then are new facts.
    """

    key: str
    definition: str
    version: int
    subject: str
    correlation_id: str
    causation_id: UUID | None
    facility: str | None
    state: str
    input: str
    journal: Journal
    step: str
    attempt: int
    fence: int
    started_at: datetime
    in_doubt: bool = False
    failing_since: datetime | None = None
    cancel_requested: bool = False
    round: int = 0


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Progress to be written under a claim's fence, with the events that it makes true.

    `step` is the step that was just done, or that failed (since `failing_since`); `due_at` None keeps the lease;
    `awaits` is the event that it waits for, `held_by` the gate; `resolves` closes the process's open exceptions.
    """

    key: str
    fence: int
    state: str
    step: str
    at: datetime
    attempt: int = 0
    failing_since: datetime | None = None
    awaits: str | None = None
    held_by: str | None = None
    due_at: datetime | None = None
    journal: Journal = {}
    events: tuple[Event, ...] = ()
    trouble: Trouble | None = None
    correlation_id: str | None = None
    facility: str | None = None
    resolves: bool = False


class Saved(msgspec.Struct, frozen=True):
    """Answer to a checkpoint. `held` is False when another worker has the process; then nothing was written."""

    held: bool
    state: str = ""
    cancel_requested: bool = False


class ProcessStore:
    """Claims processes and writes their checkpoints, many in one commit."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder
        self.save: Gather[Checkpoint, Saved] = Gather(
            self._commit,
            limit=_LARGEST_COMMIT,
            divisible=lambda error: not isinstance(error, DATABASE_AWAY),
        )

    async def claim(
        self,
        worker: str,
        now: datetime,
        lease_until: datetime,
        most: int,
        definitions: Sequence[str] | None = None,
    ) -> list[ClaimedProcess]:
        """Take up to `most` due processes; nobody else gets them before `lease_until`.

        Of definitions that aren't named here (None: any), only those that have waited long for somebody who knows them.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim"], now, most, worker, lease_until, definitions)
        return [_claim(dict(row)) for row in rows]

    async def renew(self, held: Sequence[ClaimedProcess], lease_until: datetime) -> None:
        """Keep what is held until `lease_until`."""
        held = sorted(held, key=lambda claim: claim.key)
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["renew"], [claim.key for claim in held], [claim.fence for claim in held], lease_until
            )

    async def next_due(self, definitions: Sequence[str] | None = None) -> datetime | None:
        async with self._database.connection() as connection:
            due: datetime | None = await connection.fetchval(_SQL["next_due"], definitions)
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
            saved = await self._update(connection, batch)
            held = [checkpoint for checkpoint in batch if _hold(checkpoint) in saved]
            await self._recorder.record(connection, [event for checkpoint in held for event in checkpoint.events])
            for checkpoint in held:
                if checkpoint.trouble is not None:
                    await self._recorder.open_exception(
                        connection,
                        checkpoint.trouble,
                        checkpoint.at,
                        correlation_id=checkpoint.correlation_id,
                        facility=checkpoint.facility,
                    )
            past = [checkpoint.key for checkpoint in held if checkpoint.resolves]
            if past:
                latest = max(checkpoint.at for checkpoint in held)
                await self._recorder.resolve(connection, past, latest, by="went on")
        lost = Saved(held=False)
        return [saved.get(_hold(checkpoint), lost) for checkpoint in batch]

    async def _update(self, connection: Connection, batch: Sequence[Checkpoint]) -> dict[tuple[str, int], Saved]:
        batch = sorted(batch, key=lambda checkpoint: checkpoint.key)
        rows = await connection.fetch(
            _SQL["checkpoint"],
            [checkpoint.key for checkpoint in batch],
            [checkpoint.fence for checkpoint in batch],
            [checkpoint.state for checkpoint in batch],
            [checkpoint.step for checkpoint in batch],
            [checkpoint.attempt for checkpoint in batch],
            [checkpoint.awaits for checkpoint in batch],
            [checkpoint.due_at for checkpoint in batch],
            [checkpoint.at for checkpoint in batch],
            [msgspec.json.encode(checkpoint.journal).decode() for checkpoint in batch],
            [checkpoint.failing_since for checkpoint in batch],
            [checkpoint.held_by for checkpoint in batch],
        )
        return {(row["key"], row["fence"]): Saved(True, row["state"], row["cancel_requested"]) for row in rows}


def _hold(checkpoint: Checkpoint) -> tuple[str, int]:
    """Whose hands it was written by: one batch may carry a stale worker's checkpoint beside its successor's."""
    return checkpoint.key, checkpoint.fence


def _claim(row: dict[str, Any]) -> ClaimedProcess:
    journal = msgspec.json.decode(row.pop("journal"), type=Journal)
    return ClaimedProcess(journal=journal, **row)


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
