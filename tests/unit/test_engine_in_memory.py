"""The engine over its store in memory passes what every engine passes, and each decision is the same twice."""

from typing import Any

import msgspec
import pytest
from tests.engines.behaviour import *  # noqa: F403
from tests.engines.behaviour import NAME, ROUTES, Bench, World, responsible

from suture.canonical.events import Event
from suture.canonical.routing import Route
from suture.engine.memory import MemoryStore
from suture.engine.process import Process
from suture.engine.steer import SteerCommand


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint as the behaviour suite reads exceptions."""

    code: str
    outcome: str
    reason: str
    remedy: str
    owner: str
    interface: str
    process: str
    step: str
    subject: str
    count: int


class MemoryBench(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore(ROUTES, on_change=self.wake)

    async def record(self, *facts: Event) -> None:
        await self.store.record(facts)
        self.wake()

    async def steer(self, key: str, command: SteerCommand) -> Process | None:
        return next(iter(await self.store.steer(None, [(f"{NAME}:{key}", command)])), None)

    async def process(self, key: str) -> Process:
        return self.store.processes[f"{NAME}:{key}"]

    async def alter(self, key: str, **fields: Any) -> None:
        self.store.processes[f"{NAME}:{key}"] = msgspec.structs.replace(await self.process(key), **fields)

    async def recorded(self, key: str) -> list[Event]:
        return [event for event in self.store.events if event.correlation_id == key]

    async def exceptions(self) -> list[Shown]:
        return [self._shown(key, complaint, count) for (key, _), (complaint, count) in self.store.complaints.items()]

    def _shown(self, key: str, complaint: Any, count: int) -> Shown:
        responsibility = responsible(complaint.role)
        return Shown(
            code=complaint.failure.code,
            outcome=complaint.failure.outcome,
            reason=complaint.failure.message,
            remedy=complaint.failure.remedy,
            owner=complaint.owner or responsibility.owner,
            interface=responsibility.interface,
            process=key,
            step=complaint.step,
            subject=self.store.processes[key].subject,
            count=count,
        )

    async def told_again(self) -> int:
        return len(self.store.told_again)

    def routed(self, *routes: Route) -> None:
        self.store = MemoryStore(routes, on_change=self.wake)


@pytest.fixture
def bench() -> Bench:
    return MemoryBench()


@pytest.fixture
def world(bench: Bench) -> World:
    return bench.world
