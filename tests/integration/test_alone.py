"""One at a time: who holds a role works, who falls silent loses it, who ends frees it."""

import asyncio

import pytest

from suture.backbone.alone import alone
from suture.store.database import DATABASE_AWAY


class Worker:
    """Notes when it works and when it was stopped."""

    def __init__(self, url: str, role: str = "role") -> None:
        self.working = asyncio.Event()
        self.stopped = False
        self.task = asyncio.create_task(alone(url, role, self._work))

    async def _work(self) -> None:
        self.working.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.working.clear()
            self.stopped = True

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def begins(worker: Worker, seconds: float = 10) -> None:
    await asyncio.wait_for(worker.working.wait(), seconds)


async def test_one_works_and_another_takes_over_when_it_ends(database_url: str) -> None:
    first = Worker(database_url)
    await begins(first)
    second, elsewhere = Worker(database_url), Worker(database_url, "another role")
    await begins(elsewhere)
    await asyncio.sleep(0.5)
    assert not second.working.is_set()
    await first.end()
    await begins(second)
    await second.end()
    await elsewhere.end()


async def test_one_that_falls_silent_is_replaced_and_stops_when_it_wakes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suture.backbone.alone._SILENCE", "1s")
    monkeypatch.setattr("suture.backbone.alone._BEAT", 3.0)
    silent = Worker(database_url)
    await begins(silent)
    await asyncio.sleep(0.1)
    monkeypatch.setattr("suture.backbone.alone._BEAT", 0.3)
    successor = Worker(database_url)
    await begins(successor, 2.5)
    with pytest.raises(DATABASE_AWAY):
        await silent.task
    assert silent.stopped
    assert successor.working.is_set()
    await successor.end()


async def test_work_that_ends_or_breaks_ends_it(database_url: str) -> None:
    async def ends() -> None:
        return None

    async def breaks() -> None:
        raise ValueError("broken")

    await alone(database_url, "role", ends)
    with pytest.raises(ValueError, match="broken"):
        await alone(database_url, "role", breaks)


async def test_work_that_swallows_a_cancellation_is_cancelled_again(database_url: str) -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(alone(database_url, "role", stubborn))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert swallowed == 2
