"""The month-end close as people do it: begin, sign, go on, reopen."""

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.canonical.events import Event, PeriodFrozen, PeriodReopened, PeriodSigned
from suture.catalogue.days import Days
from suture.commands import hands, process_commands
from suture.core.ids import fact_id
from suture.processes.definitions.month_end_close import correlation_of
from suture.store import ledger_snapshot, periods
from suture.views.month_close import CloseStatus, digest_of, month_of, period_of, process_key, status, subject_of

SIGNING = ("signed", "countersigned")
"""The steps at which a close waits for a person's signature."""


async def start(context: CommandContext, actor: Actor, month: str) -> int:
    """Freeze a month and begin its close; answers the round. Raises `NotPossible` where it isn't over or open."""
    last = month_of(month)[1]
    if last > Days(context.catalogue).everywhere_over(context.clock.now()):
        raise NotPossible(f"{month} is not over: it ends on {last}")
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "period.freeze", subject_of(month))
        number = await periods.freeze(connection, month, actor.name, now)
        if number is None:
            known = await period_of(connection, month)
            raise NotPossible(f"{month} is {known.state} already; `suture close status {month}` shows how far it is")
        frozen = PeriodFrozen(month=month, round=number, by=actor.name)
        await context.recorder.record(connection, [_event(context, "frozen", frozen, number)])
    return number


async def sign(context: CommandContext, actor: Actor, month: str, digest: str = "") -> int:
    """Stand for a month's figures; answers how many have. Raises `NotPossible` where it isn't complete yet, for one who
    has signed (two different people sign), and for one who isn't signed in. `digest` is that of the figures one saw:
    the trail keeps which they were, and nobody signs others than they saw."""
    actor.check(context, "period.sign")
    told = await status(context, month)
    if told.stage not in SIGNING:
        raise NotPossible(_not_ready(told))
    if any(signature.by == actor.name for signature in told.period.signatures):
        raise NotPossible(f"{actor.name} has signed {month} already: another person signs beside")
    async with context.database.transaction() as connection:
        for signature in told.period.signatures:
            await hands.apart(connection, signature.by, actor.name)
        stand = digest_of(await ledger_snapshot.daily_totals(connection, *month_of(month)))
        if digest and digest != stand:
            raise NotPossible(f"the figures of {month} changed since you looked at them: look again, then sign")
        detail = {"round": told.period.round, "digest": stand}
        now = await actor.sign(connection, context, "period.sign", subject_of(month), detail)
        count = await periods.sign(connection, month, actor.name, now)
        if count is None:
            raise NotPossible(f"somebody was faster: `suture close status {month}` shows who signed")
        fact = PeriodSigned(month=month, round=told.period.round, by=actor.name)
        name = SIGNING[count - 1]
        await context.recorder.record(connection, [_event(context, name, fact, told.period.round)])
    return count


async def resume(context: CommandContext, actor: Actor, month: str) -> str:
    """Have a close that stopped go on; answers its process."""
    told = await status(context, month)
    key = process_key(told.period)
    steered = await process_commands.resume(context, actor, [key])
    if steered.refused:
        raise NotPossible(f"the close of {month} does not wait for that: {steered.refused[0][1]}")
    return key


async def reopen(context: CommandContext, actor: Actor, month: str) -> int:
    """Open a month again, with a reason: what was signed is void, and the close begins anew. Answers the round that
    ended."""
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "period.reopen", subject_of(month))
        number = await periods.reopen(connection, month)
        if number is None:
            raise NotPossible(f"{month} is open")
        fact = PeriodReopened(month=month, round=number, by=actor.name)
        await context.recorder.record(connection, [_event(context, "reopened", fact, number)])
    return number


def _not_ready(told: CloseStatus) -> str:
    month, state = told.period.month, told.period.state
    if state != "frozen":
        return f"{month} is {state}: there is nothing to sign"
    return f"{month} is not ready to be signed: it is at {told.stage}; `suture close status {month}` says more"


def _event(
    context: CommandContext, fact: str, data: PeriodFrozen | PeriodSigned | PeriodReopened, number: int
) -> Event:
    now = context.clock.now()
    event_type = f"suture.period.{fact}.v1"
    return Event(
        id=fact_id(event_type, data.month, str(number)),
        type=event_type,
        source="suture/close",
        subject=subject_of(data.month),
        organisation=context.catalogue.organisation.id,
        facility=None,
        occurred_at=now,
        recorded_at=now,
        correlation_id=correlation_of(data.month, number),
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
