"""Relay and subscribers on a real JetStream: in order, once, and able to catch up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import nats
import pytest
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from suture.backbone.credentials import OPERATOR
from suture.backbone.embedded import EmbeddedFailed, EmbeddedNats
from suture.backbone.names import STREAM
from suture.backbone.relay import Relay
from suture.backbone.stream import connect, ensure_stream
from suture.backbone.subscribe import Subscriber
from suture.canonical.cloudevents import encode
from suture.canonical.events import AppointmentArrived, Event
from suture.core.ids import fact_id
from suture.store.database import Database
from suture.store.recorder import Recorder

ARRIVED = "suture.appointment.arrived.v1"


def fact(number: int) -> Event:
    now = datetime(2026, 3, 2, 15, tzinfo=UTC)
    return Event(
        id=fact_id("backbone-test", str(number)),
        type=ARRIVED,
        source="suture/test",
        subject=f"Appointment/{number}",
        organisation="test-clinics",
        facility=None,
        occurred_at=now,
        recorded_at=now,
        correlation_id=str(number),
        data=msgspec.Raw(msgspec.json.encode(AppointmentArrived(appointment=str(number)))),
    )


_LATER = datetime(2026, 3, 2, 16, tzinfo=UTC)
CHANGES: list[dict[str, Any]] = [
    {"type": "suture.appointment.no_show.v1"},
    {"source": "suture/other"},
    {"subject": "Appointment/9"},
    {"organisation": "others"},
    {"facility": "MAIN"},
    {"occurred_at": _LATER},
    {"recorded_at": _LATER},
    {"correlation_id": "9"},
    {"sequence": 7},
    {"causation_id": fact_id("backbone-test", "7")},
]
"""Every attribute of an event but its id, changed."""


async def record(database: Database, *numbers: int) -> None:
    async with database.transaction() as connection:
        await Recorder([]).record(connection, [fact(number) for number in numbers])


async def unpublished(database: Database) -> int:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT count(*) FROM outbox")


@asynccontextmanager
async def running(*parts: Relay | Subscriber) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
        assert not any(task.done() for task in tasks), "a loop stopped by itself"
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


class Audience:
    """A subscriber's handler that notes what it gets; `poison` are events that it can't take."""

    def __init__(self, *poison: str) -> None:
        self.batches: list[list[str]] = []
        self.aside: list[tuple[str, str]] = []
        self.poison = set(poison)
        self.away = 0

    @property
    def heard(self) -> list[str]:
        return [number for batch in self.batches for number in batch]

    async def handle(self, events: Sequence[Event]) -> None:
        if self.away:
            self.away -= 1
            raise asyncpg.ConnectionDoesNotExistError
        numbers = [event.correlation_id for event in events]
        if self.poison & set(numbers):
            raise ValueError("can't take it")
        self.batches.append(numbers)

    async def broken(self, event: Event, error: Exception) -> None:
        self.aside.append((event.correlation_id, type(error).__name__))

    async def until(self, count: int, seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while len(self.heard) + len(self.aside) < count:
                await asyncio.sleep(0.02)


@pytest.fixture
async def nats_url(nats_server: EmbeddedNats) -> AsyncIterator[str]:
    """The session's server, its stream empty."""
    client = await nats.connect(nats_server.url_for(OPERATOR))
    with suppress(nats.js.errors.NotFoundError):
        await client.jetstream().delete_stream(STREAM)
    yield nats_server.url
    await client.close()


@pytest.fixture
async def published(nats_url: str) -> AsyncIterator[nats.js.JetStreamContext]:
    """Our stream, to publish to without a relay."""
    client = await connect(nats_url, "test")
    yield await ensure_stream(client)
    await client.close()


async def publish(jetstream: nats.js.JetStreamContext, *numbers: int) -> None:
    for number in numbers:
        await jetstream.publish(ARRIVED, encode(fact(number)), headers={"Nats-Msg-Id": str(fact(number).id)})


class TestRelay:
    async def test_publishes_in_the_order_recorded(
        self, database: Database, nats_url: str, published: nats.js.JetStreamContext, eventually
    ) -> None:
        async def all_published() -> bool:
            return await unpublished(database) == 0

        relay = Relay(database, nats_url)
        await record(database, *range(5, 0, -1))
        audience = Audience()
        async with running(relay, Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(5)
            await record(database, 6)
            relay.wake()
            await audience.until(6, seconds=1.5)
            await eventually(all_published)
        assert audience.heard == ["5", "4", "3", "2", "1", "6"]

    async def test_takes_the_event_id_as_message_id_so_that_a_repeat_is_one_message(
        self, database: Database, nats_url: str, published: nats.js.JetStreamContext, eventually
    ) -> None:
        await record(database, 1, 2)

        async def all_published() -> bool:
            return await unpublished(database) == 0

        async with running(Relay(database, nats_url)):
            await eventually(all_published)
            async with database.connection() as connection:  # as if the relay had died before it could note it
                await connection.execute("INSERT INTO outbox SELECT seq FROM event")
            await eventually(all_published)
        info = await published.stream_info(STREAM)
        assert info.state.messages == 2
        message = await published.get_msg(STREAM, 1)
        assert UUID((message.headers or {})["Nats-Msg-Id"]) == fact(1).id

    async def test_knows_again_what_the_stream_has_forgotten(
        self, database: Database, nats_url: str, eventually, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The backbone was away for longer than it remembers ids, and what came of the last events is unknown."""
        monkeypatch.setattr("suture.backbone.stream.DUPLICATES_WINDOW", 0.2)
        monkeypatch.setattr("suture.backbone.publish.DUPLICATES_WINDOW", 0.2)
        monkeypatch.setattr("suture.backbone.publish._MARGIN", timedelta(0))
        await record(database, 1, 2, 3)

        async def all_published() -> bool:
            return await unpublished(database) == 0

        async with running(Relay(database, nats_url)):
            await eventually(all_published)
        await asyncio.sleep(1)
        async with database.connection() as connection:
            await connection.execute("INSERT INTO outbox SELECT seq FROM event WHERE seq > 1")
        await record(database, 4)
        async with running(Relay(database, nats_url)):
            await eventually(all_published)
        client = await connect(nats_url, "test")
        jetstream = client.jetstream()
        assert (await jetstream.stream_info(STREAM)).state.messages == 4
        last = await jetstream.get_msg(STREAM, 4)
        assert UUID((last.headers or {})["Nats-Msg-Id"]) == fact(4).id
        await client.close()

    async def test_loses_nothing_although_another_publishes_too(
        self, database: Database, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        audience = Audience()
        relay = Relay(database, nats_url)
        async with running(relay, Subscriber("one", nats_url, audience.handle, audience.broken)):
            for number in range(0, 30, 10):
                await record(database, *range(number, number + 10))
                relay.wake()
                await audience.until(number + 10)
                await published.publish("suture.noise", b"\xff\x00")
        assert sorted(audience.heard, key=int) == [str(number) for number in range(30)]

    async def test_is_one_at_a_time_and_another_takes_over(
        self, database: Database, nats_url: str, published: nats.js.JetStreamContext, eventually
    ) -> None:
        async def all_published() -> bool:
            return await unpublished(database) == 0

        async with running(Relay(database, nats_url)):
            async with running(Relay(database, nats_url)):
                await record(database, *range(50))
                await eventually(all_published)
            await record(database, 51)
            await eventually(all_published)
        assert (await published.stream_info(STREAM)).state.messages == 51

    async def test_catches_up_after_the_backbone_was_away(self, database: Database, tmp_path: Path, eventually) -> None:
        server = EmbeddedNats(tmp_path)
        url = server.start()
        audience = Audience()

        async def heard() -> bool:
            return len(audience.heard) >= 6

        try:
            async with running(Relay(database, url), Subscriber("one", url, audience.handle, audience.broken)):
                await record(database, 1, 2)
                await audience.until(2)
                server.stop()
                await record(database, 3, 4)  # the ledger moves on
                await asyncio.sleep(0.5)
                await record(database, 5, 6)
                assert await unpublished(database) == 4
                assert server.start() == url
                await eventually(heard, seconds=45)
            assert await unpublished(database) == 0
            assert list(dict.fromkeys(audience.heard)) == ["1", "2", "3", "4", "5", "6"]
        finally:
            server.stop()

    async def test_starts_before_the_backbone_does(self, database: Database, tmp_path: Path, eventually) -> None:
        server = EmbeddedNats(tmp_path)
        url = server.start()
        server.stop()
        await record(database, 1)

        async def all_published() -> bool:
            return await unpublished(database) == 0

        try:
            async with running(Relay(database, url)):
                await asyncio.sleep(0.2)
                server.start()
                await eventually(all_published, seconds=30)
        finally:
            server.stop()


class TestSubscriber:
    async def test_gets_batches_in_order(self, nats_url: str, published: nats.js.JetStreamContext) -> None:
        await publish(published, *range(300))
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(300)
        assert audience.heard == [str(number) for number in range(300)]
        assert len(audience.batches) < 50

    async def test_hears_a_single_event_at_once(self, nats_url: str, published: nats.js.JetStreamContext) -> None:
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await asyncio.sleep(0.3)
            for number in range(3):
                await publish(published, number)
                await audience.until(number + 1, seconds=2)

    async def test_is_independent_of_others(self, nats_url: str, published: nats.js.JetStreamContext) -> None:
        one, other = Audience(), Audience()
        async with running(Subscriber("one", nats_url, one.handle, one.broken)):
            await publish(published, 1, 2)
            await one.until(2)
        async with running(Subscriber("other", nats_url, other.handle, other.broken)):
            await other.until(2)
        assert one.heard == other.heard == ["1", "2"]

    async def test_goes_on_where_it_stopped(self, nats_url: str, published: nats.js.JetStreamContext) -> None:
        audience = Audience()
        for number in (1, 2):
            await publish(published, number)
            async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
                await audience.until(number)
                await asyncio.sleep(0.1)  # for the confirmation to get out
        assert audience.heard == ["1", "2"]

    async def test_puts_a_poisoned_event_aside_and_takes_the_others(
        self, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        await publish(published, 1, 2, 3)
        audience = Audience("2")
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(3)
            await publish(published, 4)
            await audience.until(4)
        assert (audience.heard, audience.aside) == (["1", "3", "4"], [("2", "ValueError")])

    async def test_passes_over_a_message_that_is_no_event(
        self, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        await publish(published, 1)
        await published.publish("suture.noise", b"\xff\x00")
        await publish(published, 2)
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(2)
        assert (audience.heard, audience.aside) == (["1", "2"], [])

    async def test_tells_of_a_message_that_is_no_event(
        self, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        told: list[tuple[str, int]] = []

        async def unreadable(subscriber: str, sequence: int) -> None:
            told.append((subscriber, sequence))

        await publish(published, 1)
        await published.publish("suture.noise", b"\xff\x00")
        await publish(published, 2)
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken, unreadable=unreadable)):
            await audience.until(2)
        assert (audience.heard, told) == (["1", "2"], [("one", 2)])

    async def test_is_one_at_a_time_over_all_workers_and_another_takes_over(
        self, database: Database, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        await record(database, *range(1, 21))
        one, other = Audience(), Audience()
        standing_by = Subscriber("one", nats_url, other.handle, other.broken, database=database)
        async with running(Subscriber("one", nats_url, one.handle, one.broken, database=database)):
            await publish(published, 1)
            await one.until(1)
            async with running(standing_by):
                await publish(published, *range(2, 20))
                await one.until(19)
        assert other.heard == []
        async with running(standing_by):
            await publish(published, 20)
            await other.until(1)
        assert other.heard == ["20"]

    async def test_believes_only_what_the_database_recorded(
        self, database: Database, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        """Neither an event of a stranger's, nor one of ours that says something else, alone or beside the true one."""
        await record(database, 1, 2, 3)
        told: list[tuple[str, int]] = []

        async def forged(subscriber: str, sequence: int) -> None:
            told.append((subscriber, sequence))

        others = msgspec.Raw(msgspec.json.encode(AppointmentArrived(appointment="other")))
        lies = [fact(9), *(msgspec.structs.replace(fact(2), **change) for change in [*CHANGES, {"data": others}])]
        await publish(published, 1)
        for lie in lies:
            await published.publish(lie.type, encode(lie))
        await publish(published, 2, 3)
        audience = Audience()
        subscriber = Subscriber("one", nats_url, audience.handle, audience.broken, forged=forged, database=database)
        async with running(subscriber):
            await audience.until(3)
        assert audience.heard == ["1", "2", "3"]
        assert audience.aside == []
        assert told == [("one", number) for number in range(2, len(lies) + 2)]

    async def test_waits_for_a_delivery_that_got_lost_so_that_nothing_overtakes_it(
        self, nats_url: str, published: nats.js.JetStreamContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("suture.backbone.subscribe._REDELIVER_SECONDS", 1.0)
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await publish(published, 1)
            await audience.until(1)
        thief = await published.pull_subscribe_bind(consumer="one", stream=STREAM)
        await publish(published, 2, 3)
        assert await thief.fetch(2, timeout=2)  # and never confirmed: what was fetched got lost on its way
        await thief.unsubscribe()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await publish(published, 4, 5)
            await audience.until(5)
        assert audience.heard == ["1", "2", "3", "4", "5"]

    async def test_goes_on_where_messages_were_removed_from_the_stream(
        self, nats_url: str, nats_server: EmbeddedNats
    ) -> None:
        """In a stream of an earlier version, which forbade nobody to."""
        operator = await nats.connect(nats_server.url_for(OPERATOR))
        stream = operator.jetstream()
        await stream.add_stream(name=STREAM, subjects=["suture.>"])
        await publish(stream, *range(1, 7))
        await stream.delete_msg(STREAM, 1)
        await stream.delete_msg(STREAM, 4)
        await operator.close()
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(4)
        assert audience.heard == ["2", "3", "5", "6"]

    async def test_takes_over_the_place_that_an_earlier_version_left(
        self, nats_url: str, published: nats.js.JetStreamContext
    ) -> None:
        await publish(published, 1, 2, 3)
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.ALL)
        older = await published.pull_subscribe("suture.>", durable="one", stream=STREAM, config=config)
        for message in await older.fetch(2):
            await message.ack_sync()
        await older.unsubscribe()
        audience = Audience()
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(1)
        assert audience.heard == ["3"]

    async def test_gets_again_what_the_database_could_not_take(
        self, nats_url: str, published: nats.js.JetStreamContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await publish(published, 1, 2)
        audience = Audience()
        audience.away = 1
        async with running(Subscriber("one", nats_url, audience.handle, audience.broken)):
            await audience.until(2, seconds=20)
        assert (sorted(audience.heard), audience.aside) == (["1", "2"], [])


class TestEmbeddedServer:
    def test_without_one_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(EmbeddedFailed):
            _ = EmbeddedNats(tmp_path).url

    def test_is_shared_and_stopped_by_who_started_it(self, tmp_path: Path) -> None:
        one, other = EmbeddedNats(tmp_path), EmbeddedNats(tmp_path)
        try:
            assert one.start() == other.start()
            other.stop()
            assert other.url
        finally:
            one.stop()
        with pytest.raises(EmbeddedFailed):
            _ = other.url
