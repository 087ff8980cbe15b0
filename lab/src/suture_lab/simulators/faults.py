"""Faults on demand, the same for the same seed: what networks, proxies and busy systems do on their bad days.

`FaultPlan` says how often what goes wrong, `Faults` draws from it and counts, `FaultInjection` is the ASGI middleware
that does it to an application's API. ``/control`` stays whole; ``/control/faults`` reads and switches the plan.
"""

import asyncio
from collections import Counter
from random import Random
from typing import Any, Literal, get_args

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from suture_lab.simulators.api import json_response

Fault = Literal["unavailable", "error", "throttled", "gateway_timeout", "dropped", "hang", "late"]
Preset = Literal["none", "light", "storm"]


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Latency in milliseconds (mean, exponentially spread) and the share of calls, 0 to 1, that meet each fault.

    Before any work: `unavailable` answers 503, `error` 500, `throttled` 429 with ``Retry-After: 1``, and `hang` keeps
    the caller waiting for `hang_ms` and then closes the connection without an answer.
    After the work was done: `gateway_timeout` answers 504, `dropped` closes the connection without an answer, and
    `late` holds the true answer back for `hang_ms`: a caller with less patience has given up, and the work is done.
    Webhooks: `duplicate` are sent twice, `reorder` held back by up to `reorder_ms`, so that later ones overtake.
    """

    latency_ms: float = 0
    unavailable: float = 0
    error: float = 0
    throttled: float = 0
    gateway_timeout: float = 0
    dropped: float = 0
    hang: float = 0
    late: float = 0
    hang_ms: float = 10_000
    duplicate: float = 0
    reorder: float = 0
    reorder_ms: float = 0


PRESETS: dict[Preset, FaultPlan] = {
    "none": FaultPlan(),
    "light": FaultPlan(
        latency_ms=2,
        unavailable=0.01,
        error=0.01,
        throttled=0.005,
        gateway_timeout=0.01,
        dropped=0.005,
        duplicate=0.03,
        reorder=0.03,
        reorder_ms=500,
    ),
    "storm": FaultPlan(
        latency_ms=15,
        unavailable=0.08,
        error=0.04,
        throttled=0.03,
        gateway_timeout=0.06,
        dropped=0.04,
        duplicate=0.20,
        reorder=0.20,
        reorder_ms=2000,
    ),
}


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """What ``POST /control/faults`` takes: a preset's name or a plan of one's own."""

    plan: Preset | FaultPlan


class Faults:
    """Draws faults from a plan and counts them. Each kind of draw has its own sequence, so one never shifts another."""

    def __init__(self, plan: FaultPlan = PRESETS["none"], seed: int = 1) -> None:
        self.plan = plan
        self.injected: Counter[str] = Counter()
        self._calls = Random(f"calls-{seed}")  # noqa: S311 (bad luck, not a secret)
        self._webhooks = Random(f"webhooks-{seed}")  # noqa: S311

    def next_fault(self) -> Fault | None:
        """The fault that the next call meets, if any."""
        luck = self._calls.random()
        for fault in get_args(Fault):
            luck -= getattr(self.plan, fault)
            if luck < 0:
                self.injected[fault] += 1
                return fault  # type: ignore[no-any-return]
        return None

    def latency(self) -> float:
        """Seconds that the next call takes longer."""
        mean = self.plan.latency_ms / 1000
        return self._calls.expovariate(1 / mean) if mean else 0

    def duplicates(self) -> bool:
        """Whether the next webhook is sent twice."""
        return self._webhook_meets("duplicate", self.plan.duplicate)

    def holds_back(self) -> float:
        """Seconds that the next webhook is held back while later ones overtake; 0 for most."""
        late = self._webhook_meets("reorder", self.plan.reorder)
        return self._webhooks.random() * self.plan.reorder_ms / 1000 if late else 0

    def report(self) -> dict[str, Any]:
        return {"plan": self.plan, "injected": dict(self.injected)}

    def _webhook_meets(self, name: str, rate: float) -> bool:
        if not rate or self._webhooks.random() >= rate:
            return False
        self.injected[name] += 1
        return True


class FaultInjection:
    """ASGI middleware that makes calls of `app` meet the faults drawn; outermost, so that nothing tidies up behind."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/control/faults":
            await self._control(scope, receive, send)
        elif scope["path"].startswith("/control"):
            await self._app(scope, receive, send)
        else:
            await asyncio.sleep(self._faults.latency())
            await self._meet(self._faults.next_fault(), scope, receive, send)

    async def _meet(self, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        if fault is None:
            await self._app(scope, receive, send)
        elif fault == "unavailable":
            await _answer(503, {}, scope, receive, send)
        elif fault == "error":
            await _answer(500, {}, scope, receive, send)
        elif fault == "throttled":
            await _answer(429, {"Retry-After": "1"}, scope, receive, send)
        elif fault == "hang":
            await _disconnected(receive, self._faults.plan.hang_ms / 1000)
            await _close(scope, receive, send)
        elif fault == "late":
            await self._late(scope, receive, send)
        else:
            await self._app(scope, receive, _unheard)
            await (_close if fault == "dropped" else _gateway_timeout)(scope, receive, send)

    async def _late(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if not await _disconnected(receive, self._faults.plan.hang_ms / 1000):
            for message in answer:
                await send(message)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method == "POST":
            try:
                self._switch(msgspec.json.decode(await request.body(), type=Switch).plan)
            except msgspec.DecodeError as error:
                refusal = json_response({"error": {"code": "invalid", "message": str(error)}}, 422)
                return await refusal(scope, receive, send)
        return await json_response(self._faults.report())(scope, receive, send)

    def _switch(self, plan: Preset | FaultPlan) -> None:
        self._faults.plan = plan if isinstance(plan, FaultPlan) else PRESETS[plan]


async def _answer(status: int, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
    response = json_response({"error": {"code": "fault", "message": f"a fault was asked for: {status}"}}, status)
    response.headers.update(headers)
    await response(scope, receive, send)


async def _gateway_timeout(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(504, {}, scope, receive, send)


async def _close(scope: Scope, receive: Receive, send: Send) -> None:
    """Close the connection without an answer; where the server can't, the caller hears of a gateway's timeout."""
    abort = scope.get("extensions", {}).get("suture.abort")
    if abort is None:
        return await _gateway_timeout(scope, receive, send)
    abort["call"]()
    await _disconnected(receive)
    return None


async def _disconnected(receive: Receive, within: float | None = None) -> bool:
    """Wait until the caller is gone, or for `within` seconds; whether it is."""
    try:
        async with asyncio.timeout(within):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _unheard(_: Message) -> None:
    """Takes the application's answer and lets it go: the work was done, and nobody hears of it."""
