"""A sender of Standard Webhooks (https://www.standardwebhooks.com): signed, at least once, patient.

Messages of one key keep their order: each key has its lane, and a lane sends one message at a time. Faults break that
order on purpose. A full lane makes `send` wait, so a slow receiver slows the sender down.
"""

import asyncio
import base64
import hmac
import time
from collections import Counter
from collections.abc import Coroutine
from random import Random
from typing import Any
from zlib import crc32

import aiohttp
import msgspec

from suture_lab.simulators.faults import Faults

LANES = 32
LANE_LENGTH = 32
FIRST_WAIT = 0.05
LONGEST_WAIT = 2.0
TIMEOUT = 30.0

DELIVERED, REFUSED, TRY_AGAIN = "delivered", "refused", "retried"


class WebhookTarget(msgspec.Struct, frozen=True):
    """Where notices go, and the secret (``whsec_`` and base64) that signs them."""

    url: str
    secret: str


class WebhookMessage(msgspec.Struct, frozen=True):
    """`id` is stable over attempts and duplicates: it is how a receiver knows a message again."""

    id: str
    body: bytes


def key_of(secret: str) -> bytes:
    """The signing key in a ``whsec_…`` secret."""
    return base64.b64decode(secret.removeprefix("whsec_") + "==")


def signed_headers(key: bytes, message: WebhookMessage, now: int) -> dict[str, str]:
    """The headers of one attempt at `now` (Unix seconds)."""
    content = b"%s.%d.%s" % (message.id.encode(), now, message.body)
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {"webhook-id": message.id, "webhook-timestamp": str(now), "webhook-signature": f"v1,{signature}"}


class WebhookSender:
    """Sends messages to one target until each is accepted (2xx) or refused for good (409, 410)."""

    def __init__(self, target: WebhookTarget, *, faults: Faults | None = None, lanes: int = LANES) -> None:
        self._target = target
        self._key = key_of(target.secret)
        self._faults = faults or Faults()
        self._jitter = Random(0)  # noqa: S311 (spreads retries, no secret)
        self._counts: Counter[str] = Counter()
        self._unsettled = 0
        self._lanes: list[asyncio.Queue[WebhookMessage]] = [asyncio.Queue(LANE_LENGTH) for _ in range(lanes)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def idle(self) -> bool:
        """Whether everything handed over so far has been delivered or refused."""
        return self._unsettled == 0

    def progress(self) -> dict[str, int]:
        """How many messages wait (`queued`), and what has become of the others."""
        counted = {name: self._counts[name] for name in (DELIVERED, TRY_AGAIN, REFUSED)}
        return {"queued": self._unsettled, **counted}

    async def send(self, message_id: str, body: bytes, *, key: str) -> None:
        """Take a message over. It goes out after those of the same `key` that were taken before."""
        self._open()
        message = WebhookMessage(message_id, body)
        self._unsettled += 1
        wait = self._faults.holds_back()
        if wait:
            self._spawn(self._later(message, wait))
        else:
            await self._lanes[crc32(key.encode()) % len(self._lanes)].put(message)

    async def close(self) -> None:
        """Stop; what is still queued is not sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _open(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=2 * len(self._lanes)),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
                headers={"Content-Type": "application/json"},
            )
            for lane in self._lanes:
                self._spawn(self._drain(lane))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, lane: asyncio.Queue[WebhookMessage]) -> None:
        while True:
            await self._settle(await lane.get())

    async def _later(self, message: WebhookMessage, wait: float) -> None:
        await asyncio.sleep(wait)
        await self._settle(message)

    async def _settle(self, message: WebhookMessage) -> None:
        duplicate = self._faults.duplicates()
        outcome = await self._deliver(message)
        if duplicate:
            await self._attempt(message)
        self._counts[outcome] += 1
        self._unsettled -= 1

    async def _deliver(self, message: WebhookMessage) -> str:
        wait = FIRST_WAIT
        while (outcome := await self._attempt(message)) == TRY_AGAIN:
            self._counts[TRY_AGAIN] += 1
            await asyncio.sleep(wait * (0.5 + self._jitter.random()))
            wait = min(wait * 2, LONGEST_WAIT)
        return outcome

    async def _attempt(self, message: WebhookMessage) -> str:
        assert self._session is not None
        headers = signed_headers(self._key, message, int(time.time()))
        try:
            async with self._session.post(self._target.url, data=message.body, headers=headers) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return TRY_AGAIN
        if 200 <= response.status < 300:
            return DELIVERED
        return REFUSED if response.status in (409, 410) else TRY_AGAIN
