"""Reads what a month's report tells. Nothing of it is typed by hand."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from suture.acting.context import CommandContext
from suture.catalogue.reconciliation import Rule
from suture.processes.definitions.month_end_close import Accrued, correlation_of
from suture.store import audit, discrepancies, exceptions, ledger_snapshot, reconciliations
from suture.store.audit import AuditEntry
from suture.store.database import Connection
from suture.store.discrepancies import Discrepancy, DiscrepancySelection
from suture.store.exceptions import OpenException
from suture.store.ledger_snapshot import DailyTotals
from suture.store.periods import first_of, last_of
from suture.store.reconciliations import Reconciliation
from suture.views import month_close
from suture.views.month_close import CloseStatus
from suture.views.report.explain import Reason, reasons
from suture.views.words import Words

_MOST = 2000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A milestone at a facility, in a currency: how many stand for it on one side and on the other, what they come to,
    and, where that differs, why (`reasons`)."""

    facility: str
    currency: str
    milestone: str
    left: str
    left_count: int
    left_amount: Decimal
    right: str
    right_count: int
    right_amount: Decimal
    reasons: tuple[Reason, ...] = ()

    @property
    def agrees(self) -> bool:
        return (self.left_count, self.left_amount) == (self.right_count, self.right_amount)


class CloseReport(msgspec.Struct, frozen=True, kw_only=True):
    """A month's figures: `settled` are its differences, each in a sentence; `exceptions` what of it waits for a person.
    `digest` is over the hashes of every day and side: the same figures have the same digest."""

    organisation: str
    currency: str
    made_at: datetime
    status: CloseStatus
    lines: list[Line]
    accrued: Accrued | None
    settled: list[tuple[Discrepancy, str]]
    exceptions: list[OpenException]
    run: Reconciliation | None
    acts: list[AuditEntry]
    digest: str


_MILESTONES = (
    ("completed, and received by Suture", "scheduling.appointment", "suture.appointment"),
    ("charged, and invoiced", "billing.charge", "ledger.invoice"),
    ("paid, and applied", "billing.payment", "ledger.payment"),
    ("shares due, and accrued", "suture.share", "ledger.accrual"),
)


async def gather(context: CommandContext, month: str) -> CloseReport:
    """Raises `NotPossible` where the month's close was never begun."""
    told, first, last = await month_close.status(context, month), first_of(month), last_of(month)
    rules = {rule.name: rule for rule in context.catalogue.reconciliation.standing}
    said = Words.of(context.catalogue)
    async with context.database.connection() as connection:
        tallies = await ledger_snapshot.daily_totals(connection, first, last)
        closed = await discrepancies.select(connection, DiscrepancySelection(state="", first=first, last=last), _MOST)
        waiting = await exceptions.of_days(connection, first, last, context.catalogue.organisation.timezone, _MOST)
        run = await reconciliations.of_correlation(connection, correlation_of(month, told.period.round))
        acts = await audit.newest(connection, f"Period/{month}")
        told_lines = [await _explained(connection, line, (first, last), rules, said) for line in lines(tallies)]
    return CloseReport(
        organisation=context.catalogue.organisation.name,
        currency=context.catalogue.organisation.currency,
        made_at=context.clock.now(),
        status=told,
        lines=told_lines,
        accrued=_accrued(told),
        settled=[(one, said.describe(one, rules.get(one.rule))) for one in closed],
        exceptions=[one for one in waiting if not (one.process or "").startswith("month_end_close")],
        run=run,
        acts=acts,
        digest=month_close.digest_of(tallies),
    )


def _accrued(told: CloseStatus) -> Accrued | None:
    record = told.process.journal.get("accrue_unbilled") if told.process else None
    return None if record is None else msgspec.json.decode(record.result, type=Accrued)


async def _explained(
    connection: Connection, line: Line, span: tuple[date, date], rules: Mapping[str, Rule], said: Words
) -> Line:
    """A line with the reasons for what differs in it."""
    if line.agrees:
        return line
    books = line.left, line.right
    found = await reasons(
        connection, books, span, facility=line.facility, currency=line.currency, rules=rules, said=said
    )
    return msgspec.structs.replace(line, reasons=tuple(found))


def lines(tallies: Sequence[DailyTotals]) -> list[Line]:
    """Both sides of each milestone at each facility and in each currency, by name."""
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    amounts: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for one in tallies:
        counts[one.facility, one.currency, one.book] += one.count
        amounts[one.facility, one.currency, one.book] += one.amount
    return [
        Line(
            facility=facility,
            currency=currency,
            milestone=name,
            left=left,
            left_count=counts[facility, currency, left],
            left_amount=amounts[facility, currency, left],
            right=right,
            right_count=counts[facility, currency, right],
            right_amount=amounts[facility, currency, right],
        )
        for facility in sorted({one.facility for one in tallies})
        for name, left, right in _MILESTONES
        for currency in sorted(
            {known for place, known, book in list(counts) if place == facility and book in (left, right)}
        )
    ]
