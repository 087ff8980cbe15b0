"""Months that are being closed, or are closed; and on which day something late is dated then."""

from calendar import monthrange
from datetime import date, datetime, timedelta

import msgspec
from asyncpg import Record

from suture.core.clock import Clock
from suture.store.database import Connection, Database, sql

_SQL = sql("periods")
_FRESH = timedelta(seconds=5)


class Signature(msgspec.Struct, frozen=True):
    by: str
    at: datetime


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A month (``2026-11``): ``open``, ``frozen`` while it is being closed, or ``closed``. `round` counts how often its
    close was begun; `report` is what it was closed with (JSON)."""

    month: str
    state: str
    round: int
    frozen_at: datetime | None
    frozen_by: str | None
    signatures: tuple[Signature, ...]
    closed_at: datetime | None
    report: msgspec.Raw | None


def first_of(month: str) -> date:
    """Raises `ValueError` where it is no month (``2026-11``)."""
    year, _, number = month.partition("-")
    if len(year) != 4 or len(number) != 2:
        raise ValueError(month)
    return date(int(year), int(number), 1)


def last_of(month: str) -> date:
    first = first_of(month)
    return first.replace(day=monthrange(first.year, first.month)[1])


async def one(connection: Connection, month: str) -> Period | None:
    row = await connection.fetchrow(_SQL["one"], month)
    return None if row is None else _period(row)


async def newest(connection: Connection, most: int = 24) -> list[Period]:
    return [_period(row) for row in await connection.fetch(_SQL["all"], most)]


async def freeze(connection: Connection, month: str, by: str, at: datetime) -> int | None:
    """Begin to close a month; answers the round, None where it is not open."""
    number: int | None = await connection.fetchval(_SQL["freeze"], month, at, by)
    return number


async def sign(connection: Connection, month: str, by: str, at: datetime) -> int | None:
    """Put a name under a frozen month; answers how many there are now. None: it isn't frozen, has two, or this one."""
    count: int | None = await connection.fetchval(_SQL["sign"], month, by, at)
    return count


async def close(connection: Connection, month: str, at: datetime, report: bytes) -> None:
    await connection.execute(_SQL["close"], month, at, report.decode())


async def reopen(connection: Connection, month: str) -> int | None:
    """Open a month again; answers the round that it was in, None where it was open."""
    number: int | None = await connection.fetchval(_SQL["reopen"], month)
    return number


class Calendar:
    """On which day something is dated: its own, or the first one that nobody closes. Looks every few seconds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._shut: frozenset[str] = frozenset()
        self._read_at: datetime | None = None

    async def open_day(self, day: date) -> date:
        """`day`, or the first day of the next month that is open."""
        shut = await self._shut_months()
        while f"{day:%Y-%m}" in shut:
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        return day

    async def _shut_months(self) -> frozenset[str]:
        now = self._clock.now()
        if self._read_at is None or now - self._read_at > _FRESH:
            async with self._database.connection() as connection:
                self._shut = frozenset(row["month"] for row in await connection.fetch(_SQL["shut"]))
            self._read_at = now
        return self._shut


def _period(row: Record) -> Period:
    told = dict(row)
    told["signatures"] = msgspec.json.decode(told["signatures"], type=tuple[Signature, ...])
    told["report"] = None if told["report"] is None else msgspec.Raw(told["report"].encode())
    return Period(**told)
