"""Discrepancies as people see them: listed, summed up, one with its evidence; and the runs that found them."""

from datetime import date, datetime

import msgspec

from suture.acting.actor import NotPossible
from suture.acting.context import CommandContext
from suture.catalogue.reconciliation import Rule
from suture.reconcile import related_exceptions
from suture.reconcile.watch import window
from suture.store import audit, discrepancies, exceptions, ledger_snapshot, reconciliations
from suture.store.audit import AuditEntry
from suture.store.database import Connection, Database
from suture.store.discrepancies import Discrepancy, DiscrepancySelection, Summary
from suture.store.exceptions import Closed, OpenException
from suture.store.ledger_snapshot import DailyTotals
from suture.store.reconciliations import Reconciliation


class DiscrepancyAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A discrepancy with the rule that it breaks, the exceptions about the same appointment, and what people did."""

    discrepancy: Discrepancy
    rule: Rule | None
    exceptions: list[OpenException]
    acts: list[AuditEntry]


async def progress(database: Database, number: int) -> Reconciliation:
    """How far a run is."""
    async with database.connection() as connection:
        run = await reconciliations.get(connection, number)
    if run is None:
        raise NotPossible(f"there is no run {number}")
    return run


async def runs(database: Database, most: int = 1) -> list[Reconciliation]:
    """The runs that were done, the newest first."""
    async with database.connection() as connection:
        return await reconciliations.latest(connection, most)


async def newest(database: Database, most: int) -> list[Reconciliation]:
    """The latest runs, under way or done or failed."""
    async with database.connection() as connection:
        return await reconciliations.newest(connection, most)


async def listed(database: Database, selection: DiscrepancySelection, most: int = 200) -> list[Discrepancy]:
    """The discrepancies of a selection, oldest first."""
    async with database.connection() as connection:
        return await discrepancies.select(connection, selection, most)


async def page(
    database: Database, selection: DiscrepancySelection, before: int | None, most: int = 50
) -> list[Discrepancy]:
    """Discrepancies page by page, the newest first."""
    async with database.connection() as connection:
        return await discrepancies.page(connection, selection, before, most)


async def summary(database: Database) -> list[Summary]:
    """Open discrepancies by rule: how many, and the money in them."""
    async with database.connection() as connection:
        return await discrepancies.summary(connection)


async def days(database: Database, first: date, last: date) -> list[DailyTotals]:
    """Every book of these days as it was last read: counted, summed and hashed."""
    async with database.connection() as connection:
        return await ledger_snapshot.daily_totals(connection, first, last)


async def account(context: CommandContext, number: int) -> DiscrepancyAccount:
    """Raises `NotPossible` where there is no such discrepancy."""
    async with context.database.connection() as connection:
        found = await one(connection, number)
        rule = next((r for r in context.catalogue.reconciliation.standing if r.name == found.rule), None)
        subjects = [f"Appointment/{found.appointment}", f"Payment/{found.key}"]
        troubles = await exceptions.of_subjects(connection, subjects)
        acts = await audit.newest(connection, subject(number))
    return DiscrepancyAccount(discrepancy=found, rule=rule, exceptions=troubles, acts=acts)


async def look_again(connection: Connection, context: CommandContext, closed: Closed, by: str, at: datetime) -> None:
    """Have both sides compared again where a person closed an exception that told of a discrepancy, too: what was put
    back is closed with it, and what was not stays open to be decided."""
    if not related_exceptions.is_related(closed.code, closed.process) or not closed.subject:
        return
    about = closed.subject.removeprefix("Appointment/").removeprefix("Entry/")
    found = await discrepancies.select(connection, DiscrepancySelection(about=about))
    if found:
        today = window(context.catalogue, context.clock)[1]
        days = [one.day or today for one in found]
        await reconciliations.request(connection, min(days), min(max(days), today), by=by, at=at, at_once=True)


async def one(connection: Connection, number: int) -> Discrepancy:
    found = await discrepancies.select(connection, DiscrepancySelection(numbers=(number,), state=""), 1)
    if not found:
        raise NotPossible(f"there is no discrepancy {number}; `suture reconcile list` shows all of them")
    return found[0]


def subject(number: int) -> str:
    """What the audit trail calls a discrepancy."""
    return f"Discrepancy/{number}"
