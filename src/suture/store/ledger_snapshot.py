"""What each side holds, as last read: one row a document, merged a span of days or a few appointments at a time."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from suture.catalogue.reconciliation import Expectation, Side
from suture.store.database import Connection, sql

_SQL = sql("ledger_snapshot")


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A document in a side's book. `appointment` is the one that it belongs to, or empty; `counts` is 0 for what only
    adds to another's amount. The order of fields is the table's columns'."""

    book: str
    key: str
    number: str
    state: str
    stands: bool = True
    counts: int = 1
    day: date | None = None
    facility: str | None = None
    party: str = ""
    appointment: str = ""
    amount: Decimal | None = None
    open: Decimal | None = None
    currency: str | None = None
    quantity: Decimal | None = None
    changed_at: datetime | None = None
    seen_at: datetime
    detail: str = ""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A key of two books, as both hold it: how often it stands there, and the sums."""

    key: str
    left_count: int
    right_count: int
    left_amount: Decimal | None
    right_amount: Decimal | None
    left_open: Decimal | None
    right_open: Decimal | None
    left_quantity: Decimal | None
    right_quantity: Decimal | None
    day: date | None
    facility: str | None
    party: str
    appointment: str
    currency: str | None
    at: datetime | None
    left_facility: str | None = None
    right_facility: str | None = None


class DailyTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a book at a facility: count, sum and hash of what stands."""

    book: str
    day: date
    facility: str
    currency: str
    count: int
    amount: Decimal
    hash: int
    read_at: datetime


class Unbilled(msgspec.Struct, frozen=True, kw_only=True):
    """A completed visit that isn't invoiced; `amount` is its charge's, where it was charged."""

    appointment: str
    day: date
    facility: str | None
    amount: Decimal | None
    currency: str | None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a service was charged at a facility; `seq` is the event that says so."""

    service: str
    facility: str
    currency: str
    price: Decimal
    seq: int


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """A key that two books don't hold alike at a facility in a span of days: nothing there is None. `other_*` is where
    the side that has nothing there holds it instead, and whether it stands."""

    key: str
    appointment: str
    left_count: int | None
    left_amount: Decimal | None
    right_count: int | None
    right_amount: Decimal | None
    other_day: date | None
    other_facility: str | None
    other_stands: bool | None
    other_currency: str | None


async def stage(connection: Connection, holdings: Iterable[Holding]) -> None:
    """Put documents aside in this transaction, for one of the merges below."""
    await connection.execute(_SQL["stage"])
    latest = {(one.book, one.key, one.number): one for one in holdings}
    rows = [msgspec.structs.astuple(one) for one in latest.values()]
    await connection.copy_records_to_table("staged", records=rows, columns=Holding.__struct_fields__)
    for statement in ("stage_analyze", "fill_payments", "fill_parties_known", "fill_parties", "fill", "fill_visits"):
        await connection.execute(_SQL[statement])


async def merge(connection: Connection) -> None:
    """Take over what was staged; nothing vanishes."""
    await connection.execute(_SQL["merge"])


async def merge_told(connection: Connection) -> None:
    """Take over what was staged of Suture's own books."""
    for statement in ("fill_days", "fill_days_staged", "fill_staged"):
        await connection.execute(_SQL[statement])
    await merge(connection)


async def analyze(connection: Connection) -> None:
    """Bring the planner's picture up to date, after many were taken over."""
    await connection.execute(_SQL["analyze"])


async def sizes(connection: Connection, days: Sequence[date]) -> dict[date, int]:
    """How many documents are known of each day."""
    return {row["day"]: row["count"] for row in await connection.fetch(_SQL["sizes"], days)}


async def merge_days(connection: Connection, books: Sequence[str], first: date, last: date) -> None:
    """What was staged is all that these books hold of these days."""
    await connection.execute(_SQL["vanish_days"], books, first, last)
    await merge(connection)


async def merge_appointments(connection: Connection, books: Sequence[str], appointments: Sequence[str]) -> None:
    """What was staged is all that these books hold of these appointments."""
    await connection.execute(_SQL["vanish_keys"], books, appointments)
    await merge(connection)


async def merge_book(connection: Connection, book: str) -> None:
    """What was staged is all that a book holds."""
    await connection.execute(_SQL["vanish_all"], [book])
    await merge(connection)


async def total_days(connection: Connection, first: date, last: date, at: datetime) -> None:
    """Count, sum and hash every book of these days."""
    await connection.execute(_SQL["forget_totals"], first, last)
    await connection.execute(_SQL["total_days"], first, last, at)


async def total_days_of(connection: Connection, appointments: Sequence[str], at: datetime) -> None:
    """Count the days anew on which something of these appointments is dated."""
    for row in await connection.fetch(_SQL["days_of"], appointments):
        await total_days(connection, row["day"], row["day"], at)


async def daily_totals(connection: Connection, first: date, last: date) -> list[DailyTotals]:
    return [DailyTotals(**dict(row)) for row in await connection.fetch(_SQL["daily_totals"], first, last)]


async def apart(
    connection: Connection,
    books: tuple[str, str],
    span: tuple[date, date],
    *,
    facility: str,
    currency: str,
    most: int,
) -> list[Apart]:
    """What two books don't hold alike of these days, at a facility and in a currency (empty: what says none)."""
    rows = await connection.fetch(_SQL["apart"], *books, *span, facility, currency, most)
    return [Apart(**dict(row)) for row in rows]


async def scope_days(connection: Connection, first: date, last: date) -> None:
    """Ask the questions below, in this transaction, of what is dated in these days: quick, and too strict, since what
    belongs together may be dated apart. Ask again of the keys that seem to differ."""
    for statement in ("scope", "scoped"):
        await connection.execute(_SQL[statement])
    await connection.execute(_SQL["scoped_days"], first, last)
    await connection.execute(_SQL["scope_of_scoped"])
    await _ready(connection)


async def scope_undated(connection: Connection) -> None:
    """Ask of what has no date, such as master data."""
    await _scope(connection, "scope_undated")


async def scope_keys(connection: Connection, keys: Sequence[str]) -> None:
    """Ask of these appointments, payments or other keys, and all that belongs to them, whenever it is dated."""
    await _scope(connection, "scope_keys", keys)


async def _scope(connection: Connection, chosen: str, *arguments: object) -> None:
    await connection.execute(_SQL["scope"])
    await connection.execute(_SQL[chosen], *arguments)
    for statement in ("scope_analyze", "scoped", "scoped_keys"):
        await connection.execute(_SQL[statement])
    await _ready(connection)


async def _ready(connection: Connection) -> None:
    for statement in ("scoped_index", "scoped_analyze"):
        await connection.execute(_SQL[statement])


async def pairs(
    connection: Connection, left: Side, right: Side, expects: Sequence[Expectation], *, most: int, zone: ZoneInfo
) -> list[Pair]:
    """Keys in scope of which two books differ. In `zone` days end last."""
    wanted = [name in expects for name in ("once", "amount", "open", "quantity")]
    sides = (left.book, list(left.states), right.book, list(right.states))
    more = ["facility" in expects, "day" in expects]
    rows = await connection.fetch(_SQL["pairs"], *sides, *wanted, left.insured, most, zone.key, *more)
    return [Pair(**dict(row)) for row in rows]


async def standing(connection: Connection, side: Side, before: datetime, *, most: int, zone: ZoneInfo) -> list[Pair]:
    """Keys in scope that are in a book since before a time (where the system says none, that are dated before its day,
    in the zone where days end last)."""
    day = before.astimezone(zone).date()
    rows = await connection.fetch(_SQL["standing"], side.book, list(side.states), before, day, most, zone.key)
    return [Pair(**dict(row)) for row in rows]


async def totals(
    connection: Connection, left: str, right: str, span: tuple[date, date], *, most: int, zone: ZoneInfo
) -> list[Pair]:
    """Parties and days whose sums differ between two books; the key is ``<party> <day>``."""
    return [Pair(**dict(row)) for row in await connection.fetch(_SQL["totals"], left, right, *span, most, zone.key)]


async def documents(connection: Connection, keys: Sequence[str]) -> list[Holding]:
    """All documents of these keys, and of the appointments among them."""
    return [Holding(**dict(row)) for row in await connection.fetch(_SQL["documents"], keys)]


async def payments_of(connection: Connection, appointments: Sequence[str]) -> list[str]:
    return [row["key"] for row in await connection.fetch(_SQL["payments_of"], appointments)]


async def touched_days(connection: Connection, since: int) -> set[date]:
    """The days of whatever an event after this one was about."""
    return {row["day"] for row in await connection.fetch(_SQL["touched_days"], since)}


async def first_day(connection: Connection) -> date | None:
    """The first day of which Suture was told anything."""
    day: date | None = await connection.fetchval(_SQL["first_day"])
    return day


async def explained(
    connection: Connection, subjects: Sequence[str], since: datetime, definitions: Sequence[str]
) -> set[str]:
    """Which of these subjects are known already: a person has an exception of their process in hand or decided about
    it, or they are on their way since not too long."""
    return {row["subject"] for row in await connection.fetch(_SQL["explained"], subjects, since, definitions)}


async def unbilled(connection: Connection, first: date, last: date) -> list[Unbilled]:
    """Completed visits of these days that no invoice dated by then stands for."""
    return [Unbilled(**dict(row)) for row in await connection.fetch(_SQL["unbilled"], first, last)]


async def on_their_way(connection: Connection, first: date, last: date) -> int:
    """How many processes of what is dated in these days are at work, or suspended."""
    count: int = await connection.fetchval(_SQL["on_their_way"], first, last)
    return count


async def prices(connection: Connection, services: Collection[str], currency: str) -> list[Price]:
    """What these services were charged last, at each facility."""
    rows = await connection.fetch(_SQL["prices"], sorted(services), currency)
    return [Price(**dict(row)) for row in rows]


async def keep_prices(connection: Connection, told: Sequence[Price]) -> None:
    """Keep prices that were charged; of one service at one facility the last counts."""
    latest = {(one.service, one.facility, one.currency): one for one in sorted(told, key=lambda one: one.seq)}
    columns = [[getattr(one, name) for one in latest.values()] for name in Price.__struct_fields__]
    await connection.execute(_SQL["keep_prices"], *columns)


async def at_work(connection: Connection, appointments: Sequence[str]) -> dict[str, str]:
    """The state of what is still on its way, by appointment."""
    rows = await connection.fetch(_SQL["at_work"], appointments)
    return {row["appointment"]: row["state"] for row in rows}
