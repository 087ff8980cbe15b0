"""Events from the backbone for whoever reads at their own pace: since a number in the stream, in its order.

The stream's order is the one that everyone sees. Our database's numbers are given before a transaction ends: whoever
read by them could miss one that was committed late.
"""

import asyncio
from collections.abc import Collection

import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from suture.backbone.names import STREAM
from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream
from suture.canonical.cloudevents import decode
from suture.canonical.events import Event

_SECONDS = 2.0
_IDLE_SECONDS = 15.0


class NumberedEvent(msgspec.Struct, frozen=True):
    """An event and its number in the stream."""

    number: int
    event: Event


class Feed:
    """One connection, made at first need. Every method raises one of `BACKBONE_AWAY` when the backbone is away."""

    def __init__(self, nats_url: str, replicas: int = 1) -> None:
        self._nats_url = nats_url
        self._replicas = replicas
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def last(self) -> int:
        """The number of the newest event."""
        info = await (await self._stream()).stream_info(STREAM)
        return int(info.state.last_seq)

    async def after(self, number: int, types: Collection[str], most: int) -> list[NumberedEvent]:
        """Events after a number, of these types (none: of all), oldest first."""
        jetstream = await self._stream()
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=number + 1,
            inactive_threshold=_IDLE_SECONDS,
            mem_storage=True,
            num_replicas=1,
            filter_subjects=sorted(types) or None,
        )
        info = await jetstream.add_consumer(STREAM, config)
        try:
            pending = min(int(info.num_pending or 0), most)
            if not pending:
                return []
            reader = await jetstream.pull_subscribe_bind(consumer=info.name, stream=STREAM)
            messages = await reader.fetch(pending, timeout=_SECONDS)
            await reader.unsubscribe()
            return [NumberedEvent(one.metadata.sequence.stream, decode(one.data)) for one in messages]
        finally:
            await jetstream.delete_consumer(STREAM, info.name)

    async def _stream(self) -> JetStreamContext:
        async with self._connecting:
            if self._jetstream is None:
                self._client = await connect(self._nats_url, "suture-feed")
                self._jetstream = await ensure_stream(self._client, self._replicas)
            return self._jetstream


__all__ = ["BACKBONE_AWAY", "Feed", "NumberedEvent"]
