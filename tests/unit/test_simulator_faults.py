"""Faults come at the rates asked for, in the same order for the same seed, and are counted."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from suture_lab.simulators.faults import PRESETS, FaultInjection, FaultPlan, Faults
from suture_lab.simulators.serving import serving


def draws(seed: int) -> list[str | None]:
    faults = Faults(PRESETS["storm"], seed)
    return [faults.next_fault() for _ in range(500)]


def test_one_seed_gives_one_sequence() -> None:
    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


def test_rates_are_kept_and_counted() -> None:
    faults = Faults(FaultPlan(unavailable=0.2, dropped=0.1), seed=3)
    met = [faults.next_fault() for _ in range(5000)]
    assert 850 < met.count("unavailable") < 1150
    assert 400 < met.count("dropped") < 600
    assert faults.injected == {"unavailable": met.count("unavailable"), "dropped": met.count("dropped")}


def test_without_faults_nothing_is_drawn() -> None:
    faults = Faults()
    assert [faults.next_fault(), faults.latency(), faults.duplicates(), faults.holds_back()] == [None, 0, False, 0]
    assert not faults.injected


class Bed:
    """An application that counts its work, behind the plan's faults."""

    def __init__(self, plan: FaultPlan) -> None:
        self.work = 0
        self.open_calls = 0
        routes = [Route("/work", self._work, methods=["POST"]), Route("/control/work", self._work, methods=["POST"])]
        self._app = FaultInjection(Starlette(routes=routes), Faults(plan))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open_calls += scope["type"] == "http"
        try:
            await self._app(scope, receive, send)
        finally:
            self.open_calls -= scope["type"] == "http"

    async def _work(self, _: Request) -> Response:
        self.work += 1
        return PlainTextResponse("done")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with serving(self) as url, aiohttp.ClientSession(url) as client:
            yield client


async def injected(client: aiohttp.ClientSession) -> Any:
    async with client.get("/control/faults") as response:
        return (await response.json())["injected"]


async def status_of(client: aiohttp.ClientSession, path: str, body: Any = None) -> int:
    async with client.post(path, json=body) as response:
        return response.status


@pytest.mark.parametrize(
    ("plan", "status", "work"),
    [
        (FaultPlan(), 200, 1),
        (FaultPlan(unavailable=1), 503, 0),
        (FaultPlan(error=1), 500, 0),
        (FaultPlan(throttled=1), 429, 0),
        (FaultPlan(gateway_timeout=1), 504, 1),
    ],
)
async def test_each_fault_over_a_socket(plan: FaultPlan, status: int, work: int) -> None:
    bed = Bed(plan)
    async with bed.open() as client:
        async with client.post("/work") as response:
            assert (response.status, bed.work) == (status, work)
            assert response.headers.get("Retry-After") == ("1" if status == 429 else None)
        assert await status_of(client, "/control/work") == 200


async def test_a_dropped_connection_leaves_the_work_done() -> None:
    bed = Bed(FaultPlan(dropped=1))
    async with bed.open() as client:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.post("/work")
    assert bed.work == 1


async def test_a_hanging_call_is_closed_without_work() -> None:
    bed = Bed(FaultPlan(hang=1, hang_ms=50))
    async with bed.open() as client:
        began = time.monotonic()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.post("/work", data=b"body")
        assert time.monotonic() - began >= 0.05
        assert await injected(client) == {"hang": 1}
    assert bed.work == 0


async def test_a_late_answer_is_the_true_one() -> None:
    bed = Bed(FaultPlan(late=1, hang_ms=50))
    async with bed.open() as client:
        began = time.monotonic()
        async with client.post("/work", data=b"body") as response:
            assert (response.status, await response.text()) == (200, "done")
        assert time.monotonic() - began >= 0.05
        assert await injected(client) == {"late": 1}
    assert bed.work == 1


@pytest.mark.parametrize(("plan", "work"), [(FaultPlan(hang=1), 0), (FaultPlan(late=1), 1)], ids=["hang", "late"])
async def test_a_held_call_ends_when_its_caller_gives_up(plan: FaultPlan, work: int) -> None:
    bed = Bed(plan)
    async with bed.open() as client:
        with pytest.raises(TimeoutError):
            await client.post("/work", data=b"body", timeout=aiohttp.ClientTimeout(total=0.1))
        async with asyncio.timeout(1):
            while bed.open_calls:
                await asyncio.sleep(0.01)
    assert bed.work == work


async def test_faults_are_switched_while_running() -> None:
    async with Bed(FaultPlan()).open() as client:
        await status_of(client, "/control/faults", {"plan": {"unavailable": 1}})
        assert await status_of(client, "/work") == 503
        await status_of(client, "/control/faults", {"plan": "none"})
        assert await status_of(client, "/work") == 200
        assert await status_of(client, "/control/faults", {"plan": "tsunami"}) == 422
        assert await injected(client) == {"unavailable": 1}
