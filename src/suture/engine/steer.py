"""What an event or a person does to a process: one command, one process before, one after. Pure.

None is the answer where the process does not do as told: it has ended, say, or a worker has it in hand. What a worker
does with a process that it has in hand is decided in `decide`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from suture.canonical.routing import ProcessEffect
from suture.engine.definition import ApprovalVerdict
from suture.engine.process import ENDED, NEVER, Process, StepRecord

_replace = msgspec.structs.replace
_AT_REST = frozenset({"done", "stuck", "waiting", "parked"})


class Cancel(msgspec.Struct, frozen=True):
    """What it was begun for was taken back: what it did is undone. A worker that has it hears of it at its next
    checkpoint."""

    at: datetime


class Signal(msgspec.Struct, frozen=True):
    """What it awaits has come."""

    at: datetime


class Release(msgspec.Struct, frozen=True):
    """The gate that it was suspended at lets it pass."""

    at: datetime


class Resume(msgspec.Struct, frozen=True):
    """Go on from the step it stopped at, in the direction it was going. The try counts as the second: what succeeds
    after trouble closes its exception."""

    at: datetime


class End(msgspec.Struct, frozen=True):
    """End where it stands; nothing is undone."""

    at: datetime


class Compensate(msgspec.Struct, frozen=True):
    """Undo, in reverse, what it did."""

    at: datetime


class RedoSteps(msgspec.Struct, frozen=True):
    """Do these steps of a process that is done again: an outside system lost what they did."""

    steps: tuple[str, ...]
    at: datetime


class BeginAnew(msgspec.Struct, frozen=True):
    """Begin at the first step by another input: what was told before was put right by its source."""

    input: str
    causation_id: UUID
    version: int
    at: datetime


class Correct(msgspec.Struct, frozen=True):
    """Put another input under a process that is stuck on its way forward; it begins at its first step once it goes
    on."""

    input: str


class Decide(msgspec.Struct, frozen=True):
    """Somebody decided an approval that the process waits for."""

    step: str
    approved: bool
    verdict: ApprovalVerdict


SteerCommand = Cancel | Signal | Release | Resume | End | Compensate | RedoSteps | BeginAnew | Correct | Decide


def steer(process: Process, command: SteerCommand) -> Process | None:
    """The process after the command; None where it does not obey. Whether it may is said here and nowhere else."""
    if not process.released and not isinstance(command, Cancel):
        return None
    return _OBEY[type(command)](process, command)


def started(effect: ProcessEffect) -> Process:
    """The process that an event starts."""
    event, route = effect.event, effect.route
    return Process(
        key=effect.key,
        definition=route.definition,
        version=route.version,
        subject=event.subject,
        correlation_id=event.correlation_id,
        causation_id=event.id,
        facility=event.facility,
        input=effect.input,
        due_at=event.recorded_at,
        started_at=event.recorded_at,
    )


def begin_anew(effect: ProcessEffect) -> BeginAnew:
    """What an event tells a process that it had started before."""
    event = effect.event
    return BeginAnew(effect.input, event.id, effect.route.version, event.recorded_at)


def may_begin_anew(process: Process, effects: frozenset[str]) -> bool:
    """Whether nobody works on a process, and none of its steps changed something outside."""
    touched = {step for step, record in process.journal.items() if record.state not in ("skipped", "refused")}
    return bool(effects) and process.released and not process.in_doubt and not touched & effects


def was_taken_back(process: Process) -> bool:
    """Whether a process was ended or undone, or is about to be."""
    return process.cancel_requested or process.undoing or process.state == "cancelled"


def _cancelled(process: Process, command: Cancel) -> Process | None:
    if process.cancel_requested or process.state == "cancelled":
        return None
    if process.released and process.state in _AT_REST:
        return _turned_round(process, command.at)
    return _replace(process, cancel_requested=True, held_by=None)


def _signalled(process: Process, command: Signal) -> Process | None:
    return _replace(process, state="running", due_at=command.at) if process.state == "waiting" else None


def _compensated(process: Process, command: Compensate) -> Process | None:
    if process.undoing or process.state in ENDED - {"done"}:
        return None
    return _turned_round(process, command.at)


def _corrected(process: Process, command: Correct) -> Process | None:
    if process.state != "stuck" or process.undoing:
        return None
    return _replace(process, input=command.input, round=process.round + 1, journal=process.kept())


def _turned_round(process: Process, at: datetime) -> Process:
    return _replace(
        process,
        state="compensating",
        cancel_requested=True,
        undoing=True,
        attempt=0,
        failing_since=None,
        awaits=None,
        held_by=None,
        due_at=at,
    )


def _let_pass(process: Process, command: Release) -> Process | None:
    if process.state != "parked":
        return None
    back = process.undoing or process.cancel_requested
    return _replace(process, state="compensating" if back else "running", held_by=None, due_at=command.at)


def _resumed(process: Process, command: Resume) -> Process | None:
    if process.state not in ("stuck", "running", "compensating"):
        return None
    state = "compensating" if process.undoing else "running"
    return _replace(process, state=state, attempt=1, failing_since=None, due_at=command.at, held_by=None)


def _ended(process: Process, command: End) -> Process | None:
    if process.state in ENDED:
        return None
    return _replace(
        process,
        state="cancelled",
        fence=process.fence + 1,
        awaits=None,
        held_by=None,
        finished_at=command.at,
        due_at=command.at,
    )


def _redone(process: Process, command: RedoSteps) -> Process | None:
    if process.state != "done" or process.undoing:
        return None
    return _replace(
        _as_new(process, command.at),
        journal={name: record for name, record in process.journal.items() if name not in command.steps},
    )


def _begun_anew(process: Process, command: BeginAnew) -> Process:
    return _replace(
        _as_new(process, command.at),
        input=command.input,
        causation_id=command.causation_id,
        version=command.version,
        journal=process.kept(),
        cancel_requested=False,
        undoing=False,
        fence=process.fence + 1,
    )


def _as_new(process: Process, at: datetime) -> Process:
    return _replace(
        process,
        state="running",
        step="",
        attempt=0,
        failing_since=None,
        awaits=None,
        held_by=None,
        finished_at=None,
        due_at=at,
        round=process.round + 1,
    )


def _decided(process: Process, command: Decide) -> Process | None:
    if process.state != "waiting" or process.state_of(command.step) != "waiting":
        return None
    verdict, at = command.verdict, command.verdict.at
    state = "done" if command.approved else "refused"
    record = StepRecord(state=state, at=at, result=msgspec.Raw(msgspec.json.encode(verdict)))
    process = process.noting({command.step: record})
    if not command.approved:
        return _turned_round(process, at)
    escalated = process.due_at == NEVER  # it has an exception then, which is closed by what succeeds next
    return _replace(process, state="running", awaits=None, due_at=at, attempt=1 if escalated else process.attempt)


_OBEY: dict[type[SteerCommand], Callable[[Process, Any], Process | None]] = {
    Cancel: _cancelled,
    Signal: _signalled,
    Release: _let_pass,
    Resume: _resumed,
    End: _ended,
    Compensate: _compensated,
    RedoSteps: _redone,
    BeginAnew: _begun_anew,
    Correct: _corrected,
    Decide: _decided,
}
