"""Sends what waits: per subscriber one after the other, in the order in which it was recorded.

A delivery that fails is tried again by the schedule, and what came after it waits: order is kept. After the last try it
is given up, the next one has its turn, and the subscriber can ask for it again. One that answers 410, or fails for days
on end, is disabled and a person told; what is recorded for it then is not kept.
"""

import asyncio
from datetime import datetime, timedelta
from random import Random

import aiohttp
import structlog

from suture.access.signatures import decode_secret
from suture.catalogue import Catalogue
from suture.core.clock import Clock
from suture.core.failure import Rejected
from suture.core.trouble import Trouble
from suture.outbound.posting import Answered, calling_out, post
from suture.store import subscriptions
from suture.store.data_keys import Vault
from suture.store.database import DATABASE_AWAY, Database
from suture.store.recorder import Recorder
from suture.store.subscriptions import SigningSecrets, Subscription, Waiting
from suture.telemetry import metrics

log = structlog.get_logger()

SCHEDULE = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21600, 43200))
"""How long to wait after each failure (Standard Webhooks' proposal); after the last, a delivery is given up."""
DISABLED_AFTER = timedelta(days=3)
_KEPT = timedelta(days=30)
_LEASE = timedelta(seconds=60)
_ABREAST = 16
_AT_ONCE = 50
_LOOK_SECONDS = 1.0
_CLEAR_EVERY = timedelta(hours=1)


class SubscriptionSender:
    """A worker's loop. A subscriber is one worker's at a time, by a lease."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        recorder: Recorder,
        catalogue: Catalogue,
        clock: Clock,
        private: bool = False,
        seed: int | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._recorder = recorder
        self._owner = catalogue.system_of("scheduling")[1].owner
        self._clock = clock
        self._private = private
        self._random = Random(seed)  # noqa: S311 (jitter)
        self._cleared_at: datetime | None = None

    async def run(self) -> None:
        async with calling_out(private=self._private, abreast=_ABREAST) as http:
            while True:
                try:
                    sent = await self.send_due(http)
                    await self._clear()
                except DATABASE_AWAY as error:
                    log.warning("database_away", role="outbound", error_type=type(error).__name__)
                    sent = 0
                if not sent:
                    await asyncio.sleep(_LOOK_SECONDS)

    async def send_due(self, http: aiohttp.ClientSession) -> int:
        """Send what is due to those whose turn it is; answers how many subscribers that were."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            claimed = await subscriptions.claim(connection, now, now + _LEASE, _ABREAST)
        await asyncio.gather(*(self._serve(http, one) for one in claimed))
        return len(claimed)

    async def _serve(self, http: aiohttp.ClientSession, to: Subscription) -> None:
        """Deliver in order until something fails, or the lease is half over."""
        until = self._clock.now() + _LEASE / 2
        keys = await self._keys(to)
        async with self._database.connection() as connection:
            waiting = await subscriptions.waiting(connection, to.id, _AT_ONCE)
        for one in waiting:
            if self._clock.now() > until:
                break
            answer = await self._post(http, to.url, keys, one)
            metrics.count("suture_webhooks_sent_total", "delivered" if answer.took_it else "failed")
            if not answer.took_it:
                await self._failed(to, one, answer)
                return
            async with self._database.connection() as connection:
                await subscriptions.settle(
                    connection, to.id, one.event, state="delivered", now=self._clock.now(), answer=answer.words
                )
        async with self._database.connection() as connection:
            await subscriptions.release(connection, to.id, self._clock.now(), 0, None)

    async def _keys(self, to: Subscription) -> list[bytes]:
        """The current key, and the one before for as long as it holds."""
        secrets: SigningSecrets = await subscriptions.secrets_of(self._vault, to)
        previous = secrets.previous if to.previous_until and self._clock.now() < to.previous_until else None
        return [decode_secret(secret) for secret in (secrets.current, previous) if secret]

    async def _post(self, http: aiohttp.ClientSession, url: str, keys: list[bytes], one: Waiting) -> Answered:
        return await post(
            http,
            url,
            keys,
            number=str(one.event),
            body=one.body.encode(),
            kind="application/cloudevents+json",
            now=self._clock.now(),
            private=self._private,
        )

    async def _failed(self, to: Subscription, one: Waiting, answer: Answered) -> None:
        now = self._clock.now()
        since = to.failing_since or now
        last = to.attempt >= len(SCHEDULE)
        async with self._database.transaction() as connection:
            await subscriptions.settle(
                connection, to.id, one.event, state="given_up" if last else "waiting", now=now, answer=answer.words
            )
            if answer.status == 410 or now - since > DISABLED_AFTER:
                why = (
                    "it answered 410 (gone)"
                    if answer.status == 410
                    else f"it has failed since {since:%Y-%m-%d %H:%M} UTC"
                )
                await subscriptions.switch(connection, to.id, "disabled", why, now)
                await self._recorder.open_exception(connection, self._disabled(to, why), now)
                return
            attempt = 0 if last else to.attempt + 1
            due = now if last else now + self._wait(to.attempt, answer)
            await subscriptions.release(connection, to.id, due, attempt, since)

    def _wait(self, attempt: int, answer: Answered) -> timedelta:
        planned = SCHEDULE[min(attempt, len(SCHEDULE) - 1)] * (0.9 + self._random.random() / 5)
        return max(planned, answer.wait) if answer.wait else planned

    def _disabled(self, to: Subscription, why: str) -> Trouble:
        return Trouble(
            code="subscriber_disabled",
            outcome=Rejected.outcome,
            reason=f"the webhooks of {to.client} to subscription {to.id} were disabled: {why}",
            remedy=f"Ask {to.client} to fix its receiver; then `suture subscriptions enable {to.id}`.",
            owner=self._owner,
            process=f"subscription:{to.id}",
        )

    async def _clear(self) -> None:
        now = self._clock.now()
        if self._cleared_at is None or now - self._cleared_at > _CLEAR_EVERY:
            self._cleared_at = now
            async with self._database.connection() as connection:
                await subscriptions.clear(connection, now - _KEPT)
