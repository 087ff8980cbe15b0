"""What people take away as tables: the queue, the differences, the trail, a month. Taking it is an act: for who may
look at all of it, and in the audit trail with what was chosen and how many rows there were."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.core.money import Money
from suture.store import audit, discrepancies, exceptions
from suture.store.audit import AuditEntry
from suture.store.database import Connection
from suture.store.discrepancies import Discrepancy
from suture.store.exceptions import OpenException
from suture.views.report import CloseReport, gather
from suture.views.words import Words

MOST = 50_000
"""How many rows a table has at most; more is asked for in parts."""

Cell = str | int | Decimal | date | datetime | None


class ExportTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under the names of their columns."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]


async def queue(context: CommandContext, actor: Actor, selection: exceptions.ExceptionSelection) -> list[ExportTable]:
    """The exceptions of a selection, oldest first."""
    async with context.database.transaction() as connection:
        found = await exceptions.select(connection, selection, MOST + 1)
        await _taken(connection, context, actor, "exceptions", rows=len(found), chosen=selection)
        stakes = await exceptions.stakes(connection, [one.number for one in found])
    return [_exceptions(found, stakes)]


async def differences(
    context: CommandContext, actor: Actor, selection: discrepancies.DiscrepancySelection
) -> list[ExportTable]:
    """The differences of a selection, oldest first."""
    async with context.database.transaction() as connection:
        found = await discrepancies.select(connection, selection, MOST + 1)
        await _taken(connection, context, actor, "differences", rows=len(found), chosen=selection)
    rules = {rule.name: rule for rule in context.catalogue.reconciliation.standing}
    said = Words.of(context.catalogue)
    return [_differences([(one, said.describe(one, rules.get(one.rule))) for one in found])]


async def trail(context: CommandContext, actor: Actor, selection: audit.AuditSelection) -> list[ExportTable]:
    """The entries of the audit trail of a selection, the newest first."""
    actor.check(context, "audit.read")
    async with context.database.transaction() as connection:
        found = await audit.select(connection, selection, None, MOST + 1)
        await _taken(connection, context, actor, "trail", rows=len(found), chosen=selection)
    return [_acts("Trail", found)]


async def month(context: CommandContext, actor: Actor, name: str) -> list[ExportTable]:
    """A month's report as tables. Raises `NotPossible` where its close was never begun."""
    report = await gather(context, name)
    async with context.database.transaction() as connection:
        await _taken(connection, context, actor, f"close of {name}", rows=len(report.lines))
    return [
        _sides(report, Words.of(context.catalogue)),
        _reasons(report),
        _unbilled(report),
        _differences(report.settled),
        _exceptions(report.exceptions, {}),
        _acts("Acts", report.acts),
    ]


async def _taken(
    connection: Connection,
    context: CommandContext,
    actor: Actor,
    what: str,
    *,
    rows: int,
    chosen: msgspec.Struct | None = None,
) -> None:
    """Write it to the trail. Raises `NotPossible` where it is more than a table holds: no part is given for all."""
    if rows > MOST:
        raise NotPossible(f"that is more than {MOST:,} rows: choose fewer, by owner, state or class")
    told = {} if chosen is None else {name: value for name, value in msgspec.structs.asdict(chosen).items() if value}
    await actor.sign(connection, context, "table.export", f"Table/{what}", {"chosen": told, "rows": rows})


def _exceptions(found: Sequence[OpenException], stakes: dict[int, Money]) -> ExportTable:
    return ExportTable(
        name="Exceptions",
        columns=(
            *(
                "No.",
                "State",
                "Code",
                "Reason",
                "About",
                "Interface",
                "Step",
                "Owner",
                "With",
                "Opened",
                "Due",
                "Times",
            ),
            *("At stake", "Currency", "Closed", "Closed by"),
        ),
        rows=[
            (
                *(one.number, one.state, one.code, one.reason, one.subject, one.interface, one.step, one.owner),
                *(one.assignee, one.opened_at, one.due_at, one.count),
                *_money(stakes.get(one.number)),
                *(one.resolved_at, one.resolved_by),
            )
            for one in found
        ],
    )


def _differences(found: Sequence[tuple[Discrepancy, str]]) -> ExportTable:
    return ExportTable(
        name="Differences",
        columns=(
            *("No.", "State", "What", "Rule", "Key", "Appointment", "Facility", "Party", "Day", "At stake", "Currency"),
            *("Owner", "Found", "Seen last", "Due", "Closed", "Closed by", "Why"),
        ),
        rows=[
            (
                *(one.number, one.state, told, one.rule, one.key, one.appointment, one.facility, one.party, one.day),
                *(one.money, one.currency, one.owner, one.opened_at, one.seen_at, one.due_at),
                *(one.closed_at, one.closed_by, one.reason),
            )
            for one, told in found
        ],
    )


def _acts(name: str, found: Sequence[AuditEntry]) -> ExportTable:
    return ExportTable(
        name=name,
        columns=("No.", "When", "Who", "Act", "About", "Why", "More", "Hash"),
        rows=[
            (one.id, one.at, one.actor, one.action, one.subject, one.reason, one.detail, one.hash.hex())
            for one in found
        ],
    )


def _sides(report: CloseReport, said: Words) -> ExportTable:
    return ExportTable(
        name="Both sides",
        columns=(
            *("Facility", "Milestone", "Currency", "Source", "Documents there", "Amount there"),
            *("Target", "Documents in it", "Amount in it", "Both sides"),
        ),
        rows=[
            (
                *(one.facility, one.milestone, one.currency, said.system_of(one.left), one.left_count, one.left_amount),
                *(said.system_of(one.right), one.right_count, one.right_amount, "agree" if one.agrees else "differ"),
            )
            for one in report.lines
        ],
    )


def _reasons(report: CloseReport) -> ExportTable:
    return ExportTable(
        name="Why they differ",
        columns=("Facility", "Milestone", "Currency", "Key", "In the source", "In the target", "Why"),
        rows=[
            (line.facility, line.milestone, line.currency, one.key, one.left, one.right, one.why)
            for line in report.lines
            for one in line.reasons
        ],
    )


def _unbilled(report: CloseReport) -> ExportTable:
    work = report.accrued.work if report.accrued else ()
    return ExportTable(
        name="Not billed",
        columns=("Facility", "Practitioner", "Visits", "Accrued", "Currency"),
        rows=[(one.facility, one.practitioner, one.visits, one.amount.amount, one.amount.currency) for one in work],
    )


def _money(told: Money | None) -> tuple[Decimal | None, str | None]:
    return (None, None) if told is None else (told.amount, told.currency)
