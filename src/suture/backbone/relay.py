"""Publishes recorded events in the order recorded; the event's id is the message id, so a repeat is one message.

One relay at a time (an advisory lock in Postgres); with the backbone away the ledger moves on and the relay catches up.
"""

import asyncio
from contextlib import suppress

import structlog
from nats.js import JetStreamContext

from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream
from suture.canonical.cloudevents import encode
from suture.store import events
from suture.store.database import DATABASE_AWAY, Connection, Database
from suture.store.events import Outgoing

log = structlog.get_logger()

_LEADER_LOCK = 0x5355_5455
_BATCH = 500
_LONGEST_SLEEP = 2.0


class Relay:
    """Runs in every worker; the one that holds the lock publishes."""

    def __init__(self, database: Database, nats_url: str) -> None:
        self._database = database
        self._nats_url = nats_url
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Events were recorded: look now instead of at the next timer."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            try:
                async with self._database.connection() as connection:
                    if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER_LOCK):
                        try:
                            await self._lead(connection)
                        finally:
                            with suppress(*DATABASE_AWAY):
                                await connection.execute("SELECT pg_advisory_unlock($1)", _LEADER_LOCK)
            except BACKBONE_AWAY + DATABASE_AWAY as error:
                log.warning("relay_paused", error_type=type(error).__name__)
            await asyncio.sleep(_LONGEST_SLEEP)

    async def _lead(self, connection: Connection) -> None:
        client = await connect(self._nats_url, "suture-relay")
        try:
            jetstream = await ensure_stream(client)
            while True:
                self._wake.clear()
                outgoing = await events.unpublished(connection, _BATCH)
                if outgoing:
                    await self._publish(jetstream, outgoing)
                    await events.mark_published(connection, [item.seq for item in outgoing])
                if len(outgoing) < _BATCH:
                    await self._pause(bool(outgoing))
        finally:
            await client.close()

    async def _pause(self, busy: bool) -> None:
        """Under load a short breath gathers more events into the next batch; idle, wait to be woken."""
        if busy:
            await asyncio.sleep(0.02)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_SLEEP):
                    await self._wake.wait()

    @staticmethod
    async def _publish(jetstream: JetStreamContext, outgoing: list[Outgoing]) -> None:
        confirmations = [
            await jetstream.publish_async(
                item.event.type, encode(item.event), headers={"Nats-Msg-Id": str(item.event.id)}
            )
            for item in outgoing
        ]
        await asyncio.wait_for(asyncio.gather(*confirmations), 30)
