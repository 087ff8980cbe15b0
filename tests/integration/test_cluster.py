"""Three real NATS nodes: events keep flowing, once and in order, while nodes and the stream's leader are killed."""

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import nats.js.errors
import pytest

from suture.backbone.embedded import EmbeddedNats
from suture.backbone.names import STREAM
from suture.backbone.relay import Relay
from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream
from suture.backbone.subscribe import Subscriber
from suture.canonical.events import AppointmentArrived, Event
from suture.core.ids import fact_id
from suture.store.database import Database
from suture.store.recorder import Recorder

pytestmark = pytest.mark.timeout(180)

SUBJECTS = 7


def fact(number: int) -> Event:
    now = datetime(2026, 3, 2, 15, tzinfo=UTC)
    subject = str(number % SUBJECTS)
    return Event(
        id=fact_id("cluster-test", str(number)),
        type="suture.appointment.arrived.v1",
        source="suture/test",
        subject=f"Appointment/{subject}",
        organisation="test-clinics",
        facility=None,
        sequence=number,
        occurred_at=now,
        recorded_at=now,
        correlation_id=subject,
        data=msgspec.Raw(msgspec.json.encode(AppointmentArrived(appointment=subject))),
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedNats]:
    servers = EmbeddedNats(tmp_path, nodes=3)
    servers.start()
    try:
        yield servers
    finally:
        servers.stop()


class Listener:
    """A handler as an idempotent one is: what it knows already has no effect."""

    def __init__(self) -> None:
        self.effects: dict[str, list[int]] = defaultdict(list)
        self.seen: set[UUID] = set()

    async def handle(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.id not in self.seen:
                self.seen.add(event.id)
                self.effects[event.subject].append(event.sequence or 0)

    async def broken(self, event: Event, error: Exception) -> None:
        raise AssertionError(f"{event.id} broke: {error}")


class Source:
    """Records events, a few at a time, until told to stop."""

    def __init__(self, database: Database, *relays: Relay) -> None:
        self._database = database
        self._relays = relays
        self.recorded = 0
        self.going = True

    async def run(self) -> None:
        while self.going:
            async with self._database.transaction() as connection:
                numbers = range(self.recorded, self.recorded + 5)
                await Recorder([]).record(connection, [fact(number) for number in numbers])
            self.recorded += 5
            for relay in self._relays:
                relay.wake()
            await asyncio.sleep(0.02)


@pytest.fixture
async def tasks() -> AsyncIterator[list[asyncio.Task[None]]]:
    running: list[asyncio.Task[None]] = []
    yield running
    for task in running:
        task.cancel()
    for task in running:
        with suppress(asyncio.CancelledError):
            await task


async def leader(url: str) -> str:
    """The node that leads the stream, once there is one."""
    async with asyncio.timeout(30):
        while True:
            with suppress(*BACKBONE_AWAY):
                client = await connect(url, "test")
                try:
                    info = await client.jetstream(timeout=2).stream_info(STREAM)
                finally:
                    await client.close()
                if info.cluster and info.cluster.leader:
                    return info.cluster.leader
            await asyncio.sleep(0.2)


def kill(cluster: EmbeddedNats, name: str) -> None:
    """Kill a node and see it gone."""
    node = next(node for node in cluster.nodes if node.name == name)
    assert node.pid is not None
    os.kill(node.pid, signal.SIGKILL)
    while node.pid is not None:
        time.sleep(0.01)


async def count_once(url: str, numbers: int) -> None:
    """Each event is one message, in the order recorded."""
    client = await connect(url, "test")
    try:
        jetstream = await ensure_stream(client, 3)
        info = await jetstream.stream_info(STREAM)
        assert info.config.num_replicas == 3
        assert info.state.messages == numbers
        order = [(await jetstream.get_msg(STREAM, number)).headers["Nats-Msg-Id"] for number in range(1, numbers + 1)]
        assert order == [str(fact(number).id) for number in range(numbers)]
    finally:
        await client.close()


async def test_nothing_is_lost_or_doubled_when_nodes_are_killed(
    database: Database, cluster: EmbeddedNats, tasks: list[asyncio.Task[None]], eventually
) -> None:
    url = cluster.url
    assert len(url.split(",")) == 3
    listener = Listener()
    relays = [Relay(database, url, 3), Relay(database, url, 3)]
    source = Source(database, *relays)
    subscribers = [
        Subscriber("one", url, listener.handle, listener.broken, database=database, replicas=3) for _ in range(2)
    ]
    tasks += [asyncio.create_task(part.run()) for part in (source, *relays, *subscribers)]

    async def flows_on() -> bool:
        return len(listener.seen) > before + 100

    before = 0
    await eventually(flows_on, seconds=30)
    for leads in (False, True):
        lead = await leader(url)
        victim = lead if leads else next(node.name for node in cluster.nodes if node.name != lead)
        kill(cluster, victim)
        before = len(listener.seen)
        await eventually(flows_on, seconds=45)
        assert cluster.revive() == [victim]
        before = len(listener.seen)
        await eventually(flows_on, seconds=30)
    source.going = False

    async def all_heard() -> bool:
        return len(listener.seen) == source.recorded

    await eventually(all_heard, seconds=45)
    assert not any(task.done() for task in tasks[1:]), "a loop stopped by itself"
    for effects in listener.effects.values():
        assert effects == sorted(effects)
    await count_once(url, source.recorded)


async def test_a_stream_gets_the_copies_that_are_asked_for(cluster: EmbeddedNats) -> None:
    client = await connect(cluster.url, "test")
    try:
        jetstream = await ensure_stream(client, 1)
        assert (await jetstream.stream_info(STREAM)).config.num_replicas == 1
        await ensure_stream(client, 3)
        assert (await jetstream.stream_info(STREAM)).config.num_replicas == 3
        await ensure_stream(client, 1)
        assert (await jetstream.stream_info(STREAM)).config.num_replicas == 3, "copies are never taken away"
    finally:
        await client.close()


def test_nodes_come_back_where_they_were(tmp_path: Path) -> None:
    cluster = EmbeddedNats(tmp_path, nodes=3)
    try:
        url = cluster.start()
        assert cluster.revive() == []
        for node in cluster.nodes[:2]:
            kill(cluster, node.name)
        assert sorted(cluster.revive()) == ["nats-1", "nats-2"]
        assert cluster.url == url
        frozen = cluster.nodes[2].pid
        assert frozen
        os.kill(frozen, signal.SIGSTOP)
        assert cluster.revive() == [], "one that merely hangs is left alone"
    finally:
        cluster.stop()


def test_errors_of_an_election_count_as_the_backbone_being_away() -> None:
    for error in (nats.js.errors.ServiceUnavailableError, nats.js.errors.NoStreamResponseError):
        assert issubclass(error, BACKBONE_AWAY)
