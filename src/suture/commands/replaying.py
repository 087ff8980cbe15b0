"""Replay: deliveries are read again, by today's catalogue and corrections. First it is said what would come of it.

What already took effect is known by its event's id and changes nothing; of one appointment, deliveries are taken in
the order in which they came.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from uuid import UUID

import msgspec

from suture.acting.actor import Actor
from suture.acting.context import CommandContext, turns
from suture.canonical.events import Event
from suture.catalogue.model import Catalogue
from suture.commands.mapping import SERVICES
from suture.ingest.decoding import NotUnderstood
from suture.ingest.ingester import understand
from suture.store import delivery_queue, events
from suture.store.corrections import merged
from suture.store.database import Connection
from suture.store.delivery_queue import Delivery, DeliverySelection, KnownDelivery
from suture.store.sealing import SealBroken

RATE = 50.0
"""How many deliveries are read again in a second, unless told otherwise."""
_PAGE = 200

WOULD_TAKE_EFFECT = "would take effect"
TOO_LATE = "would come too late"
TOOK_EFFECT = "taken already"
NOT_UNDERSTOOD = "still not understood"
WAITS = "waits to be read already"


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying one delivery would come to. `detail` is the event's type, or why it isn't understood."""

    delivery: KnownDelivery
    verdict: str
    detail: str
    subject: str | None = None

    @property
    def is_of_use(self) -> bool:
        """Whether anything would change by it: what came another way by now still closes its exception."""
        excepted = self.verdict == TOOK_EFFECT and self.delivery.state == "excepted"
        return excepted or self.verdict in (WOULD_TAKE_EFFECT, TOO_LATE)


async def forecast(
    context: CommandContext, selection: DeliverySelection, most: int = 10_000, rows: Mapping[str, str] | None = None
) -> list[Forecast]:
    """What replaying a selection would come to, were `rows` in the code table of services. Nothing is changed."""
    found: list[Forecast] = []
    async with context.database.connection() as connection:
        catalogue = _with_rows(await context.corrected_catalogue(connection), rows or {})
        async for page in _pages(connection, selection, most):
            sealed = {item.id: item for item in await delivery_queue.sealed(connection, [known.id for known in page])}
            read = [await _read(context, catalogue, known, sealed[known.id]) for known in page]
            told = await events.recorded(connection, [event.id for one in read for event in one.events])
            latest = await events.latest_versions(connection, {e.subject for one in read for e in one.events})
            found += [_forecast(one, told, latest) for one in read]
    return found


def _with_rows(catalogue: Catalogue, rows: Mapping[str, str]) -> Catalogue:
    tables = dict(catalogue.code_tables)
    for name in {SERVICES} & tables.keys():
        tables[name] = msgspec.structs.replace(tables[name], rows=merged(tables[name].rows, rows))
    return msgspec.structs.replace(catalogue, code_tables=tables)


async def replay(context: CommandContext, actor: Actor, forecasts: Iterable[Forecast], rate: float = RATE) -> list[int]:
    """Read again what would change something, `rate` deliveries a second; answers which."""
    wanted = [one for one in forecasts if one.is_of_use]
    async with context.database.transaction() as connection:
        ids = [one.delivery.id for one in wanted]
        now = await actor.sign(connection, context, "delivery.replay", "Inbox", {"deliveries": ids, "rate": rate})
        times = turns(len(wanted), now, rate)
        return await delivery_queue.replay(
            connection, [(one.delivery.id, at, one.subject) for one, at in zip(wanted, times, strict=True)]
        )


async def outcome(context: CommandContext, ids: list[int]) -> list[KnownDelivery]:
    """How replayed deliveries stand by now."""
    async with context.database.connection() as connection:
        return (
            await delivery_queue.select(connection, DeliverySelection(ids=tuple(ids)), most=max(len(ids), 1))
            if ids
            else []
        )


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    delivery: KnownDelivery
    events: tuple[Event, ...] = ()
    reason: str = ""
    subject: str | None = None


async def _pages(connection: Connection, selection: DeliverySelection, most: int) -> AsyncIterator[list[KnownDelivery]]:
    last = 0
    while most > 0 and (page := await delivery_queue.select(connection, selection, after=last, most=min(most, _PAGE))):
        yield page
        last, most = page[-1].id, most - len(page)


async def _read(context: CommandContext, catalogue: Catalogue, known: KnownDelivery, delivery: Delivery) -> _Read:
    try:
        body = await context.vault.open(delivery.sealed, delivery.bound_to)
        told = understand(catalogue, delivery, body, context.clock.now())
        told = told if told.events else told.whole()
    except (NotUnderstood, SealBroken) as error:
        return _Read(delivery=known, reason=str(error), subject=getattr(error, "subject", None))
    return _Read(delivery=known, events=told.events, subject=told.events[0].subject if told.events else None)


def _forecast(read: _Read, told: set[UUID], latest: dict[str, int]) -> Forecast:
    known = read.delivery
    if known.state == "received":
        return Forecast(delivery=known, verdict=WAITS, detail="", subject=read.subject)
    if read.reason:
        return Forecast(delivery=known, verdict=NOT_UNDERSTOOD, detail=read.reason, subject=read.subject)
    if all(event.id in told for event in read.events):
        verdict = TOOK_EFFECT
    elif all(_is_late(event, latest) for event in read.events):
        verdict = TOO_LATE
    else:
        verdict = WOULD_TAKE_EFFECT
    types = ", ".join(event.type for event in read.events)
    return Forecast(delivery=known, verdict=verdict, detail=types, subject=read.subject)


def _is_late(event: Event, latest: dict[str, int]) -> bool:
    """Whether a newer version of its subject took effect before it."""
    return event.sequence is not None and event.sequence <= latest.get(event.subject, -1)
