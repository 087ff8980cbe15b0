"""Hands messages over: one worker holds each, by a lease, and tries it again by a schedule until it is given up.

A message is handed over, and then that is noted. A worker that dies in between leaves it to another, which hands it
over once more under the same id (a mail's Message-ID, a webhook's ``webhook-id``): nothing is lost, and whoever looks
at the id sees it once. What can't be delivered becomes an exception, which closes when something gets through.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import msgspec
import structlog

from suture.core.clock import Clock
from suture.core.failure import Fatal, Rejected
from suture.core.trouble import Trouble
from suture.notify.port import MessageAnswer, Note, Outgoing, Way
from suture.notify.watcher import Watcher
from suture.store import notices, people
from suture.store.database import DATABASE_AWAY, Connection, Database
from suture.store.notices import Message
from suture.store.recorder import Recorder
from suture.telemetry import metrics

log = structlog.get_logger()

SCHEDULE = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800, 3600, 7200, 14400, 28800))
"""How long to wait after each try; after the last, a message is given up. They add up to some 16 hours."""
_APART = timedelta(minutes=1)
"""No recipient gets messages faster: what comes meanwhile is in the next one."""
_LEASE = timedelta(minutes=5)
_ABREAST = 4
_LOOK_SECONDS = 5.0

_CALLED = {"mail": "the mail server", "webhook": "the receiver"}
_NO_PERSON = "Name people who have an account in the catalogue's notifications: `suture people list` shows them."
_NO_ADDRESS = (
    "Give the account an address (`suture people email NAME ADDRESS`), or name another person in the catalogue's "
    "notifications."
)


class Sender:
    """A worker's loop: looks for what is to be told, and tells it."""

    def __init__(
        self, *, database: Database, recorder: Recorder, watcher: Watcher, ways: Mapping[str, Way], clock: Clock
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._watcher = watcher
        self._ways = ways
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                await self._watcher.look()
                sent = await self.send_due()
            except DATABASE_AWAY as error:
                log.warning("database_away", role="notifications", error_type=type(error).__name__)
                sent = 0
            except Exception as error:  # whoever is not told looks at the console; the ledger's work goes on
                log.error("notifications_broke", error_type=type(error).__name__)
                sent = 0
            if not sent:
                await asyncio.sleep(_LOOK_SECONDS)

    async def send_due(self) -> int:
        """Hand over what is due; answers how many messages that were."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await notices.bundle(connection, now, _APART)
            claimed = await notices.claim(connection, now, now + _LEASE, _ABREAST)
        await asyncio.gather(*(self._serve(message) for message in claimed))
        return len(claimed)

    async def _serve(self, message: Message) -> None:
        try:
            answer = await self._answer(message)
        except Exception as error:  # one that can't be told keeps nobody else from being told
            log.error("notification_broke", error_type=type(error).__name__)
            broke = f"was not contacted: Suture failed ({type(error).__name__})"
            answer = MessageAnswer("later", broke, "This is a defect in Suture: report it to an engineer.")
        metrics.count("suture_notifications_total", message.channel, _outcome(answer))
        now = self._clock.now()
        last = answer.verdict == "refused" or message.attempt > len(SCHEDULE)
        async with self._database.transaction() as connection:
            if answer.verdict == "delivered":
                if await notices.settle(connection, message, state="sent", due=now, answer=answer.words, now=now):
                    await self._recorder.resolve(connection, _keys(message), now, by="notification")
                return
            state, due = ("given_up", now) if last else ("waiting", now + SCHEDULE[message.attempt - 1])
            held = await notices.settle(connection, message, state=state, due=due, answer=answer.words, now=now)
            if held and (last or answer.verdict == "misconfigured"):
                await self._recorder.open_exception(connection, _undeliverable(message, answer, last=last), now)

    async def _answer(self, message: Message) -> MessageAnswer:
        way = self._ways.get(message.channel)
        if way is None:
            return MessageAnswer(
                "refused", "was not contacted: the catalogue no longer has a mail server", "Give `mail` again."
            )
        async with self._database.connection() as connection:
            told = await notices.of_message(connection, message.id)
            to, wrong = await _address(connection, message)
        if wrong is not None:
            return wrong
        notes = [msgspec.json.decode(one.told, type=Note) for one in told]
        outgoing = Outgoing(id=message.id, to=to, made_at=message.created_at, notes=notes)
        return await way.send(outgoing)


async def _address(connection: Connection, message: Message) -> tuple[str, MessageAnswer | None]:
    """Where a message goes, or why it can't go anywhere."""
    if message.channel == "webhook":
        return message.recipient, None
    person = await people.one(connection, message.recipient)
    if person is None:
        return "", MessageAnswer("refused", "was not contacted: there is no such person", _NO_PERSON)
    if person.disabled_at is not None:
        return "", MessageAnswer("refused", "was not contacted: the person's account is disabled", _NO_PERSON)
    if not person.email:
        return "", MessageAnswer("refused", "was not contacted: the person has no e-mail address", _NO_ADDRESS)
    return person.email, None


def _outcome(answer: MessageAnswer) -> str:
    return "delivered" if answer.verdict == "delivered" else "failed"


def _keys(message: Message) -> list[str]:
    """By what keys exceptions go: of this recipient's, and of the way as a whole."""
    return [f"notification:{message.channel}:{message.recipient}", f"notification:{message.channel}"]


def _undeliverable(message: Message, answer: MessageAnswer, *, last: bool) -> Trouble:
    of_recipient, of_way = _keys(message)
    misconfigured = answer.verdict == "misconfigured"
    then = "it was given up" if last else "it is retried automatically"
    return Trouble(
        code="notification_undeliverable",
        outcome=Fatal.outcome if misconfigured else Rejected.outcome,
        reason=f"a notification to {message.recipient} by {message.channel} is not delivered, and {then}:"
        f" {_CALLED[message.channel]} {answer.words}",
        remedy=answer.remedy,
        owner="integration",
        process=of_way if misconfigured and message.channel == "mail" else of_recipient,
    )
