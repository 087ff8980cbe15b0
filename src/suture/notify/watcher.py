"""Looks for what people are to be told, and has notices wait for them. What stands is told once; what is over before it
was told is not."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

import msgspec

from suture.catalogue import Catalogue
from suture.catalogue.days import Days
from suture.catalogue.notifications import Kind
from suture.core.clock import Clock
from suture.core.ids import fact_id
from suture.notify.addressing import Addressing, Reader
from suture.notify.matters import Matter, burning, line, silence
from suture.notify.port import Note
from suture.store import gates, notices, people
from suture.store.database import Connection, Database
from suture.store.notices import Excepted, NoticeRow
from suture.views.objectives import objectives

_EVERY = timedelta(seconds=25)
_OBJECTIVES_EVERY = timedelta(minutes=3)
_KEPT = timedelta(days=30)
_MOST = 5000


class Found(msgspec.Struct, frozen=True):
    """What stands, and of which kinds that is all: of others there may be more."""

    matters: Sequence[Matter]
    whole: frozenset[Kind]


class Watcher:
    """Every worker has one; at a time one looks, for all."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._told = catalogue.notifications
        self._clock = clock
        self._days = Days(catalogue)
        self._addressing = Addressing(self._told, self._days)

    async def look(self) -> None:
        """Look for what it is time to look for."""
        for what, every, find in (
            ("matters", _EVERY, self.matters),
            ("objectives", _OBJECTIVES_EVERY, self.objectives),
        ):
            now = self._clock.now()
            async with self._database.connection() as connection:
                turn = await notices.look(connection, what, now, every)
            if turn:
                await self.keep(await find(now), now)

    async def keep(self, found: Found, now: datetime) -> None:
        """Have notices of what is new wait, and none of what is over."""
        keys = [matter.key for matter in found.matters]
        async with self._database.transaction() as connection:
            known = await notices.known(connection, keys)
            readers = [
                Reader(person.name, frozenset(person.roles))
                for person in await people.listed(connection)
                if person.disabled_at is None
            ]
            rows = [
                row for matter in found.matters if matter.key not in known for row in self._rows(matter, readers, now)
            ]
            await notices.put(connection, rows, now)
            await notices.over(connection, sorted(found.whole), keys, now - _KEPT)

    def _rows(self, matter: Matter, readers: Sequence[Reader], now: datetime) -> list[NoticeRow]:
        zone = self._days.zone_of(matter.facility)
        note = Note(
            kind=matter.kind,
            text=line(matter, zone),
            path=matter.path,
            since=matter.since,
            interface=matter.interface,
            exception=matter.exception,
            facility=matter.facility,
        )
        told = msgspec.json.encode(note).decode()
        return [
            NoticeRow(
                id=fact_id("notice", matter.key, one.channel, one.recipient),
                matter=matter.key,
                kind=matter.kind,
                channel=one.channel,
                recipient=one.recipient,
                told=told,
                due_at=one.due_at,
            )
            for one in self._addressing.of(matter, readers, now)
        ]

    async def matters(self, now: datetime) -> Found:
        """All but objectives, of the kinds that anybody is told of."""
        ways: Mapping[Kind, Callable[[Connection, datetime], Awaitable[list[Matter]]]] = {
            "assigned": self._assigned,
            "deadline_near": self._near,
            "deadline_passed": self._passed,
            "escalation": self._escalated,
            "paused": self._paused,
            "away": self._away,
            "silent": self._silent,
        }
        found: dict[Kind, list[Matter]] = {}
        async with self._database.connection() as connection:
            for kind, find in ways.items():
                found[kind] = await find(connection, now) if kind in self._told.wanted else []
        whole = frozenset(kind for kind, matters in found.items() if len(matters) < _MOST)
        return Found([matter for matters in found.values() for matter in matters], whole)

    async def objectives(self, now: datetime) -> Found:
        """Objectives whose budget burns: told once a day."""
        told = await objectives(self._database, self._catalogue, now) if "burning" in self._told.wanted else []
        rates = ((one.interface, burning(one.burn)) for one in told)
        matters = [
            Matter(
                key=f"burning:{interface}:{self._days.on(now)}",
                kind="burning",
                since=now,
                code=f"{rate:.1f}",
                interface=interface,
            )
            for interface, rate in rates
            if rate is not None
        ]
        return Found(matters, frozenset({"burning"}))

    async def _assigned(self, connection: Connection, _: datetime) -> list[Matter]:
        found = await notices.assigned_exceptions(connection, _MOST)
        return [self._of_exception("assigned", one, f"{one.assignee}:{one.act}") for one in found]

    async def _near(self, connection: Connection, now: datetime) -> list[Matter]:
        before = now + timedelta(hours=self._told.near_hours)
        found = await notices.due_exceptions(connection, now, before, _MOST)
        return [self._of_deadline("deadline_near", one) for one in found]

    async def _passed(self, connection: Connection, now: datetime) -> list[Matter]:
        found = await notices.due_exceptions(connection, None, now, _MOST)
        return [self._of_deadline("deadline_passed", one) for one in found]

    async def _escalated(self, connection: Connection, now: datetime) -> list[Matter]:
        before = now - timedelta(hours=self._told.escalate_hours)
        found = await notices.due_exceptions(connection, None, before, _MOST)
        return [self._of_deadline("escalation", one) for one in found]

    def _of_deadline(self, kind: Kind, one: Excepted) -> Matter:
        return self._of_exception(kind, one, f"{one.at.timestamp():.0f}")

    def _of_exception(self, kind: Kind, one: Excepted, which: str) -> Matter:
        return Matter(
            key=f"{kind}:{one.number}:{which}",
            kind=kind,
            since=one.at,
            code=one.code if one.code.replace("_", "").isalnum() and one.code.isascii() else "a code of its own",
            interface=one.interface if one.interface in self._catalogue.interfaces else None,
            exception=one.number,
            facility=one.facility if one.facility in self._facilities else None,
            assignee=one.assignee,
        )

    @cached_property
    def _facilities(self) -> frozenset[str]:
        return frozenset(facility.code for facility in self._catalogue.facilities)

    async def _paused(self, connection: Connection, _: datetime) -> list[Matter]:
        rows = await gates.read(connection)
        return [
            Matter(
                key=f"paused:{name}:{row.paused_at.timestamp():.0f}", kind="paused", since=row.paused_at, interface=name
            )
            for name, row in rows.items()
            if row.paused_at is not None and name in self._catalogue.interfaces
        ]

    async def _away(self, connection: Connection, now: datetime) -> list[Matter]:
        since = now - timedelta(minutes=self._told.away_minutes)
        return [
            Matter(
                key=f"away:{name}:{row.opened_at.timestamp():.0f}",
                kind="away",
                since=row.opened_at,
                code=row.cause,
                interface=name,
            )
            for name, row in (await gates.read(connection)).items()
            if row.breaker != "closed" and row.opened_at is not None and row.opened_at <= since
            if name in self._catalogue.interfaces
        ]

    async def _silent(self, connection: Connection, now: datetime) -> list[Matter]:
        matters = []
        for name, feed in self._told.silent.items():
            last = await notices.last_received(connection, name, now - timedelta(days=1))
            if (since := silence(feed, self._days.zone, last, now)) is not None:
                key = f"silent:{name}:{since.timestamp():.0f}"
                matters.append(Matter(key=key, kind="silent", since=since, interface=name))
        return matters
