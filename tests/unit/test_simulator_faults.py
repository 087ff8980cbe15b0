"""Faults come at the rates asked for, in the same order for the same seed, and are counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from suture.simulators.faults import PRESETS, FaultInjection, FaultPlan, Faults
from suture.simulators.serving import serving


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
        routes = [Route("/work", self._work, methods=["POST"]), Route("/control/work", self._work, methods=["POST"])]
        self._app = FaultInjection(Starlette(routes=routes), Faults(plan))

    async def _work(self, _: Request) -> Response:
        self.work += 1
        return PlainTextResponse("done")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with serving(self._app) as url, aiohttp.ClientSession(url) as client:
            yield client


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


async def test_faults_are_switched_while_running() -> None:
    async with Bed(FaultPlan()).open() as client:
        await status_of(client, "/control/faults", {"plan": {"unavailable": 1}})
        assert await status_of(client, "/work") == 503
        await status_of(client, "/control/faults", {"plan": "none"})
        assert await status_of(client, "/work") == 200
        assert await status_of(client, "/control/faults", {"plan": "tsunami"}) == 422
        async with client.get("/control/faults") as response:
            assert (await response.json())["injected"] == {"unavailable": 1}
