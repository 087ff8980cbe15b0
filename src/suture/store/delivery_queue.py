"""Stored deliveries: claimed to be ingested, settled, found by people, and read again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.store.database import Connection, sql
from suture.store.inbox import binding, receipt_of
from suture.store.sealing import Sealed

_SQL = sql("delivery_queue")


class Delivery(msgspec.Struct, frozen=True):
    """A delivery as it waits to be ingested, still sealed.

    `replays` counts how often it was ingested before. Where a person corrected its payload, `correction` is that
    correction's id and `sealed` its content.
    """

    id: int
    interface: str
    delivery_id: str
    received_at: datetime
    sealed: Sealed
    replays: int = 0
    correction: int | None = None

    @property
    def receipt(self) -> UUID:
        return receipt_of(self.interface, self.delivery_id)

    @property
    def bound_to(self) -> str:
        """What its seal is bound to."""
        return self.corrected_binding if self.correction else binding(self.interface, self.delivery_id)

    @property
    def corrected_binding(self) -> str:
        """What the seal of a corrected payload is bound to."""
        return f"correction:{self.interface}:{self.delivery_id}"


class Claimed(msgspec.Struct, frozen=True):
    """Deliveries to ingest now. `codes` is the newest correction of a code table (None: there is none)."""

    deliveries: list[Delivery]
    codes: int | None = None


async def claim(connection: Connection, interfaces: Sequence[str], now: datetime, most: int) -> Claimed:
    """Lock up to `most` waiting deliveries of each interface, oldest first, for the rest of the transaction; others
    skip them."""
    return _claimed(await connection.fetch(_SQL["claim"], most, now, interfaces))


async def claim_unknown(connection: Connection, known: Sequence[str], most: int) -> Claimed:
    """Lock waiting deliveries of interfaces that aren't `known`."""
    return _claimed(await connection.fetch(_SQL["claim_unknown"], most, known))


def _claimed(rows: Sequence[Record]) -> Claimed:
    return Claimed([_delivery(row) for row in rows], rows[0]["codes"] if rows else None)


def _delivery(row: Record) -> Delivery:
    return Delivery(
        row["id"],
        row["interface"],
        row["delivery_id"],
        row["received_at"],
        Sealed(row["key_id"], row["box"]),
        row["replays"] or 0,
        row["correction"],
    )


class SettledDelivery(msgspec.Struct, frozen=True):
    """What became of a delivery: ``ingested``, or an exception (``excepted``); and whom it is about, where known."""

    state: str
    subject: str | None = None


async def settle(connection: Connection, settled: Mapping[int, SettledDelivery], at: datetime) -> int:
    """Say of each delivery what became of it; answers how many of them still waited for that."""
    rows = await connection.fetch(
        _SQL["settle"],
        list(settled),
        [one.state for one in settled.values()],
        [one.subject for one in settled.values()],
        at,
    )
    return len(rows)


async def next_due(connection: Connection) -> datetime | None:
    """When the next delivery that is replayed has its turn."""
    due: datetime | None = await connection.fetchval(_SQL["next_due"])
    return due


class DeliverySelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries: all conditions hold together, empty ones for all. `key` is a delivery id or a subject such as
    ``Appointment/4711``; `code` that of an open exception."""

    ids: tuple[int, ...] = ()
    interface: str = ""
    state: str = ""
    code: str = ""
    key: str = ""
    since: datetime | None = None
    until: datetime | None = None


class KnownDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as people see it: never its content. `code` is that of its open exception."""

    id: int
    interface: str
    delivery_id: str
    receipt: UUID
    size: int
    received_at: datetime
    state: str
    ingested_at: datetime | None
    subject: str | None
    replays: int
    code: str


async def select(
    connection: Connection, selection: DeliverySelection, *, after: int = 0, most: int = 1000
) -> list[KnownDelivery]:
    """A page of a selection in the order of arrival."""
    rows = await connection.fetch(
        _SQL["select"],
        selection.ids,
        selection.interface,
        selection.state,
        selection.since,
        selection.until,
        selection.code,
        selection.key,
        after,
        most,
    )
    return [KnownDelivery(**dict(row)) for row in rows]


async def sealed(connection: Connection, ids: Sequence[int], *, original: bool = False) -> list[Delivery]:
    """Deliveries with their content still sealed: as corrected, or as it came."""
    return [_delivery(row) for row in await connection.fetch(_SQL["sealed"], ids, original)]


async def replay(connection: Connection, turns: Sequence[tuple[int, datetime, str | None]]) -> list[int]:
    """Have deliveries ingested again, each (id, not before, subject); answers those that will be."""
    ids, times, subjects = [t[0] for t in turns], [t[1] for t in turns], [t[2] for t in turns]
    rows = await connection.fetch(_SQL["replay"], ids, times, subjects)
    await connection.execute("SELECT pg_notify('suture_deliveries', '')")
    return sorted(row["id"] for row in rows)
