"""Group commit: calls that arrive while one flush runs share the next.

Idle, a call is flushed at once; under load, waiting calls become one larger flush instead of many. A flush that
fails is split until the culprit is alone, so that the innocent go through.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]


class Gather(Generic[Item, Result]):
    """Turns concurrent calls of one item into few calls of many.

    `flush` gets up to `limit` items in the order of arrival and answers one result an item, in the same order.
    At most `lanes` flushes run at a time. `divisible` says whether an error could be one item's fault: such a
    batch is halved and tried again, any other error reaches every caller of the batch.
    """

    def __init__(
        self,
        flush: Flush[Item, Result],
        *,
        limit: int,
        lanes: int = 1,
        divisible: Callable[[Exception], bool] = lambda _: True,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._idle_lanes = lanes
        self._divisible = divisible
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start_lane()
        return await future

    @property
    def waiting(self) -> int:
        """How many items no flush has taken up yet."""
        return len(self._waiting)

    def _start_lane(self) -> None:
        if self._idle_lanes and self._waiting:
            self._idle_lanes -= 1
            task = asyncio.ensure_future(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                size = min(self._limit, len(self._waiting))
                await self._settle([self._waiting.popleft() for _ in range(size)])
        finally:
            self._idle_lanes += 1
            self._start_lane()

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"a flush of {len(batch)} items answered {len(results)} results")
        except asyncio.CancelledError:
            _cancel(batch)
            raise
        except Exception as error:
            if len(batch) > 1 and self._divisible(error):
                await self._settle_halves(batch)
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _settle_halves(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        middle = len(batch) // 2
        try:
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
        except asyncio.CancelledError:
            _cancel(batch)
            raise


def _cancel(batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
    for _, future in batch:
        future.cancel()
