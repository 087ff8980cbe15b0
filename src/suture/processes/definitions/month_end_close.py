"""From a frozen month to a closed one.

    reconcile -> await the run -> complete -> accrue -> await two signatures -> check the locks -> close

Keyed by the month and the round of its close: a month that is reopened is closed again in another. From the freeze on,
what comes late is dated in the next open month (`store.periods.Calendar`), so that the figures stand still while people
look at them.
"""

from datetime import date, timedelta

import msgspec

from suture.canonical.events import PeriodClosed, PeriodFrozen
from suture.canonical.routing import Route
from suture.connectors.port import UnbilledAccrual, UnbilledLine, UnbilledOrder
from suture.core.failure import Rejected, Retriable
from suture.core.money import Money, total
from suture.engine.definition import AwaitEvent, Definition, Step
from suture.engine.run import Outcome, Run
from suture.processes.closing import Work
from suture.processes.toolbox import Toolbox
from suture.store.periods import first_of, last_of

CloseRun = Run[PeriodFrozen]

_SIGNED_WITHIN = timedelta(days=60)


class Accrued(msgspec.Struct, frozen=True, kw_only=True):
    """What of the month's work was completed and not billed: accrued on its last day, reversed on the next."""

    entries: tuple[UnbilledAccrual, ...] = ()
    work: tuple[Work, ...] = ()
    unpriced: tuple[str, ...] = ()
    amount: Money


class Requested(msgspec.Struct, frozen=True):
    run: int


def correlation_of(month: str, round_: int) -> str:
    """The journey of a month's close."""
    return f"period-{month}-{round_}"


async def ask_for_reconciliation(run: CloseRun, tools: Toolbox) -> Outcome:
    frozen = run.input
    number = await tools.closing.request_reconciliation(
        *_days(run), by=frozen.by, correlation_id=correlation_of(frozen.month, frozen.round)
    )
    return Outcome(Requested(number))


async def check_completeness(run: CloseRun, tools: Toolbox) -> Outcome:
    """Every difference in the month is repaired, or accepted with a reason, and nothing of it is on its way."""
    first, last = _days(run)
    moving = await tools.closing.on_their_way(first, last)
    if moving:
        raise Retriable(
            "period_moving",
            f"{moving} processes of {run.input.month} are still on their way",
            "Wait for them, or see what delays them: `suture processes list --state parked`.",
            not_before=timedelta(seconds=2),
        )
    left = await tools.closing.open_discrepancies(first, last)
    if left:
        count = sum(one.count for one in left)
        money = total((Money(one.money, tools.closing.currency) for one in left), tools.closing.currency)
        raise Rejected(
            "period_incomplete",
            f"{count} discrepancies over {money} are open in {run.input.month}",
            f"Repair them, or accept them with a reason: `suture reconcile list --since {first} --until {last}`; then "
            f"`suture close resume {run.input.month}`.",
        )
    return Outcome()


async def accrue_unbilled(run: CloseRun, tools: Toolbox) -> Outcome:
    """Work that is completed and not billed is income of its month. What an earlier round accrued is taken back
    first."""
    frozen, (first, last) = run.input, _days(run)
    unbilled = await tools.closing.unbilled(first, last)
    entries = []
    for company in tools.catalogue.companies():
        ledger = tools.ledger.of_company(company)
        if frozen.round > 1:
            await ledger.undo_unbilled(_key(frozen.month, frozen.round - 1), last)
        ours = [one for one in unbilled.work if tools.catalogue.company_of(one.facility) == company]
        lines = [await _line(one, tools) for one in ours]
        if lines:
            order = UnbilledOrder(period=_key(frozen.month, frozen.round), on=last, lines=tuple(lines))
            entries.append(await ledger.accrue_unbilled(order))
    accrued = Accrued(
        entries=tuple(entries),
        work=unbilled.work,
        unpriced=unbilled.unpriced,
        amount=total((entry.amount for entry in entries), tools.closing.currency),
    )
    return Outcome(accrued)


async def check_locks(run: CloseRun, tools: Toolbox) -> Outcome:
    """Nobody can post into the month any more: the ledger itself sees to that from here on."""
    last, called = _days(run)[1], tools.catalogue.label("ledger")
    for company in tools.catalogue.companies():
        ledger = tools.ledger.of_company(company)
        locked = await ledger.locked_until()
        if locked is None or locked < last:
            until = f"is locked until {locked}" if locked else "has no locked period"
            raise Rejected(
                "period_not_locked",
                f"{called}{f' ({company})' if company else ''} {until}, and {run.input.month} ends on {last}",
                f"{ledger.how_to_lock(last)}; then `suture close resume {run.input.month}`.",
            )
    return Outcome()


async def close(run: CloseRun, tools: Toolbox) -> Outcome:
    accrued = run.result("accrue_unbilled", Accrued)
    await tools.closing.close(run.input.month, accrued)
    fact = PeriodClosed(month=run.input.month, round=run.input.round, accrued=accrued.amount)
    return Outcome(facts=(("suture.period.closed.v1", fact),))


DEFINITION = Definition(
    name="month_end_close",
    version=1,
    input=PeriodFrozen,
    steps=(
        Step("ask_for_reconciliation", ask_for_reconciliation, role="ledger"),
        AwaitEvent("reconciled", "suture.reconciliation.finished.v1", role="ledger"),
        Step("check_completeness", check_completeness, role="ledger"),
        Step("accrue_unbilled", accrue_unbilled, changes=True, role="ledger"),
        AwaitEvent("signed", "suture.period.signed.v1", deadline=_SIGNED_WITHIN, role="ledger"),
        AwaitEvent("countersigned", "suture.period.countersigned.v1", deadline=_SIGNED_WITHIN, role="ledger"),
        Step("check_locks", check_locks, role="ledger"),
        Step("close", close, role="ledger"),
    ),
)


def _process_key(told: PeriodFrozen) -> str:
    return f"{told.month}-{told.round}"


ROUTES = (
    Route(
        type="suture.period.frozen.v1",
        action="start",
        definition=DEFINITION.name,
        version=DEFINITION.version,
        key=_process_key,
        input=lambda frozen: frozen,
    ),
    Route(
        type="suture.period.reopened.v1",
        action="cancel",
        definition=DEFINITION.name,
        version=DEFINITION.version,
        key=_process_key,
    ),
)


def _days(run: CloseRun) -> tuple[date, date]:
    return first_of(run.input.month), last_of(run.input.month)


def _key(month: str, round_: int) -> str:
    """The accrual's key in the ledger."""
    return month if round_ == 1 else f"{month} {round_}"


async def _line(one: Work, tools: Toolbox) -> UnbilledLine:
    return UnbilledLine(
        facility=one.facility,
        practitioner=one.practitioner,
        practitioner_name=(await tools.practitioner(one.practitioner)).name,
        amount=one.amount,
    )
