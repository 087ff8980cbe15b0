"""Runs one claimed process, step by step, and writes a checkpoint after each.

A step that was done is never run again; one that may have been begun is run again, and its connector looks first.
A failure's type says what follows: try again later, look and try again, or ask a person.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from suture.canonical.events import EVENT_TYPES, Event, ExceptionRaised
from suture.canonical.routing import awaiting
from suture.catalogue.model import Retry
from suture.core.clock import Clock
from suture.core.failure import Failure, Fatal, Rejected, Retriable, Unknown
from suture.core.ids import fact_id
from suture.processes.definition import AwaitEvent, Definition, Step
from suture.processes.run import Outcome, Run
from suture.store.database import DATABASE_AWAY
from suture.store.exceptions import Trouble
from suture.store.processes import Checkpoint, Claim, Journal, ProcessStore, Saved, StepRecord

log = structlog.get_logger()

_FATAL_PAUSE = timedelta(seconds=60)
_LONGEST_RECHECK = timedelta(minutes=1)
_MOST_DOUBLINGS = 20


class LeaseLost(Exception):
    """Another worker has this process now; ours has nothing more to say."""


class Responsibility(msgspec.Struct, frozen=True):
    """Who answers for a system's failures, and how long its steps are tried."""

    owner: str
    interface: str
    retry: Retry


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of a worker shares. `toolbox` is handed to each step; `jitter` answers in [0, 1).

    `find` answers an event's data by (correlation id, type), None where it wasn't recorded yet.
    """

    find: Callable[[tuple[str, str]], Awaitable[bytes | None]]
    store: ProcessStore
    toolbox: Any
    responsible: Callable[[str | None], Responsibility]
    organisation: str
    clock: Clock
    jitter: Callable[[], float]


class Advance:
    """One claimed process on its way. `run` returns when it ended, waits, will be retried or needs a person."""

    def __init__(self, claim: Claim, definition: Definition[Any] | None, setting: Setting) -> None:
        self._claim = claim
        self._definition = definition
        self._setting = setting
        self._state = claim.state
        self._attempt = claim.attempt
        self._journal: Journal = dict(claim.journal)
        self._unsaved: Journal = {}
        self._due_at: datetime | None = None
        self._in_doubt = claim.in_doubt
        self._settling = False

    async def run(self) -> datetime | None:
        """Answers when the process is due again, None where it ended or stopped.

        Raises `LeaseLost` when another worker has the process, and what the database raises when it is away.
        """
        if self._definition is None:
            await self._ask_a_person(self._claim.step, None, _unknown_definition(self._claim))
            return None
        going_on = True
        while going_on:
            step = self._next_undo() if self._state == "compensating" else self._next_do()
            going_on = await (self._end() if step is None else self._guarded(step))
        return self._due_at

    def _next_do(self) -> Step | AwaitEvent | None:
        """The first step that has no outcome yet."""
        return next((step for step in self._steps if not self._has_outcome(step)), None)

    def _has_outcome(self, step: Step | AwaitEvent) -> bool:
        record = self._journal.get(step.name)
        return record is not None and record.state != "begun"

    def _next_undo(self) -> Step | None:
        """The last step that was done and can be undone.

        First of all the step that was begun and whose outcome is unknown: it is done to its end, which is safe by its
        business key, so that what it did is known and can be undone.
        """
        begun = self._next_do()
        if isinstance(begun, Step) and begun.undo is not None and (self._in_doubt or begun.name in self._journal):
            self._settling = True
            return begun
        for step in reversed(self._steps):
            record = self._journal.get(step.name)
            if isinstance(step, Step) and step.undo is not None and record is not None and record.state == "done":
                return step
        return None

    async def _guarded(self, step: Step | AwaitEvent) -> bool:
        """`_perform`, where a bug (in the step, its condition or what it answers) stops this process and no other."""
        try:
            return await self._perform(step)
        except (LeaseLost, *DATABASE_AWAY):
            raise
        except Exception as error:
            log.error("step_broke", process=self._claim.key, step=step.name, error_type=type(error).__name__)
            return await self._ask_a_person(step.name, step.system, _broken(step.name, error))

    async def _perform(self, step: Step | AwaitEvent) -> bool:
        """Do (or undo) one step and write its checkpoint. False: nothing more to do for now."""
        begun = self._setting.clock.now()
        if not self._applies(step):
            self._note(step.name, StepRecord(state="skipped", at=begun, attempts=0))
            return True
        try:
            outcome = await self._act(step)
        except (Retriable, Unknown, Fatal) as failure:
            return await self._retry_later(step, failure)
        except Rejected as failure:
            if not self._settling:
                return await self._ask_a_person(step.name, step.system, failure)
            return self._settled_as_not_done(step, begun)
        except DATABASE_AWAY as error:
            return await self._retry_later(step, _cut_off(step.name, error))
        if outcome is not None:
            await self._record(step, outcome, begun)
        return outcome is not None

    def _settled_as_not_done(self, step: Step | AwaitEvent, at: datetime) -> bool:
        """A step whose outcome was unknown did not happen, so there is nothing of it to undo."""
        self._settling = self._in_doubt = False
        self._note(step.name, StepRecord(state="skipped", at=at, attempts=self._attempt + 1))
        return True

    def _applies(self, step: Step | AwaitEvent) -> bool:
        """Whether a step's condition holds; what was done is undone whatever its condition says by then."""
        if isinstance(step, AwaitEvent) or step.when is None or self._undoing:
            return True
        return step.when(self._as_seen(), self._setting.toolbox)

    async def _act(self, step: Step | AwaitEvent) -> Outcome | None:
        """What the step answers, or None where it waits."""
        if isinstance(step, AwaitEvent):
            return await self._await_event(step)
        act = step.undo if self._undoing else step.do
        if act is None:
            raise TypeError(f"{step.name} has nothing to do")
        return await act(self._as_seen(), self._setting.toolbox)

    async def _record(self, step: Step | AwaitEvent, outcome: Outcome, begun: datetime) -> None:
        now = self._setting.clock.now()
        undoing = self._undoing
        self._settling = self._in_doubt = False
        self._note(
            step.name,
            StepRecord(
                state="undone" if undoing else "done",
                at=now,
                attempts=self._attempt + 1,
                result=msgspec.Raw(msgspec.json.encode(outcome.result)),
                seconds=round((now - begun).total_seconds(), 4),
            ),
        )
        name = f"{step.name}:undo" if undoing else step.name
        facts = tuple(self._event(name, event_type, data) for event_type, data in outcome.facts)
        troubled, self._attempt = self._attempt > 0, 0
        saved = await self._save(step=step.name, events=facts, resolves=troubled)
        if saved.cancel_requested:
            self._state = "compensating"

    async def _await_event(self, step: AwaitEvent) -> Outcome | None:
        correlation = self._claim.correlation_id
        data = await self._setting.find((correlation, step.type))
        if data is not None:
            return Outcome(msgspec.json.decode(data, type=EVENT_TYPES[step.type]))
        if self._setting.clock.now() - self._claim.started_at > step.deadline:
            raise Rejected(
                "event_never_came",
                f"{step.type} was awaited for {step.deadline.days} days",
                "Find out why it never came: an unknown or cancelled appointment, or one that is stuck itself.",
            )
        await self._save(
            step=step.name,
            state="waiting",
            awaits=awaiting(step.type, correlation),
            due_at=self._setting.clock.now()
            + min(step.recheck * 2 ** min(self._attempt, _MOST_DOUBLINGS), _LONGEST_RECHECK),
            attempt=self._attempt + 1,
        )
        return None

    async def _end(self) -> bool:
        """Write the end. True: a cancellation came meanwhile, and there is more to do."""
        ended = "compensated" if self._state == "compensating" else "done"
        saved = await self._save(step="", state=ended, resolves=ended == "compensated")
        self._state = saved.state
        return saved.state == "compensating"

    async def _retry_later(self, step: Step | AwaitEvent, failure: Failure) -> bool:
        """Release the process until the policy's next try. What is wrong with the configuration is shown at once."""
        retry = self._setting.responsible(step.system).retry
        fatal = isinstance(failure, Fatal)
        # A configuration that is wrong for hours must not use up the tries that come after it is mended, nor waiting.
        attempt = max(self._attempt, 1) if fatal else self._attempt + 1
        if attempt >= retry.attempts and not fatal and not isinstance(step, AwaitEvent):
            return await self._ask_a_person(step.name, step.system, failure)
        if isinstance(failure, Unknown) or self._settling:
            self._note(step.name, StepRecord(state="begun", at=self._setting.clock.now(), attempts=attempt))
        wait = max(
            retry.wait(attempt, self._setting.jitter()),
            failure.not_before or timedelta(0),
            _FATAL_PAUSE if fatal else timedelta(0),
        )
        await self._save(
            step=step.name,
            due_at=self._setting.clock.now() + wait,
            attempt=attempt,
            trouble=self._trouble(step.name, step.system, failure) if fatal else None,
        )
        return False

    async def _ask_a_person(self, step: str, system: str | None, failure: Failure) -> bool:
        trouble = self._trouble(step, system, failure)
        data = ExceptionRaised(exception=str(trouble.id), code=trouble.code, reason=trouble.reason)
        raised = self._event(f"{step}:{self._claim.fence}", "suture.exception.raised.v1", data)
        await self._save(step=step, state="stuck", attempt=self._attempt + 1, trouble=trouble, events=(raised,))
        return False

    async def _save(
        self,
        *,
        step: str,
        state: str | None = None,
        attempt: int | None = None,
        awaits: str | None = None,
        due_at: datetime | None = None,
        events: tuple[Event, ...] = (),
        trouble: Trouble | None = None,
        resolves: bool = False,
    ) -> Saved:
        journal, self._unsaved = self._unsaved, {}
        self._due_at = due_at
        saved = await self._setting.store.save(
            Checkpoint(
                key=self._claim.key,
                fence=self._claim.fence,
                state=state or self._state,
                step=step,
                at=self._setting.clock.now(),
                attempt=self._attempt if attempt is None else attempt,
                awaits=awaits,
                due_at=due_at,
                journal=journal,
                events=events,
                trouble=trouble,
                resolves=resolves,
            )
        )
        if not saved.held:
            raise LeaseLost(self._claim.key)
        return saved

    def _note(self, step: str, record: StepRecord) -> None:
        self._journal[step] = self._unsaved[step] = record

    @property
    def _undoing(self) -> bool:
        return self._state == "compensating" and not self._settling

    @property
    def _steps(self) -> tuple[Step | AwaitEvent, ...]:
        return self._definition.steps if self._definition else ()

    def _as_seen(self) -> Run[Any]:
        if self._definition is None:
            raise TypeError("a process without a definition has no steps")
        return Run(self._claim, self._definition.input, self._journal, self._setting.clock.now())

    def _trouble(self, step: str, system: str | None, failure: Failure) -> Trouble:
        responsible = self._setting.responsible(system)
        return Trouble(
            code=failure.code,
            outcome=failure.outcome,
            reason=failure.message,
            remedy=failure.remedy,
            owner=responsible.owner,
            interface=responsible.interface,
            process=self._claim.key,
            step=step,
            subject=self._claim.subject,
        )

    def _event(self, step: str, event_type: str, data: msgspec.Struct) -> Event:
        now = self._setting.clock.now()
        return Event(
            id=fact_id("process", self._claim.key, step, event_type),
            type=event_type,
            source="suture/processes",
            subject=self._claim.subject,
            organisation=self._setting.organisation,
            facility=self._claim.facility,
            occurred_at=now,
            recorded_at=now,
            correlation_id=self._claim.correlation_id,
            causation_id=self._claim.causation_id,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )


def _unknown_definition(claim: Claim) -> Rejected:
    return Rejected(
        "unknown_definition",
        f"no worker here knows the process {claim.definition!r}",
        "Start workers of the version that knows it, or cancel the process.",
    )


def _cut_off(step: str, error: Exception) -> Retriable:
    """The database (or what a connector didn't translate) was away in the midst of a step."""
    return Retriable(
        "connection_lost",
        f"the step {step} lost a connection ({type(error).__name__})",
        "Check that the database is well (`suture doctor`), then retry.",
    )


def _broken(step: str, error: Exception) -> Rejected:
    """An error nobody foresaw. Only its type is told: its text could carry patient data."""
    return Rejected(
        "step_broke",
        f"the step {step} broke with {type(error).__name__}",
        "This is a defect in Suture: report it with the process's key, then retry after the mend.",
    )
