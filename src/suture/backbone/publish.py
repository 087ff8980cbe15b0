"""Publishes events to the stream: each once, and in the order given, whatever happens on the way.

After a start nobody knows what became of the events that were under way before. So the first ones go one by one, each
confirmed before the next is sent; the event's id is the message id, by which the stream knows a repeat. From then on
many go at once, and each says how many messages must precede it: where one got lost on its way, the stream refuses
those behind it, and all begins anew. The stream's subjects are ours alone: who else publishes there can disturb the
order. (Naming the preceding message's id would prevent that too, but a stream of three copies on NATS 2.15.1 takes no
message any more once it has refused one for that reason.)
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import NotFoundError

from suture.backbone.names import STREAM
from suture.backbone.stream import DUPLICATES_WINDOW
from suture.canonical.cloudevents import encode
from suture.canonical.events import Event

_CONFIRM_SECONDS = 15.0
_MARGIN = timedelta(minutes=5)


class NotTaken(Error):
    """The stream refused a message, or nobody leads it."""


class Publisher:
    """Publishes over one connection; after an error a new one is needed. Raises one of `BACKBONE_AWAY`.

    `most` is how many events come at once, and so how many may have been under way when another publisher ended.
    """

    def __init__(self, client: Client, jetstream: JetStreamContext, most: int) -> None:
        self._jetstream = jetstream
        self._most = most
        self._lane = _Lane(client)
        self._last: int | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish at most `most` events; when it returns, each is in the stream once."""
        if self._last is None:
            self._last = await self._one_by_one(events)
        else:
            self._last = await self._together(events, self._last)

    async def _one_by_one(self, events: Sequence[Event]) -> int | None:
        """Answers the number of the stream's last message, None where it can't be told."""
        last = None
        there = await self._too_old_to_be_known_again()
        for event in events:
            if str(event.id) not in there:
                done = await self._jetstream.publish(event.type, encode(event), headers=_headers(event))
                last = last if done.duplicate else done.seq
        return last

    async def _together(self, events: Sequence[Event], last: int) -> int:
        """Answers the number of the stream's last message."""
        async with asyncio.timeout(_CONFIRM_SECONDS):
            confirmations = [
                await self._lane.send(event.type, encode(event), _headers(event, last + number))
                for number, event in enumerate(events)
            ]
            return max(await asyncio.gather(*confirmations))

    async def _too_old_to_be_known_again(self) -> frozenset[str]:
        """The ids of the last messages, where they are so old that the stream would take their repeats for new ones.

        That is so when the backbone was away for longer than it remembers ids.
        """
        info = await self._jetstream.stream_info(STREAM)
        newest = info.state.last_seq
        if not newest or await self._age(newest) < timedelta(seconds=DUPLICATES_WINDOW) - _MARGIN:
            return frozenset()
        numbers = range(max(newest - self._most, info.state.first_seq - 1), newest)
        return frozenset(filter(None, [await self._id_of(number + 1) for number in numbers]))

    async def _age(self, number: int) -> timedelta:
        try:
            message = await self._jetstream.get_msg(STREAM, number)
        except NotFoundError:
            return timedelta.max
        return datetime.now(UTC) - message.time if message.time else timedelta.max

    async def _id_of(self, number: int) -> str | None:
        try:
            headers = (await self._jetstream.get_msg(STREAM, number)).headers
        except NotFoundError:
            return None
        return (headers or {}).get(Header.MSG_ID.value)


class _Lane:
    """Sends messages in order without waiting for each confirmation. (nats-py's own way never tells of a refusal.)"""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = ""
        self._sent = 0
        self._open: dict[str, asyncio.Future[int]] = {}

    async def send(self, subject: str, payload: bytes, headers: dict[str, str]) -> asyncio.Future[int]:
        """Answers a future of the message's number in the stream; it raises `NotTaken` where it gets none."""
        if not self._inbox:
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(f"{self._inbox}.*", cb=self._hear)
        self._sent += 1
        confirmed = self._open[str(self._sent)] = asyncio.get_running_loop().create_future()
        await self._client.publish(subject, payload, reply=f"{self._inbox}.{self._sent}", headers=headers)
        return confirmed

    async def _hear(self, message: Msg) -> None:
        confirmed = self._open.pop(message.subject.rpartition(".")[2], None)
        if confirmed is None or confirmed.done():
            return
        number = _number(message.data)
        if number:
            confirmed.set_result(number)
        else:
            confirmed.set_exception(NotTaken())


class _Answer(msgspec.Struct):
    """What JetStream answers to a message; an empty answer says that nobody leads the stream."""

    seq: int = 0
    error: msgspec.Raw | None = None


def _number(answer: bytes) -> int:
    """The number that the stream gave a message; 0 where it refused it."""
    try:
        told = msgspec.json.decode(answer, type=_Answer)
    except msgspec.DecodeError:
        return 0
    return told.seq if told.error is None else 0


def _headers(event: Event, after: int | None = None) -> dict[str, str]:
    headers = {Header.MSG_ID.value: str(event.id)}
    if after is not None:
        headers[Header.EXPECTED_LAST_SEQUENCE.value] = str(after)
    return headers
