"""The process engine: claims what is due under a lease and runs each process as a task.

A worker that dies or hangs loses its leases, and whoever is alive goes on from the last checkpoint. Why the engine is
ours stands in docs/decisions/0001-process-engine.md.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from suture.catalogue.manifest import Role
from suture.core.clock import Clock
from suture.engine.decide import Responsibility
from suture.engine.definition import Definition, by_version
from suture.engine.port import EngineStore
from suture.engine.process import Process
from suture.processes.step_runner import LeaseLost, RunnerContext, StepRunner
from suture.store.database import DATABASE_AWAY
from suture.store.gate import Gate

log = structlog.get_logger()

_LONGEST_SLEEP = 2.0
_SHORTEST_SLEEP = 0.02
_FAR_OFF = datetime.max.replace(tzinfo=UTC)


class ProcessEngine:
    """Runs the processes of a `store` by `definitions`, for one worker.

    `slots` is how many processes are under way at once; `lease` is how long others wait before they take over from a
    worker that fell silent. `gates` answers the gate of an interface, `shut_out` how many steps hang at gates that are
    shut: they take no slot from work that needs other systems.
    """

    def __init__(
        self,
        *,
        store: EngineStore,
        definitions: Iterable[Definition[Any]],
        toolbox: Any,
        responsible: Callable[[Role | None], Responsibility],
        organisation: str,
        worker: str,
        clock: Clock,
        slots: int = 256,
        lease: timedelta = timedelta(seconds=30),
        jitter: Callable[[], float] = random.random,
        gates: Callable[[str], Gate] = Gate,
        shut_out: Callable[[], int] = lambda: 0,
    ) -> None:
        self._store = store
        self._shut_out = shut_out
        self._definitions = by_version(definitions)
        self._setting = RunnerContext(
            store=store,
            toolbox=toolbox,
            responsible=responsible,
            gates=gates,
            organisation=organisation,
            clock=clock,
            jitter=jitter,
        )
        self._worker = worker
        self._clock = clock
        self._slots = slots
        self._lease = lease
        self._held: dict[str, Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._looks_at = _FAR_OFF

    def wake(self) -> None:
        """Something may be due: look now instead of at the next timer."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then hand back what is held, so that nobody waits for our leases to end."""
        heart = asyncio.create_task(self._keep_leases())
        try:
            while True:
                self._wake.clear()
                self._looks_at = _FAR_OFF
                wait = await self._claim_due()
                self._looks_at = self._clock.now() + timedelta(seconds=wait)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
        finally:
            heart.cancel()
            await self._hand_back()

    async def _claim_due(self) -> float:
        """Claim what is due and start it; answers how many seconds to sleep unless woken."""
        free = self._slots - len(self._tasks) + self._shut_out()
        if free <= 0:
            return _LONGEST_SLEEP  # a task that ends wakes us
        now = self._clock.now()
        try:
            claims = await self._store.claim(self._worker, now, now + self._lease, free, list(self._definitions))
            for claim in claims:
                self._begin(claim)
            due = await self._store.next_due(list(self._definitions))
        except DATABASE_AWAY as error:
            log.warning("database_away", worker=self._worker, error_type=type(error).__name__)
            return _LONGEST_SLEEP
        if due is None:
            return _LONGEST_SLEEP
        return min(max((due - self._clock.now()).total_seconds(), _SHORTEST_SLEEP), _LONGEST_SLEEP)

    def _begin(self, claim: Process) -> None:
        older = self._tasks.get(claim.key)
        if older is not None:  # our own lease ran out under us: the older run must not go on beside the new one
            older.cancel()
        task = asyncio.create_task(self._work(claim))
        self._held[claim.key], self._tasks[claim.key] = claim, task
        task.add_done_callback(lambda ended: self._end(claim.key, ended))

    def _end(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is not task:
            return
        if len(self._tasks) >= self._slots:
            self._wake.set()
        del self._tasks[key], self._held[key]

    async def _work(self, claim: Process) -> None:
        try:
            definition = self._definitions.get((claim.definition, claim.version))
            due = await StepRunner(claim, definition, self._setting).run()
            if due is not None and due < self._looks_at:
                self._wake.set()
        except LeaseLost:
            log.info("lease_lost", process=claim.key, worker=self._worker)
        except DATABASE_AWAY as error:
            log.warning("database_away", process=claim.key, error_type=type(error).__name__)
        except Exception as error:  # a defect of ours: the lease ends and the process is taken up again
            log.error("process_broke", process=claim.key, error_type=type(error).__name__)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if not self._held:
                continue
            try:
                await self._store.renew(list(self._held.values()), self._clock.now() + self._lease)
            except Exception as error:  # whatever it was (a deadlock, say), the next beat comes before the leases end
                log.warning("leases_not_renewed", worker=self._worker, error_type=type(error).__name__)

    async def _hand_back(self) -> None:
        tasks, held = list(self._tasks.values()), list(self._held.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if held:
            with suppress(*DATABASE_AWAY):
                await self._store.renew(held, self._clock.now())
