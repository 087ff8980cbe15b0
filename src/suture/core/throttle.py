"""Rate and concurrency of calls to one system."""

import asyncio
from collections import deque
from collections.abc import Callable


class Throttle:
    """Spaces calls evenly: at most `rate` a second (None: as they come), after a small burst. FIFO.

    `now` answers seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float], burst: float = 1.0) -> None:
        self._now = now
        self._burst = burst
        self._free_at = 0.0
        self.rate: float | None = None
        """Turns a second; None: one at once."""

    def until_turn(self) -> float:
        """How many seconds away the next turn is."""
        return max(self._next_turn() - self._now(), 0.0)

    def take_turn(self) -> None:
        """The next turn is taken."""
        self._free_at = self._next_turn() + (1 / self.rate if self.rate else 0.0)

    def _next_turn(self) -> float:
        return max(self._free_at, self._now() - ((self._burst - 1) / self.rate if self.rate else 0.0))

    def hold(self, seconds: float) -> None:
        """No call before then: the system asked for it."""
        self._free_at = max(self._free_at, self._now() + seconds)


class Bulkhead:
    """At most `limit` calls at a time; others wait in order. The limit may change while calls are under way."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        if self.under_way < self.limit and not self._waiting:
            self.under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came in the moment of the cancellation: it is the next one's
            raise

    def leave(self) -> None:
        self.under_way -= 1
        self.admit()

    def admit(self) -> None:
        """Let in who may enter by now."""
        while self._waiting and self.under_way < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
