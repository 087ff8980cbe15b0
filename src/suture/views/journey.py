"""One appointment's whole journey: raw deliveries, events, process steps, exceptions and where it stands."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from suture.engine.process import StepRecord
from suture.processes.definitions import DEFINITIONS
from suture.store import events, exceptions, journeys, processes
from suture.store.database import Database
from suture.store.events import RecordedEvent
from suture.store.exceptions import OpenException
from suture.store.journeys import DeliveryView, JourneyRow
from suture.store.processes import ProcessView
from suture.store.steering import ProcessDetail

_STEPS = {definition.name: [step.name for step in definition.leaves()] for definition in DEFINITIONS}
_UNDER_WAY = {"running", "waiting", "parked", "stuck", "compensating"}


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a process, done or not.

    `state` is the journal's (``done``, ``skipped``, ``undone``); for the step that is its process's next, the
    process's own (``running``, ``waiting``, ``stuck``, ``compensating``); else ``ahead``, or ``never`` where the
    process ended without it. `seconds` is how long its last try took.
    """

    process: str
    name: str
    state: str
    at: datetime | None = None
    attempts: int = 0
    seconds: float = 0.0


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything Suture knows of one appointment. `row` is None until the projection has seen it."""

    appointment: str
    row: JourneyRow | None
    deliveries: list[DeliveryView]
    events: list[RecordedEvent]
    processes: list[ProcessView]
    exceptions: list[OpenException]


async def journey_of(database: Database, appointment: str) -> Journey | None:
    """The journey of an appointment, or None where nothing was ever heard of it."""
    if not appointment.isprintable():  # no id is, and Postgres refuses some that aren't
        return None
    async with database.connection() as connection:
        recorded = await events.of_journey(connection, appointment)
        if not recorded:
            return None
        causes = [event.causation_id for event in recorded if event.causation_id is not None]
        return Journey(
            appointment=appointment,
            row=await journeys.one(connection, appointment),
            deliveries=await journeys.deliveries(connection, causes),
            events=recorded,
            processes=await processes.of_journey(connection, appointment),
            exceptions=await exceptions.of_subjects(connection, sorted({event.subject for event in recorded})),
        )


async def appointments_like(database: Database, prefix: str, most: int = 20) -> list[str]:
    """Appointments whose id starts so: what someone may have meant who typed a part of it."""
    async with database.connection() as connection:
        return await journeys.starting_with(connection, prefix, most)


def in_order(process: ProcessView | ProcessDetail) -> list[tuple[str, StepRecord]]:
    """What a process's journal holds, in the order of its definition; what that has no more stands last. (The journal
    itself keeps no order.)"""
    return [(name, process.journal[name]) for name in _names(process) if name in process.journal]


def _names(process: ProcessView | ProcessDetail) -> list[str]:
    defined = _STEPS.get(process.definition, [])
    return [*defined, *sorted(process.journal.keys() - set(defined), key=lambda name: process.journal[name].at)]


def steps_of(process: ProcessView) -> list[StepView]:
    """A process's steps in the order of its definition; those that only its journal knows stand last."""
    return list(_steps(process))


def _steps(process: ProcessView) -> Iterator[StepView]:
    current = _current(process, _STEPS.get(process.definition, []))
    for name in _names(process):
        record = process.journal.get(name)
        if name == current:
            attempts = process.attempt or (record.attempts if record else 0)
            yield StepView(process=process.key, name=name, state=process.state, attempts=attempts)
        elif record is None:
            state = "ahead" if process.state in _UNDER_WAY else "never"
            yield StepView(process=process.key, name=name, state=state)
        else:
            yield _settled(process, name, record)


def _current(process: ProcessView, defined: list[str]) -> str | None:
    """The step that the process is at: the one that was tried and is not done, else the first not in the journal."""
    if process.state not in _UNDER_WAY:
        return None
    if process.attempt:
        return process.step or None
    undoing = process.state == "compensating"
    return None if undoing else next((name for name in defined if name not in process.journal), None)


def _settled(process: ProcessView, name: str, record: StepRecord) -> StepView:
    return StepView(
        process=process.key,
        name=name,
        state=record.state,
        at=record.at,
        attempts=record.attempts,
        seconds=record.seconds,
    )
