"""The exception queue: what needs a person, with its cause, owner and next action.

The same trouble of the same process step or delivery is one exception, counted, not one a try.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.core.money import Money
from suture.core.trouble import Trouble
from suture.store.database import Connection, sql

_SQL = sql("exceptions")


class OpenException(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as it stands in the queue. `number` is what people call it by."""

    id: UUID
    number: int
    code: str
    outcome: str
    reason: str
    remedy: str
    owner: str
    interface: str | None
    delivery: int | None
    process: str | None
    step: str | None
    subject: str | None
    opened_at: datetime
    last_at: datetime
    due_at: datetime
    count: int
    state: str
    assignee: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    told: str | None = None


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """An exception that was just resolved or discarded."""

    id: UUID
    number: int
    process: str | None
    subject: str | None
    interface: str | None
    code: str
    count: int


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Open exceptions that one remedy fixes: how many, since when, and the money of their appointments."""

    code: str
    outcome: str
    reason: str
    remedy: str
    owner: str
    interface: str | None
    count: int
    since: datetime
    due_at: datetime
    money: Decimal

    @property
    def key(self) -> str:
        return cause_key(self.code, self.reason, self.owner, self.interface)


def cause_key(code: str, reason: str, owner: str, interface: str | None) -> str:
    """What a cause is called in an address: short, and without its words."""
    told = "\0".join((code, reason, owner, interface or ""))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


class ExceptionSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which exceptions: all conditions hold together, empty ones for all."""

    numbers: tuple[int, ...] = ()
    state: str = "open"
    code: str = ""
    codes: tuple[str, ...] = ()
    except_codes: tuple[str, ...] = ()
    interface: str = ""
    owner: str = ""
    assignee: str = ""
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""


async def put(connection: Connection, trouble: Trouble, at: datetime) -> int:
    """Put `trouble` in the queue, or count it once more where it stands there already; answers the count."""
    count: int = await connection.fetchval(
        _SQL["raise"],
        trouble.id,
        trouble.code,
        trouble.outcome,
        trouble.reason,
        trouble.remedy,
        trouble.owner,
        trouble.interface,
        trouble.delivery,
        trouble.process,
        trouble.step,
        trouble.subject,
        at,
        at + trouble.sla,
        trouble.told,
    )
    return count


async def resolve(connection: Connection, processes: Sequence[str], at: datetime, by: str) -> list[Closed]:
    """Close the open exceptions of processes that got past them."""
    return _closed(await connection.fetch(_SQL["resolve"], processes, at, by))


async def resolve_deliveries(connection: Connection, deliveries: Sequence[int], at: datetime, by: str) -> list[Closed]:
    """Close the open exceptions of deliveries that are understood by now."""
    return _closed(await connection.fetch(_SQL["resolve_deliveries"], deliveries, at, by))


async def resolve_ids(connection: Connection, ids: Sequence[UUID], at: datetime, by: str) -> list[Closed]:
    """Close open exceptions whose trouble is fixed."""
    return _closed(await connection.fetch(_SQL["resolve_ids"], ids, at, by))


async def discard(connection: Connection, ids: Sequence[UUID], at: datetime, by: str) -> list[Closed]:
    """Close exceptions that a person decided not to act on."""
    return _closed(await connection.fetch(_SQL["discard"], ids, at, by))


async def assign(connection: Connection, numbers: Sequence[int], assignee: str | None) -> list[int]:
    """Say who works on open exceptions (None: nobody); answers the numbers found."""
    return [row["number"] for row in await connection.fetch(_SQL["assign"], numbers, assignee)]


async def select(connection: Connection, selection: ExceptionSelection, most: int = 1000) -> list[OpenException]:
    """The exceptions of a selection, oldest first."""
    rows = await connection.fetch(
        _SQL["select"],
        selection.numbers,
        *_conditions(selection),
        most,
    )
    return [_exception(row) for row in rows]


async def page(
    connection: Connection, selection: ExceptionSelection, after: tuple[datetime, int] | None, most: int
) -> list[OpenException]:
    """The exceptions of a selection, oldest first, after a place in that order."""
    at, number = after or (None, 0)
    rows = await connection.fetch(
        _SQL["page"],
        *_conditions(selection),
        at,
        number,
        most,
    )
    return [_exception(row) for row in rows]


async def money(connection: Connection, numbers: Sequence[int]) -> dict[int, Decimal]:
    """What is charged and not settled of the appointments that exceptions are about, by the exception's number."""
    rows = await connection.fetch(_SQL["money"], numbers)
    return {row["number"]: row["money"] for row in rows}


async def stakes(connection: Connection, numbers: Sequence[int]) -> dict[int, Money]:
    """As `money`, with its currency; what has none is left out."""
    rows = await connection.fetch(_SQL["money"], numbers)
    return {row["number"]: Money(row["money"], row["currency"]) for row in rows if row["currency"]}


async def causes(connection: Connection) -> list[Cause]:
    """Open exceptions by what they have in common, the most frequent first."""
    return [Cause(**dict(row)) for row in await connection.fetch(_SQL["causes"])]


async def open_exceptions(connection: Connection, most: int = 200) -> list[OpenException]:
    return [_exception(row) for row in await connection.fetch(_SQL["open"], most)]


async def of_subjects(connection: Connection, subjects: Sequence[str]) -> list[OpenException]:
    """The exceptions, open and resolved, of these subjects, oldest first."""
    return [_exception(row) for row in await connection.fetch(_SQL["of_subjects"], subjects)]


async def of_days(connection: Connection, first: date, last: date, zone: str, most: int) -> list[OpenException]:
    """The open exceptions about visits of these days, and those without a visit that were opened on them."""
    return [_exception(row) for row in await connection.fetch(_SQL["of_days"], first, last, zone, most)]


async def count_open(connection: Connection) -> int:
    count: int = await connection.fetchval(_SQL["count_open"])
    return count


async def count_overdue(connection: Connection, now: datetime) -> int:
    """How many open exceptions nobody has decided in time."""
    count: int = await connection.fetchval(_SQL["count_overdue"], now)
    return count


def _conditions(selection: ExceptionSelection) -> tuple[object, ...]:
    """What the statements ask of a selection, but for its numbers, in their order."""
    return (
        selection.state,
        selection.code,
        selection.interface,
        selection.owner,
        selection.assignee,
        selection.since,
        selection.until,
        selection.codes,
        selection.except_codes,
        selection.reason,
    )


def _exception(row: Record) -> OpenException:
    return OpenException(**dict(row))


def _closed(rows: Sequence[Record]) -> list[Closed]:
    return [Closed(**dict(row)) for row in rows]
