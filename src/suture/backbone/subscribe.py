"""A durable subscriber: gets every event at least once, in order, and confirms what it has handled.

Its place in the stream is the backbone's to remember, so subscribers come, go and fall behind without knowing each
other. An event that a handler can't take is put aside (`broken`), and the next one has its turn. With a database, only
what that recorded is believed: whoever can publish to the backbone can't make anything true.

Order is kept by three rules: one reader at a time over all workers; nothing is handled before what precedes it in the
stream, also when a delivery got lost on its way; and the next event is taken up only when the confirmation of those
before it has been confirmed itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import NotFoundError

from suture.backbone.alone import alone
from suture.backbone.names import STREAM
from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream, going_on
from suture.canonical.cloudevents import decode
from suture.canonical.events import Event
from suture.store import events as recorded
from suture.store.database import DATABASE_AWAY, Database

log = structlog.get_logger()

Handler = Callable[[Sequence[Event]], Awaitable[None]]
_BATCH = 200
_PAUSE = 2.0
_FETCH_SECONDS = 5.0
_CONFIRM_SECONDS = 5.0
_REDELIVER_SECONDS = 15.0


async def _only_log(subscriber: str, sequence: int) -> None:
    log.error("not_an_event", subscriber=subscriber, sequence=sequence)


async def _only_log_forged(subscriber: str, sequence: int) -> None:
    log.error("not_recorded", subscriber=subscriber, sequence=sequence)


class Subscriber:
    """Feeds `handle` with batches of events. `handle` must be idempotent: a batch may come again.

    `unreadable` is told the subscriber's name and the stream's number of a message that is no event, `forged` those of
    one that tells an event that the database didn't record so. With a `database`, one subscriber of this name works at
    a time, wherever it runs.
    """

    def __init__(
        self,
        name: str,
        nats_url: str,
        handle: Handler,
        broken: Callable[[Event, Exception], Awaitable[None]],
        *,
        unreadable: Callable[[str, int], Awaitable[None]] = _only_log,
        forged: Callable[[str, int], Awaitable[None]] = _only_log_forged,
        database: Database | None = None,
        replicas: int = 1,
    ):
        self._name = name
        self._nats_url = nats_url
        self._handle = handle
        self._broken = broken
        self._unreadable = unreadable
        self._forged = forged
        self._database = database
        self._replicas = replicas

    async def run(self) -> None:
        """Work until cancelled; comes back by itself after the backbone or the database was away."""
        while going_on():
            try:
                if self._database is None:
                    await self._attend()
                else:
                    await alone(self._database.url, f"subscriber {self._name}", self._attend)
            except BACKBONE_AWAY + DATABASE_AWAY as error:
                log.warning("subscriber_paused", subscriber=self._name, error_type=type(error).__name__)
            await asyncio.sleep(_PAUSE)

    async def _attend(self) -> None:
        client = await connect(self._nats_url, f"suture-{self._name}")
        try:
            await self._consume(client, await ensure_stream(client, self._replicas))
        finally:
            await client.close()

    async def _consume(self, client: Client, jetstream: JetStreamContext) -> None:
        place = await _place(jetstream, self._name)
        subscription = await jetstream.pull_subscribe_bind(consumer=self._name, stream=STREAM)
        line = _Line(place.ack_floor.stream_seq if place.ack_floor else 0)
        try:
            while going_on():
                ready = line.ready()
                if not ready and line.held and await _nothing_outstanding(subscription, line):
                    ready = line.all()
                if ready:
                    await self._take(ready)
                    await ready[-1].ack_sync(_CONFIRM_SECONDS)
                    line.done(ready[-1])
                else:
                    with suppress(TimeoutError):
                        line.add(await subscription.fetch(_BATCH, timeout=_FETCH_SECONDS))
        finally:
            with suppress(*BACKBONE_AWAY):  # else the next event goes to a reader who has left, and comes again late
                await subscription.unsubscribe()
                await client.flush(timeout=2)

    async def _take(self, messages: Sequence[Msg]) -> None:
        try:
            await self._offer(messages, [decode(message.data) for message in messages])
        except BACKBONE_AWAY + DATABASE_AWAY:
            raise
        except Exception as error:
            log.error("batch_broke", subscriber=self._name, count=len(messages), error_type=type(error).__name__)
            for message in messages:
                await self._take_one(message)

    async def _take_one(self, message: Msg) -> None:
        try:
            event = decode(message.data)
        except msgspec.DecodeError:
            return await self._unreadable(self._name, _number(message))
        try:
            await self._offer([message], [event])
        except BACKBONE_AWAY + DATABASE_AWAY:
            raise
        except Exception as error:
            await self._broken(event, error)

    async def _offer(self, messages: Sequence[Msg], events: Sequence[Event]) -> None:
        """Hand events to the handler; while the database is away they wait here, so that none overtakes them."""
        while True:
            try:
                believed = await self._believed(messages, events)
                return await self._handle(believed) if believed else None
            except DATABASE_AWAY as error:
                log.warning("subscriber_paused", subscriber=self._name, error_type=type(error).__name__)
            await asyncio.sleep(_PAUSE)
            for message in messages:
                await message.in_progress()

    async def _believed(self, messages: Sequence[Msg], events: Sequence[Event]) -> Sequence[Event]:
        """Those events that the database recorded, word for word."""
        if self._database is None:
            return events
        async with self._database.connection() as connection:
            genuine = await recorded.genuine(connection, events)
        for message, known in zip(messages, genuine, strict=True):
            if not known:
                await self._forged(self._name, _number(message))
        return [event for event, known in zip(events, genuine, strict=True) if known]


class _Line:
    """Messages that arrived, by their numbers in the stream; they leave in that order."""

    def __init__(self, last_done: int) -> None:
        self._last_done = last_done
        self.held: dict[int, Msg] = {}

    def add(self, messages: Sequence[Msg]) -> None:
        """Take messages in; what was done before is not done again."""
        for message in messages:
            number = _number(message)
            if number > self._last_done:
                self.held[number] = message

    def ready(self) -> list[Msg]:
        """Those whose turn it is: nothing is missing before them."""
        turn: list[Msg] = []
        while (message := self.held.get(self._last_done + 1 + len(turn))) is not None:
            turn.append(message)
        return turn

    def all(self) -> list[Msg]:
        return [self.held[number] for number in sorted(self.held)]

    def done(self, last: Msg) -> None:
        """Everything up to `last` is handled and confirmed."""
        self._last_done = _number(last)
        self.held = {number: message for number, message in self.held.items() if number > self._last_done}


def _number(message: Msg) -> int:
    return message.metadata.sequence.stream


async def _nothing_outstanding(subscription: JetStreamContext.PullSubscription, line: _Line) -> bool:
    """Whether the backbone waits for nothing but what we hold: what is missing before it was removed from the stream.

    Else a delivery got lost, and comes again.
    """
    info = await subscription.consumer_info()
    return (info.num_ack_pending or 0) <= len(line.held)


async def _place(jetstream: JetStreamContext, name: str) -> ConsumerInfo:
    """The subscriber's place in the stream; it begins at the stream's beginning. As many copies as the stream has."""
    try:
        info: ConsumerInfo = await jetstream.consumer_info(STREAM, name)
    except NotFoundError:
        info = await jetstream.add_consumer(STREAM, _consumer(name))
    if info.config.ack_policy == AckPolicy.ALL:
        return info
    begin = (info.ack_floor.stream_seq if info.ack_floor else 0) + 1
    await jetstream.delete_consumer(STREAM, name)  # an earlier version's, which confirmed each message
    made: ConsumerInfo = await jetstream.add_consumer(STREAM, _consumer(name, begin))
    return made


def _consumer(name: str, begin: int = 0) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=name,
        ack_policy=AckPolicy.ALL,
        ack_wait=_REDELIVER_SECONDS,
        max_ack_pending=_BATCH * 2,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE if begin else DeliverPolicy.ALL,
        opt_start_seq=begin or None,
    )
