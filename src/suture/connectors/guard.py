"""What every call to an outside system passes: its breaker, its bulkhead and its throttle."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

from suture.core.failure import CircuitOpen, Failure, Fatal, Retriable, Throttled, Unknown
from suture.core.throttle import Bulkhead, Throttle
from suture.store.gate import Gate

_LONGEST_TURN = 2.0
_SERVER_ERROR = 500


class Watched:
    """One call under way."""

    def __init__(self) -> None:
        self.status: int | None = None

    def answered(self, status: int) -> None:
        """The system answered, with an HTTP status."""
        self.status = status


class Guard:
    """Guards one system in one worker.

    `concurrency` and `rate` (calls a second, None: as they come) are the system's in all; `workers` answers among how
    many they are shared. A call waits for its turn, but not long: then it is `CircuitOpen` until that turn.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        concurrency: int,
        rate: float | None = None,
        workers: Callable[[], int] = lambda: 1,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._gate = gate
        self._concurrency = concurrency
        self._rate = rate
        self._workers = workers
        self._bulkhead = Bulkhead(concurrency)
        self._throttle = Throttle(now)

    @classmethod
    def unwatched(cls, system: str, concurrency: int = 16) -> "Guard":
        """A guard that nobody else hears of, for commands and tests."""
        return cls(Gate(system), concurrency=concurrency)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Watched]:
        """Around one call. Raises `CircuitOpen` where it may not go out now; what it raises inside tells how the system
        is."""
        self._gate.check()
        self._share_limits()
        alone = self._gate.probing  # calls that hang must not keep the one from trying that finds out
        if not alone:
            await self._bulkhead.enter()
        try:
            await self._await_turn()
            self._gate.check()
            async with self._watched() as watched:
                yield watched
        finally:
            if not alone:
                self._bulkhead.leave()

    def _share_limits(self) -> None:
        workers = self._workers()
        self._bulkhead.limit = max(self._concurrency // workers, 1)
        self._bulkhead.admit()
        self._throttle.rate = self._rate / workers if self._rate is not None else None

    async def _await_turn(self) -> None:
        wait = self._throttle.until_turn()
        if wait > _LONGEST_TURN:
            raise CircuitOpen(
                self._gate.interface, "is at its limit of concurrent calls", not_before=timedelta(seconds=wait)
            )
        self._throttle.take_turn()
        if wait:
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[Watched]:
        watched = Watched()
        self._gate.began()
        try:
            yield watched
        except (Retriable, Unknown) as failure:
            self._note(failure)
            raise
        except Fatal:
            self._gate.answered()
            raise
        except BaseException:
            self._gate.ended()
            raise
        if watched.status is not None and watched.status >= _SERVER_ERROR:
            self._gate.failed(Failure("server_error", f"{self._gate.interface} failed ({watched.status})"))
        else:
            self._gate.answered()

    def _note(self, failure: Failure) -> None:
        """Whoever is asked to wait makes all calls of this worker wait; being throttled is no sign of weakness."""
        if failure.not_before is not None:
            self._throttle.hold(failure.not_before.total_seconds())
        if isinstance(failure, Throttled):
            self._gate.answered()
        else:
            self._gate.failed(failure)
