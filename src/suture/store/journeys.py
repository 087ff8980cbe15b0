"""The rows that people look at: written by the projection, read by console and CLI."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("journeys")


class JourneyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment's journey in a row. `milestones` says when each was reached, `payments` what came in; `day` is
    the visit's, `known_at` when Suture could know that it was completed, `residual_at` when what is open was told."""

    appointment: str
    facility: str | None = None
    status: str = ""
    sequence: int = 0
    start_at: datetime | None = None
    milestones: dict[str, datetime] = {}
    payments: dict[str, Decimal] = {}
    currency: str | None = None
    charge_total: Decimal | None = None
    invoice_number: str | None = None
    invoice_total: Decimal | None = None
    residual: Decimal | None = None
    residual_at: datetime | None = None
    payment_state: str | None = None
    updated_at: datetime | None = None
    day: date | None = None
    known_at: datetime | None = None


class FunnelStage(StrEnum):
    """A part of the funnel, named as its figure in `Funnel`."""

    SEEN = "seen"
    TO_COME = "to_come"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    CHARGED = "charged"
    POSTED = "posted"
    PAID = "paid"
    UNBILLED = "unbilled"
    UNPOSTED = "unposted"
    UNPAID = "unpaid"


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """How many appointments got how far, and the money in it (organisation's currency).

    From `completed` on, only what stands is counted: a visit that was cancelled after all is in `cancelled` alone. One
    whose completion was told and not understood is completed, and unbilled. `unbilled_total` is an estimate: what isn't
    charged yet has no price, and counts as much as recent visits came to.
    """

    seen: int
    to_come: int
    completed: int
    cancelled: int
    no_show: int
    charged: int
    posted: int
    paid: int
    unbilled: int
    unposted: int
    unpaid: int
    charge_total: Decimal
    unbilled_total: Decimal
    unposted_total: Decimal
    invoice_total: Decimal
    residual: Decimal
    first_posted_at: datetime | None
    last_posted_at: datetime | None


class Postings(msgspec.Struct, frozen=True):
    """The invoices posted in the span of time that begins at `at`."""

    at: datetime
    count: int
    total: Decimal


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The visits completed on a day, and how many of them are posted."""

    day: date
    completed: int
    posted: int


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """A raw delivery without its content; `size` is the sealed box's, in bytes."""

    id: int
    interface: str
    delivery_id: str
    receipt: UUID
    size: int
    received_at: datetime
    state: str
    ingested_at: datetime | None


async def upsert(connection: Connection, rows: Sequence[JourneyRow]) -> None:
    """Merge rows into what stands: milestones keep their first time, a status only moves forward."""
    columns = [[getattr(row, name) for row in rows] for name in JourneyRow.__struct_fields__]
    for index, name in enumerate(JourneyRow.__struct_fields__):
        if name in ("milestones", "payments"):
            columns[index] = [msgspec.json.encode(value).decode() for value in columns[index]]
    await connection.execute(_SQL["upsert"], *columns)


async def funnel(connection: Connection, since: datetime) -> Funnel:
    """The funnel over journeys that moved since a time."""
    row = await connection.fetchrow(_SQL["funnel"], since)
    return msgspec.convert(dict(row or {}), Funnel)


async def recent(connection: Connection, most: int) -> list[JourneyRow]:
    return [_row(dict(row)) for row in await connection.fetch(_SQL["recent"], most)]


async def of_stage(
    connection: Connection, since: datetime, stage: FunnelStage, most: int, after: tuple[datetime, str] | None = None
) -> list[JourneyRow]:
    """The journeys behind a figure of the funnel, those that moved last first, after a place in that order."""
    at, appointment = after or (None, "")
    rows = await connection.fetch(_SQL["of_stage"], since, stage.value, at, appointment, most)
    return [_row(dict(row)) for row in rows]


async def days(connection: Connection, first: date, last: date, zone: str, since: datetime) -> list[Day]:
    """How many visits there were and how many are posted, by their day (of those recorded before days were, by when
    their completion was told, in a zone); `since` is when the first day began."""
    return [Day(**dict(row)) for row in await connection.fetch(_SQL["days"], first, last, zone, since)]


async def postings(connection: Connection, since: datetime, span: timedelta) -> list[Postings]:
    """Invoices posted since a time, counted by spans of whole seconds; spans without any are left out."""
    rows = await connection.fetch(_SQL["postings"], since, int(span.total_seconds()))
    return [Postings(**dict(row)) for row in rows]


async def page(
    connection: Connection, status: str, since: datetime | None, after: tuple[datetime, str] | None, most: int
) -> list[JourneyRow]:
    """Journeys of a status (empty: any) that moved since, the last first, after a place in that order."""
    at, appointment = after or (None, "")
    rows = await connection.fetch(_SQL["page"], status, since, at, appointment, most)
    return [_row(dict(row)) for row in rows]


async def starting_with(connection: Connection, prefix: str, most: int) -> list[str]:
    """Appointments whose id starts so, in order."""
    return [row["appointment"] for row in await connection.fetch(_SQL["starting_with"], prefix, most)]


async def one(connection: Connection, appointment: str) -> JourneyRow | None:
    row = await connection.fetchrow(_SQL["one"], appointment)
    return None if row is None else _row(dict(row))


async def deliveries(connection: Connection, receipts: Sequence[UUID]) -> list[DeliveryView]:
    """The raw deliveries with these receipts, oldest first."""
    return [DeliveryView(**dict(row)) for row in await connection.fetch(_SQL["deliveries"], receipts)]


def _row(row: dict[str, object]) -> JourneyRow:
    milestones = msgspec.json.decode(str(row.pop("milestones")), type=dict[str, datetime])
    payments = msgspec.json.decode(str(row.pop("payments")), type=dict[str, Decimal])
    return JourneyRow(milestones=milestones, payments=payments, **row)  # type: ignore[arg-type]
