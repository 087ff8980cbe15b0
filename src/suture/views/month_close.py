"""How far a month's close is, and what stands between it and its end."""

import hashlib
from collections.abc import Sequence
from datetime import date

import msgspec

from suture.acting.actor import NotPossible
from suture.acting.context import CommandContext
from suture.processes.definitions.month_end_close import DEFINITION
from suture.store import discrepancies, exceptions, periods
from suture.store import steering as process_store
from suture.store.database import Connection
from suture.store.discrepancies import Summary
from suture.store.exceptions import OpenException
from suture.store.ledger_snapshot import DailyTotals
from suture.store.periods import Period, first_of, last_of
from suture.store.steering import ProcessDetail


class CloseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the close of a month is: its process, what holds it up, and what is open in the month."""

    period: Period
    process: ProcessDetail | None
    troubles: list[OpenException]
    open: list[Summary]

    @property
    def stage(self) -> str:
        """The step that the close is at; empty once it is closed."""
        if self.period.state != "frozen" or self.process is None:
            return ""
        done = {name for name, record in self.process.journal.items() if record.state in ("done", "skipped")}
        return next((step.name for step in DEFINITION.leaves() if step.name not in done), "")


async def status(context: CommandContext, month: str) -> CloseStatus:
    """Raises `NotPossible` where its close never began."""
    first, last = month_of(month)
    async with context.database.connection() as connection:
        period = await period_of(connection, month)
        process = await process_store.one(connection, process_key(period))
        troubles = await exceptions.of_subjects(connection, [subject_of(month)])
        summary = await discrepancies.summary(connection, first, last)
    return CloseStatus(
        period=period,
        process=process,
        troubles=[one for one in troubles if one.state == "open"],
        open=summary,
    )


async def months(context: CommandContext) -> list[Period]:
    """The months whose close was ever begun, the newest first."""
    async with context.database.connection() as connection:
        return await periods.newest(connection)


def digest_of(tallies: Sequence[DailyTotals]) -> str:
    """Over the hashes of every day, side and facility: the same figures have the same digest."""
    told = sorted(f"{one.book}|{one.day}|{one.facility}|{one.count}|{one.amount}|{one.hash}" for one in tallies)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def month_of(month: str) -> tuple[date, date]:
    try:
        return first_of(month), last_of(month)
    except ValueError as error:
        raise NotPossible(f"{month!r} is not a month; write it like 2026-10") from error


async def period_of(connection: Connection, month: str) -> Period:
    found = await periods.one(connection, month)
    if found is None:
        raise NotPossible(f"the close of {month} has not begun: `suture close start {month}`")
    return found


def process_key(period: Period) -> str:
    return f"{DEFINITION.name}:{period.month}-{period.round}"


def subject_of(month: str) -> str:
    return f"Period/{month}"
