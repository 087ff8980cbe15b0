"""Publishes recorded events in the order recorded; the event's id is the message id, so a repeat is one message.

One relay at a time; with the backbone away the ledger moves on and the relay catches up.
"""

import asyncio
from contextlib import suppress

import structlog

from suture.backbone.alone import alone
from suture.backbone.publish import Publisher
from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream, going_on
from suture.store import events
from suture.store.database import DATABASE_AWAY, Database
from suture.store.events import UnpublishedEvent
from suture.telemetry import metrics

log = structlog.get_logger()

_BATCH = 500
_LONGEST_SLEEP = 2.0


class Relay:
    """Runs in every worker; one of them publishes. `replicas` is how many copies the backbone keeps of an event."""

    def __init__(self, database: Database, nats_url: str, replicas: int = 1) -> None:
        self._database = database
        self._nats_url = nats_url
        self._replicas = replicas
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Events were recorded: look now instead of at the next timer."""
        self._wake.set()

    async def run(self) -> None:
        while going_on():
            try:
                await alone(self._database.url, "relay", self._lead)
            except BACKBONE_AWAY + DATABASE_AWAY as error:
                log.warning("relay_paused", error_type=type(error).__name__)
            await asyncio.sleep(_LONGEST_SLEEP)

    async def _lead(self) -> None:
        client = await connect(self._nats_url, "suture-relay")
        try:
            publisher = Publisher(client, await ensure_stream(client, self._replicas), _BATCH)
            while going_on():
                self._wake.clear()
                outgoing = await self._unpublished()
                if outgoing:
                    await publisher.publish([item.event for item in outgoing])
                    await self._mark_published(outgoing)
                    metrics.count("suture_events_published_total", by=len(outgoing))
                if len(outgoing) < _BATCH:
                    await self._pause(bool(outgoing))
        finally:
            await client.close()

    async def _unpublished(self) -> list[UnpublishedEvent]:
        async with self._database.connection() as connection:
            return await events.unpublished(connection, _BATCH)

    async def _mark_published(self, outgoing: list[UnpublishedEvent]) -> None:
        async with self._database.connection() as connection:
            await events.mark_published(connection, [item.seq for item in outgoing])

    async def _pause(self, busy: bool) -> None:
        """Under load a short breath gathers more events into the next batch; idle, wait to be woken."""
        if busy:
            await asyncio.sleep(0.02)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_SLEEP):
                    await self._wake.wait()
