"""The month-end close as people do it: begin, see how far it is, sign, go on, reopen."""

import hashlib
from collections.abc import Sequence
from datetime import date

import msgspec

from suture.canonical.events import Event, PeriodFrozen, PeriodReopened, PeriodSigned
from suture.catalogue.days import Days
from suture.core.ids import fact_id
from suture.operate import hands, process_commands
from suture.operate.actor import Actor, NotPossible
from suture.operate.context import CommandContext
from suture.processes.definitions.month_end_close import DEFINITION, correlation_of
from suture.store import discrepancies, exceptions, ledger_snapshot, periods
from suture.store import steering as process_store
from suture.store.database import Connection
from suture.store.discrepancies import Summary
from suture.store.exceptions import OpenException
from suture.store.ledger_snapshot import DailyTotals
from suture.store.periods import Period, first_of, last_of
from suture.store.steering import ProcessDetail

SIGNING = ("signed", "countersigned")
"""The steps at which a close waits for a person's signature."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
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
        return next((step.name for step in DEFINITION.steps if step.name not in done), "")


async def start(desk: CommandContext, actor: Actor, month: str) -> int:
    """Freeze a month and begin its close; answers the round. Raises `NotPossible` where it isn't over or open."""
    last = _month(month)[1]
    if last > Days(desk.catalogue).everywhere_over(desk.clock.now()):
        raise NotPossible(f"{month} is not over: it ends on {last}")
    async with desk.database.transaction() as connection:
        now = await actor.sign(connection, desk, "period.freeze", _subject(month))
        number = await periods.freeze(connection, month, actor.name, now)
        if number is None:
            known = await _period(connection, month)
            raise NotPossible(f"{month} is {known.state} already; `suture close status {month}` shows how far it is")
        frozen = PeriodFrozen(month=month, round=number, by=actor.name)
        await desk.recorder.record(connection, [_event(desk, "frozen", frozen, number)])
    return number


async def status(desk: CommandContext, month: str) -> Status:
    """Raises `NotPossible` where its close never began."""
    first, last = _month(month)
    async with desk.database.connection() as connection:
        period = await _period(connection, month)
        process = await process_store.one(connection, _key(period))
        troubles = await exceptions.of_subjects(connection, [_subject(month)])
        summary = await discrepancies.summary(connection, first, last)
    return Status(
        period=period,
        process=process,
        troubles=[one for one in troubles if one.state == "open"],
        open=summary,
    )


async def months(desk: CommandContext) -> list[Period]:
    """The months whose close was ever begun, the newest first."""
    async with desk.database.connection() as connection:
        return await periods.newest(connection)


async def sign(desk: CommandContext, actor: Actor, month: str, digest: str = "") -> int:
    """Stand for a month's figures; answers how many have. Raises `NotPossible` where it isn't complete yet, for one who
    has signed (two different people sign), and for one who isn't signed in. `digest` is that of the figures one saw:
    the trail keeps which they were, and nobody signs others than they saw."""
    actor.check(desk, "period.sign")
    told = await status(desk, month)
    if told.stage not in SIGNING:
        raise NotPossible(_not_ready(told))
    if any(signature.by == actor.name for signature in told.period.signatures):
        raise NotPossible(f"{actor.name} has signed {month} already: another person signs beside")
    async with desk.database.transaction() as connection:
        for signature in told.period.signatures:
            await hands.apart(connection, signature.by, actor.name)
        stand = digest_of(await ledger_snapshot.daily_totals(connection, *_month(month)))
        if digest and digest != stand:
            raise NotPossible(f"the figures of {month} changed since you looked at them: look again, then sign")
        detail = {"round": told.period.round, "digest": stand}
        now = await actor.sign(connection, desk, "period.sign", _subject(month), detail)
        count = await periods.sign(connection, month, actor.name, now)
        if count is None:
            raise NotPossible(f"somebody was faster: `suture close status {month}` shows who signed")
        fact = PeriodSigned(month=month, round=told.period.round, by=actor.name)
        name = SIGNING[count - 1]
        await desk.recorder.record(connection, [_event(desk, name, fact, told.period.round)])
    return count


async def resume(desk: CommandContext, actor: Actor, month: str) -> str:
    """Have a close that stopped go on; answers its process."""
    told = await status(desk, month)
    key = _key(told.period)
    steered = await process_commands.resume(desk, actor, [key])
    if steered.refused:
        raise NotPossible(f"the close of {month} does not wait for that: {steered.refused[0][1]}")
    return key


async def reopen(desk: CommandContext, actor: Actor, month: str) -> int:
    """Open a month again, with a reason: what was signed is void, and the close begins anew. Answers the round that
    ended."""
    if not actor.reason:
        raise NotPossible("say why: --reason; it stands in the audit trail and in the next report")
    async with desk.database.transaction() as connection:
        await actor.sign(connection, desk, "period.reopen", _subject(month))
        number = await periods.reopen(connection, month)
        if number is None:
            raise NotPossible(f"{month} is open")
        fact = PeriodReopened(month=month, round=number, by=actor.name)
        await desk.recorder.record(connection, [_event(desk, "reopened", fact, number)])
    return number


def digest_of(tallies: Sequence[DailyTotals]) -> str:
    """Over the hashes of every day, side and facility: the same figures have the same digest."""
    told = sorted(f"{one.book}|{one.day}|{one.facility}|{one.count}|{one.amount}|{one.hash}" for one in tallies)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _not_ready(told: Status) -> str:
    month, state = told.period.month, told.period.state
    if state != "frozen":
        return f"{month} is {state}: there is nothing to sign"
    return f"{month} is not ready to be signed: it is at {told.stage}; `suture close status {month}` says more"


def _month(month: str) -> tuple[date, date]:
    try:
        return first_of(month), last_of(month)
    except ValueError as error:
        raise NotPossible(f"{month!r} is no month; write it like 2026-10") from error


async def _period(connection: Connection, month: str) -> Period:
    found = await periods.one(connection, month)
    if found is None:
        raise NotPossible(f"the close of {month} was never begun: `suture close start {month}`")
    return found


def _key(period: Period) -> str:
    return f"{DEFINITION.name}:{period.month}-{period.round}"


def _subject(month: str) -> str:
    return f"Period/{month}"


def _event(desk: CommandContext, fact: str, data: PeriodFrozen | PeriodSigned | PeriodReopened, number: int) -> Event:
    now = desk.clock.now()
    event_type = f"suture.period.{fact}.v1"
    return Event(
        id=fact_id(event_type, data.month, str(number)),
        type=event_type,
        source="suture/close",
        subject=_subject(data.month),
        organisation=desk.catalogue.organisation.id,
        facility=None,
        occurred_at=now,
        recorded_at=now,
        correlation_id=correlation_of(data.month, number),
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
