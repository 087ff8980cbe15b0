"""Discrepancies: what reconciliation found, what was done about it, and the proof that it is right again."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from asyncpg import Record

from suture.store.database import Connection, sql

_SQL = sql("discrepancies")


class FoundDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference to be opened. `what` is ``missing``, ``unexpected``, ``twice``, ``differs``, ``changed``,
    ``deleted`` or ``overdue``; `money` is what is at stake; `evidence` what both sides hold (JSON); `fingerprint` tells
    the same evidence from another."""

    rule: str
    what: str
    key: str
    appointment: str
    facility: str | None
    party: str
    day: date | None
    owner: str
    money: Decimal | None
    currency: str | None
    repair: str
    evidence: str
    fingerprint: str


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A discrepancy that stands, or that was just closed."""

    number: int
    rule: str
    what: str
    key: str
    appointment: str
    facility: str | None
    new: bool = False


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """A discrepancy as it stands. `proof` is what both sides held when it was closed."""

    number: int
    rule: str
    what: str
    key: str
    appointment: str
    facility: str | None
    party: str
    day: date | None
    owner: str
    money: Decimal | None
    currency: str | None
    repair: str
    evidence: Any
    fingerprint: str
    state: str
    opened_at: datetime
    seen_at: datetime
    due_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None
    proof: Any


class DiscrepancySelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which discrepancies: all conditions hold together, empty ones for all. ``open`` includes what is being repaired;
    `about` is a key or an appointment."""

    numbers: tuple[int, ...] = ()
    state: str = "open"
    rule: str = ""
    owner: str = ""
    about: str = ""
    first: date | None = None
    last: date | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Open discrepancies of a rule: how many, the money in them, since when."""

    rule: str
    owner: str
    currency: str | None
    count: int
    money: Decimal
    oldest: datetime


class SettledDiscrepancies(msgspec.Struct, frozen=True, kw_only=True):
    """Closed discrepancies of a rule, by how they were closed."""

    rule: str
    state: str
    count: int
    money: Decimal


async def put(connection: Connection, found: Sequence[FoundDifference], at: datetime, due: datetime) -> list[Opened]:
    """Open what isn't open yet; answers all that stand now, those that a person accepted as they are left out."""
    columns = [[getattr(one, name) for one in found] for name in FoundDifference.__struct_fields__]
    return [Opened(**dict(row)) for row in await connection.fetch(_SQL["open"], *columns, at, due)]


async def in_scope(connection: Connection, span: tuple[date, date] | None) -> list[Discrepancy]:
    """The open ones about what is in scope (`ledger_snapshot.scope_days`), or dated within a span."""
    first, last = span or (date.max, date.min)
    return [_discrepancy(row) for row in await connection.fetch(_SQL["in_scope"], first, last)]


async def open_about(connection: Connection, names: Sequence[str]) -> set[str]:
    """Which of these keys and appointments an open one is about."""
    rows = await connection.fetch(_SQL["open_about"], names)
    return {name for row in rows for name in (row["key"], row["appointment"]) if name}


async def open_days(connection: Connection) -> set[date]:
    """The days that open ones are about."""
    return {row["day"] for row in await connection.fetch(_SQL["of_days"])}


async def close(
    connection: Connection, numbers: Sequence[int], state: str, *, at: datetime, by: str, reason: str, proof: str
) -> list[Opened]:
    """Close open ones as ``repaired`` or ``accepted``."""
    rows = await connection.fetch(_SQL["close"], numbers, state, at, by, reason, proof)
    return [Opened(**dict(row)) for row in rows]


async def begin_repair(connection: Connection, number: int, by: str) -> bool:
    return await connection.fetchval(_SQL["repairing"], number, by) is not None


async def select(connection: Connection, selection: DiscrepancySelection, most: int = 1000) -> list[Discrepancy]:
    """The discrepancies of a selection, oldest first."""
    rows = await connection.fetch(
        _SQL["select"],
        selection.numbers,
        selection.state,
        selection.rule,
        selection.owner,
        selection.about,
        selection.first,
        selection.last,
        most,
    )
    return [_discrepancy(row) for row in rows]


async def page(
    connection: Connection, selection: DiscrepancySelection, before: int | None, most: int
) -> list[Discrepancy]:
    """Discrepancies of a selection's state, rule and owner, the newest first, before one by its number."""
    rows = await connection.fetch(_SQL["page"], selection.state, selection.rule, selection.owner, before, most)
    return [_discrepancy(row) for row in rows]


async def of_keys(connection: Connection, keys: Sequence[str], appointments: Sequence[str]) -> list[Discrepancy]:
    """What is open or was accepted about these keys or appointments, the oldest first."""
    return [_discrepancy(row) for row in await connection.fetch(_SQL["of_keys"], keys, appointments)]


async def summary(connection: Connection, first: date | None = None, last: date | None = None) -> list[Summary]:
    return [Summary(**dict(row)) for row in await connection.fetch(_SQL["summary"], first, last)]


async def settled(connection: Connection, first: date, last: date) -> list[SettledDiscrepancies]:
    return [SettledDiscrepancies(**dict(row)) for row in await connection.fetch(_SQL["settled"], first, last)]


def _discrepancy(row: Record) -> Discrepancy:
    told = dict(row)
    told["fingerprint"] = told.pop("print")
    for name in ("evidence", "proof"):
        told[name] = msgspec.json.decode(told[name]) if told[name] else None
    return Discrepancy(**told)
