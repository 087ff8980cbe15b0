"""Reconciles on schedule and on request, in whichever worker is free to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, timedelta

import structlog

from suture.catalogue import Catalogue
from suture.catalogue.days import Days
from suture.core.clock import Clock
from suture.core.failure import Failure, Rejected
from suture.core.trouble import Trouble
from suture.reconcile.discrepancy_recorder import BY
from suture.reconcile.reconciler import Reconciler, Tell
from suture.reconcile.rule_engine import TooManyDifferences
from suture.store import reconciliations
from suture.store.database import DATABASE_AWAY, Database
from suture.store.reconciliations import Reconciliation
from suture.store.recorder import Recorder

log = structlog.get_logger()

_LOOK_SECONDS = 30.0
_FAILED_SECONDS = 60.0


class ReconciliationWatch:
    """A worker's loop. One run at a time over all workers; a run that a worker left is gone on with by another."""

    def __init__(
        self, *, database: Database, reconciler: Reconciler, recorder: Recorder, catalogue: Catalogue, clock: Clock
    ) -> None:
        self._database = database
        self._reconciler = reconciler
        self._recorder = recorder
        self._catalogue = catalogue
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Somebody asked for a run."""
        self._woken.set()

    async def run(self) -> None:
        pause = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            self._woken.clear()
            pause = await self._attempt(self._work)

    async def _work(self) -> None:
        await self._request_when_due()
        while await self.take():
            pass

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> float:
        """Seconds until the next look."""
        try:
            await work()
        except Failure as failure:  # its gate knows; the run goes on from where it is
            log.warning("reconciliation_waits", code=failure.code)
            return _FAILED_SECONDS
        except DATABASE_AWAY as error:
            log.warning("database_away", role="reconciliation", error_type=type(error).__name__)
        return _LOOK_SECONDS

    async def take(self, tell: Tell = lambda _: None) -> Reconciliation | None:
        """Do the oldest run that isn't done, if nobody else does; answers it when it has ended."""
        async with reconciliations.alone(self._database) as free:
            if not free:
                return None
            async with self._database.connection() as connection:
                due = await reconciliations.due(connection)
            if due is None:
                return None
            try:
                return await self._reconciler.run(due, tell)
            except TooManyDifferences as error:
                return await self._stop(due, str(error))

    async def _stop(self, run: Reconciliation, reason: str) -> Reconciliation | None:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await reconciliations.finish(connection, run.id, "failed", now, reason)
            await self._recorder.open_exception(connection, _stopped(reason), now)
            return await reconciliations.get(connection, run.id)

    async def _request_when_due(self) -> None:
        policy = self._catalogue.reconciliation
        if not policy.every_hours:
            return
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if await reconciliations.claim_schedule(connection, now, timedelta(hours=policy.every_hours)):
                first, last = window(self._catalogue, self._clock)
                await reconciliations.request(connection, first, last, by=BY, at=now)


def window(catalogue: Catalogue, clock: Clock) -> tuple[date, date]:
    """The days that every run reads: the catalogue's window up to today, at whichever facility that comes first."""
    today = Days(catalogue).last_begun(clock.now())
    return today - timedelta(days=catalogue.reconciliation.window_days - 1), today


def _stopped(reason: str) -> Trouble:
    return Trouble(
        code="reconciliation_stopped",
        outcome=Rejected.outcome,
        reason=reason,
        remedy="Fix the cause, then `suture reconcile run`; discard this exception once the run succeeds.",
        owner="integration",
        process="reconciliation:run",
    )
