"""Group commit: calls that arrive while one flush runs share the next.

Idle, a call is flushed at once; under load, waiting calls become one larger flush instead of many. A flush that
fails is split until the culprit is alone, so that the innocent go through.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from math import ceil
from typing import Generic, NamedTuple, TypeVar

from suture.core.pace import Pace

Item = TypeVar("Item")
Result = TypeVar("Result")

Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]


class _Call(NamedTuple, Generic[Item, Result]):
    item: Item
    future: "asyncio.Future[Result]"


class Gather(Generic[Item, Result]):
    """Turns concurrent calls of one item into few calls of many.

    `flush` gets up to as many items as `limit` says, in the order of arrival, and answers one result an item, in the
    same order. `limit` is a number, or a `Pace` that finds size and window by itself. At most `lanes` flushes run at a
    time. `divisible` says whether an error could be one item's fault: such a batch is halved and tried again, any other
    error reaches every caller of the batch.

    A flush holds items of one `group` only, groups take turns, and each has at most `abreast` flushes under way, among
    which it spreads what waits: a busy group never keeps a quiet one waiting for more than one flush. Items of one
    `record` are never under way together and keep their order, also where those behind them go first.
    """

    def __init__(
        self,
        flush: Flush[Item, Result],
        *,
        limit: int | Pace,
        lanes: int = 1,
        divisible: Callable[[Exception], bool] = lambda _: True,
        group: Callable[[Item], Hashable] | None = None,
        record: Callable[[Item], Hashable] | None = None,
        abreast: int = 1,
    ) -> None:
        self._flush = flush
        self._pace = limit if isinstance(limit, Pace) else Pace.steady(limit)
        self._idle_lanes = lanes
        self._divisible = divisible
        self._group = group
        self._record = record
        self._waiting: OrderedDict[Hashable, deque[_Call[Item, Result]]] = OrderedDict()
        self._abreast = abreast
        self._groups_under_way: Counter[Hashable] = Counter()
        self._records_under_way: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(self._group(item) if self._group else None, deque()).append(_Call(item, future))
        self._start_lane()
        return await future

    @property
    def waiting(self) -> int:
        """How many items no flush has taken up yet."""
        return sum(map(len, self._waiting.values()))

    def _start_lane(self) -> None:
        if self._idle_lanes and (group := self._next_group()) is not _NONE:
            self._idle_lanes -= 1
            self._groups_under_way[group] += 1
            task = asyncio.ensure_future(self._drain(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next_group(self) -> Hashable:
        """The group that waited longest for its turn and has an item that may go."""
        return next((g for g, calls in self._waiting.items() if self._room(g) and self._has_ready(calls)), _NONE)

    def _room(self, group: Hashable) -> int:
        """How many more flushes of a group may be under way. Without `group`, only the lanes bound them."""
        return self._abreast - self._groups_under_way[group] if self._group else 1

    def _has_ready(self, calls: Iterable[_Call[Item, Result]]) -> bool:
        return self._record is None or any(self._record(item) not in self._records_under_way for item, _ in calls)

    async def _drain(self, group: Hashable) -> None:
        """Flushes of one group, as long as no other waits for the lane."""
        try:
            while True:
                calls = self._waiting.get(group, ())
                if wait := self._pace.window(len(calls)):
                    await asyncio.sleep(wait)
                batch = self._take(group)
                if not batch:
                    return
                self._start_lane()
                await self._flushed(batch)
                if self._others_wait(group):
                    return
        finally:
            self._idle_lanes += 1
            self._groups_under_way[group] -= 1
            self._start_lane()

    async def _flushed(self, batch: list[_Call[Item, Result]]) -> None:
        records = {self._record(item) for item, _ in batch} if self._record else set()
        began = asyncio.get_running_loop().time()
        try:
            await self._settle(batch)
        finally:
            self._records_under_way -= records
            self._pace.flushed(len(batch), asyncio.get_running_loop().time() - began)

    def _take(self, group: Hashable) -> list[_Call[Item, Result]]:
        """The next batch of a group. What belongs to a record that is under way, or in the batch, waits in place."""
        calls = self._waiting.get(group, deque())
        batch: list[_Call[Item, Result]] = []
        passed: list[_Call[Item, Result]] = []
        seen: Counter[Hashable] = Counter()
        most = self._share(group, len(calls))
        while calls and len(batch) < most:
            call = calls.popleft()
            record = self._record(call[0]) if self._record else None
            if self._record and (record in self._records_under_way or seen[record]):
                passed.append(call)
            else:
                batch.append(call)
            seen[record] += 1
        calls.extendleft(reversed(passed))
        if not calls:
            self._waiting.pop(group, None)
        if self._record:
            self._records_under_way |= {self._record(item) for item, _ in batch}
        return batch

    def _share(self, group: Hashable, waiting: int) -> int:
        """How many of those that wait one flush takes: its part, where others of the group may run beside it; but never
        so few that calls cost more than what is in them."""
        beside = 1 + max(self._room(group), 0) if self._group else 1
        return min(self._pace.limit, max(ceil(waiting / beside), _FEW))

    def _others_wait(self, group: Hashable) -> bool:
        """Whether the lane is another group's to use now; this one goes to the end of the queue."""
        if group in self._waiting:
            self._waiting.move_to_end(group)
        return any(other != group and self._room(other) > 0 for other in self._waiting)

    async def _settle(self, batch: list[_Call[Item, Result]]) -> None:
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

    async def _settle_halves(self, batch: list[_Call[Item, Result]]) -> None:
        middle = len(batch) // 2
        try:
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
        except asyncio.CancelledError:
            _cancel(batch)
            raise


_FEW = 10
_NONE = object()
"""No group: None is the one group of a gather that has no groups."""


def _cancel(batch: Iterable[_Call[Item, Result]]) -> None:
    for _, future in batch:
        future.cancel()
