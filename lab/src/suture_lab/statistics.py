"""Figures over Suture's whole store: what is unsettled, what was done, how long it took."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("statistics", Path(__file__).parent)


class UnsettledCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What is still on its way: deliveries, processes running, processes waiting, events not yet published.

    A process that waits for what an exception of its journey holds back isn't on its way.
    """

    deliveries: int
    processes: int
    waiting: int
    events: int


class MoneyMoved(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over recorded events, in the organisation's currency."""

    charge_total: Decimal
    invoice_total: Decimal
    payment_total: Decimal


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds at p50, p95 and p99: from acceptance to recorded events, and to the posted invoice.

    `flows` is how many invoices were posted, in `seconds` from the first event to the last.
    """

    ingest: tuple[float, ...]
    end_to_end: tuple[float, ...]
    flows: int
    seconds: float


class HeldBack(msgspec.Struct, frozen=True, kw_only=True):
    """An exception by the appointment or payment that it holds back: open, or discarded for a reason."""

    key: str | None
    subject: str | None
    code: str
    reason: str
    owner: str
    process: str | None
    delivery: int | None
    state: str


async def unsettled(connection: Connection) -> UnsettledCounts:
    return UnsettledCounts(**dict(await connection.fetchrow(_SQL["unsettled"]) or {}))


async def facts_by_type(connection: Connection) -> dict[str, int]:
    """How many effective events there are of each type."""
    return {row["type"]: row["count"] for row in await connection.fetch(_SQL["facts_by_type"])}


async def money_moved(connection: Connection) -> MoneyMoved:
    return MoneyMoved(**dict(await connection.fetchrow(_SQL["money"]) or {}))


async def latencies(connection: Connection) -> Latencies:
    row = await connection.fetchrow(_SQL["latencies"])
    told = dict(row or {})
    return Latencies(
        ingest=_percentiles(told.get("ingest")),
        end_to_end=_percentiles(told.get("end_to_end")),
        flows=told.get("flows") or 0,
        seconds=float(told.get("seconds") or 0),
    )


def _percentiles(values: Sequence[Sequence[float]] | None) -> tuple[float, ...]:
    """``array(SELECT percentile_cont(ARRAY[…]))`` answers a nested array, or one NULL where there is nothing."""
    return tuple(round(float(value), 2) for value in values[0]) if values and values[0] else ()


async def held(connection: Connection) -> list[HeldBack]:
    return [HeldBack(**dict(row)) for row in await connection.fetch(_SQL["held"])]
