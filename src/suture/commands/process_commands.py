"""Processes as people steer them: have them go on, stop them, undo them."""

from collections.abc import Mapping, Sequence

import msgspec

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext, turns
from suture.engine.definition import ApprovalVerdict
from suture.engine.process import Process
from suture.engine.steer import Compensate, Decide, End, RedoSteps, Resume, SteerCommand
from suture.processes.definitions import DEFINITIONS, approval_of
from suture.store import steering
from suture.store.database import Connection
from suture.store.processes import PROCESSES
from suture.store.steering import ProcessRow, ProcessSelection

RATE = 20.0
"""How many processes go on in a second, unless told otherwise."""

EFFECTS = {definition.name: definition.effects for definition in DEFINITIONS}


class Steered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of steering several: those that were, and why others weren't (key, reason)."""

    done: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


async def resume(context: CommandContext, actor: Actor, keys: Sequence[str], rate: float = RATE) -> Steered:
    """Have stopped processes go on from the step they stopped at, in the direction they were going."""
    async with context.database.transaction() as connection:
        times = turns(len(keys), context.clock.now(), rate)
        done = await _steer(connection, {key: Resume(at) for key, at in zip(keys, times, strict=True)})
        await _sign(context, connection, actor, "resume", done)
    because = {
        "done": "it has ended",
        "waiting": "it waits for an event",
        "parked": "it is parked and goes on by itself; `suture interfaces` says what it waits for",
    }
    return await _steered(context, keys, done, because)


async def cancel(context: CommandContext, actor: Actor, keys: Sequence[str]) -> Steered:
    """End processes where they stand. What they wrote stays written: that was settled by hand."""
    async with context.database.transaction() as connection:
        done = await _steer(connection, dict.fromkeys(keys, End(context.clock.now())))
        await _sign(context, connection, actor, "cancel", done)
        await context.recorder.resolve(connection, sorted(done), context.clock.now(), by=actor.name)
    return await _steered(context, keys, done, {"done": "it has ended; `suture processes compensate` undoes it"})


async def compensate(context: CommandContext, actor: Actor, keys: Sequence[str]) -> Steered:
    """Have processes undo, in reverse, all they did."""
    async with context.database.transaction() as connection:
        done = await _steer(connection, dict.fromkeys(keys, Compensate(context.clock.now())))
        await _sign(context, connection, actor, "compensate", done)
    return await _steered(
        context, keys, done, {"compensating": "it is being undone", "stuck": "its undo is what is stuck"}
    )


async def redo(context: CommandContext, actor: Actor, key: str, steps: Sequence[str]) -> Steered:
    """Have steps of a process that is done be done again: an outside system lost what they did. One that is stuck goes
    on instead."""
    async with context.database.transaction() as connection:
        done = await _steer(connection, {key: RedoSteps(tuple(steps), context.clock.now())})
        await _sign(context, connection, actor, "redo", done)
    if done:
        return Steered(done=(key,))
    return await resume(context, actor, [key])


async def decide(context: CommandContext, actor: Actor, key: str, step: str, *, approved: bool) -> Process:
    """Decide an approval that a process waits for. Raises `NotPossible` where it waits for none, or not for this
    person's."""
    async with context.database.transaction() as connection:
        asked = [approval_of(process, step) for process in await PROCESSES.query(connection, [key])]
        if not any(one is not None and {one.by, ADMINISTRATOR} & {*actor.roles} for one in asked):
            raise NotPossible(f"{key} waits for no approval {step!r} of yours; `suture processes show` says for what")
        verdict = ApprovalVerdict(by=actor.name, at=context.clock.now(), reason=actor.reason)
        steered = await PROCESSES.steer(connection, [(key, Decide(step, approved, verdict))])
        if not steered:
            raise NotPossible(f"{key} does not wait for {step!r} just now; `suture processes show` says for what")
        await _sign(context, connection, actor, "decide", {key})
        return steered[0]


async def _steer(connection: Connection, commands: Mapping[str, SteerCommand]) -> set[str]:
    return {process.key for process in await PROCESSES.steer(connection, list(commands.items()))}


async def _sign(context: CommandContext, connection: Connection, actor: Actor, act: str, keys: set[str]) -> None:
    actor.check_reason(f"process.{act}")
    for key in sorted(keys):
        await actor.sign(connection, context, f"process.{act}", f"Process/{key}")


async def _steered(context: CommandContext, keys: Sequence[str], done: set[str], because: dict[str, str]) -> Steered:
    """What came of it, with the reason for each that did not do as asked."""
    left = [key for key in keys if key not in done]
    async with context.database.connection() as connection:
        rows = {
            row.key: row for row in await steering.select(connection, ProcessSelection(keys=tuple(left)), len(left))
        }
    refused = tuple((key, _why_not(rows.get(key), because)) for key in left)
    return Steered(done=tuple(key for key in keys if key in done), refused=refused)


def _why_not(row: ProcessRow | None, because: dict[str, str]) -> str:
    if row is None:
        return "there is no such process"
    if not row.released and row.state in ("running", "compensating"):
        return "a worker has it in hand just now; try again in a moment"
    return because.get(row.state) or f"it is {row.state}"
