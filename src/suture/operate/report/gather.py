"""Reads what a month's report tells. Nothing of it is typed by hand."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from suture.operate import closing
from suture.operate.closing import Status
from suture.operate.desk import Desk
from suture.processes.definitions.month_end_close import Accrued, correlation_of
from suture.store import audit, discrepancies, exceptions, holdings, reconciliations
from suture.store.audit import Entry
from suture.store.discrepancies import Discrepancy, Selection
from suture.store.exceptions import OpenException
from suture.store.holdings import Tally
from suture.store.periods import first_of, last_of
from suture.store.reconciliations import Reconciliation

_MOST = 2000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A milestone at a facility: how many stand for it on one side and on the other, and what they come to."""

    facility: str
    milestone: str
    left: str
    left_count: int
    left_amount: Decimal
    right: str
    right_count: int
    right_amount: Decimal

    @property
    def agrees(self) -> bool:
        return (self.left_count, self.left_amount) == (self.right_count, self.right_amount)


class CloseReport(msgspec.Struct, frozen=True, kw_only=True):
    """A month's figures. `digest` is over the hashes of every day and side: the same figures have the same digest."""

    organisation: str
    currency: str
    made_at: datetime
    status: Status
    lines: list[Line]
    accrued: Accrued | None
    settled: list[Discrepancy]
    exceptions: list[OpenException]
    run: Reconciliation | None
    acts: list[Entry]
    digest: str


_MILESTONES = (
    ("completed, and told to Suture", "scheduling.appointment", "suture.appointment"),
    ("charged, and invoiced", "billing.charge", "odoo.invoice"),
    ("paid, and applied", "billing.payment", "odoo.payment"),
    ("shares due, and accrued", "suture.share", "odoo.accrual"),
)


async def gather(desk: Desk, month: str) -> CloseReport:
    """Raises `NotPossible` where the month's close was never begun."""
    told, first, last = await closing.status(desk, month), first_of(month), last_of(month)
    async with desk.database.connection() as connection:
        tallies = await holdings.tallies(connection, first, last)
        closed = await discrepancies.select(connection, Selection(state="", first=first, last=last), _MOST)
        waiting = await exceptions.select(connection, exceptions.Selection(), _MOST)
        run = await reconciliations.of_correlation(connection, correlation_of(month, told.period.round))
        acts = await audit.newest(connection, f"Period/{month}")
    return CloseReport(
        organisation=desk.catalogue.organisation.name,
        currency=desk.catalogue.organisation.currency,
        made_at=desk.clock.now(),
        status=told,
        lines=lines(tallies),
        accrued=_accrued(told),
        settled=closed,
        exceptions=[one for one in waiting if not (one.process or "").startswith("month_end_close")],
        run=run,
        acts=acts,
        digest=digest(tallies),
    )


def _accrued(told: Status) -> Accrued | None:
    record = told.process.journal.get("accrue_unbilled") if told.process else None
    return None if record is None else msgspec.json.decode(record.result, type=Accrued)


def lines(tallies: Sequence[Tally]) -> list[Line]:
    """Both sides of each milestone at each facility, by name."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in tallies:
        counts[one.facility, one.book] += one.count
        amounts[one.facility, one.book] += one.amount
    return [
        Line(
            facility=facility,
            milestone=name,
            left=left,
            left_count=counts[facility, left],
            left_amount=amounts[facility, left],
            right=right,
            right_count=counts[facility, right],
            right_amount=amounts[facility, right],
        )
        for facility in sorted({one.facility for one in tallies})
        for name, left, right in _MILESTONES
    ]


def digest(tallies: Sequence[Tally]) -> str:
    told = sorted(f"{one.book}|{one.day}|{one.facility}|{one.count}|{one.amount}|{one.hash}" for one in tallies)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
