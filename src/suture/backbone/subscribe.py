"""A durable subscriber: gets every event at least once, in order, and confirms what it has handled.

Its place in the stream is the backbone's to remember, so subscribers come, go and fall behind without knowing each
other. An event that a handler can't take is put aside (`broken`), and the next one has its turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from suture.backbone.stream import BACKBONE_AWAY, STREAM, SUBJECTS, connect, ensure_stream
from suture.canonical.cloudevents import decode
from suture.canonical.events import Event
from suture.store.database import DATABASE_AWAY

log = structlog.get_logger()

Handler = Callable[[Sequence[Event]], Awaitable[None]]
_BATCH = 200
_PAUSE = 2.0


class Subscriber:
    """Feeds `handle` with batches of events. `handle` must be idempotent: a batch may come again."""

    def __init__(
        self, name: str, nats_url: str, handle: Handler, broken: Callable[[Event, Exception], Awaitable[None]]
    ):
        self._name = name
        self._nats_url = nats_url
        self._handle = handle
        self._broken = broken

    async def run(self) -> None:
        """Work until cancelled; comes back by itself after the backbone or the database was away."""
        while True:
            try:
                client = await connect(self._nats_url, f"suture-{self._name}")
                try:
                    await self._consume(client, await ensure_stream(client))
                finally:
                    await client.close()
            except BACKBONE_AWAY + DATABASE_AWAY as error:
                log.warning("subscriber_paused", subscriber=self._name, error_type=type(error).__name__)
            await asyncio.sleep(_PAUSE)

    async def _consume(self, client: Client, jetstream: JetStreamContext) -> None:
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.ALL, ack_wait=60, max_ack_pending=_BATCH * 2
        )
        subscription = await jetstream.pull_subscribe(SUBJECTS, durable=self._name, stream=STREAM, config=config)
        try:
            while True:
                with suppress(NatsTimeout):
                    await self._take(await subscription.fetch(_BATCH, timeout=10))
        finally:
            with suppress(*BACKBONE_AWAY):  # else the next event goes to a reader who has left, and comes again late
                await subscription.unsubscribe()
                await client.flush(timeout=2)

    async def _take(self, messages: list[Msg]) -> None:
        try:
            await self._offer(messages, [decode(message.data) for message in messages])
        except BACKBONE_AWAY:
            raise
        except Exception as error:
            log.error("batch_broke", subscriber=self._name, count=len(messages), error_type=type(error).__name__)
            for message in messages:
                await self._take_one(message)
            return
        for message in messages:
            await message.ack()

    async def _take_one(self, message: Msg) -> None:
        try:
            event = decode(message.data)
        except msgspec.DecodeError as error:
            log.error("not_an_event", subscriber=self._name, error_type=type(error).__name__)
            await message.term()
            return
        try:
            await self._offer([message], [event])
        except BACKBONE_AWAY:
            raise
        except Exception as error:
            await self._broken(event, error)
        await message.ack()

    async def _offer(self, messages: Sequence[Msg], events: Sequence[Event]) -> None:
        """Hand events to the handler; while the database is away they wait here, so that none overtakes them."""
        while True:
            try:
                return await self._handle(events)
            except DATABASE_AWAY as error:
                log.warning("subscriber_paused", subscriber=self._name, error_type=type(error).__name__)
            await asyncio.sleep(_PAUSE)
            for message in messages:
                await message.in_progress()
