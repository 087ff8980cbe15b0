"""An engine's store in memory: the reference that the durable one is held to, for tests and dry runs.

One event loop, no awaits inside a change: each method is a transaction by itself. The unit of work is None.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from suture.canonical.events import Event
from suture.canonical.routing import ProcessEffect, Route, awaiting, by_type, effects_of
from suture.engine.decide import Complaint
from suture.engine.port import Checkpoint, Saved
from suture.engine.process import ENDED, Process
from suture.engine.steer import (
    Cancel,
    Signal,
    SteerCommand,
    begin_anew,
    may_begin_anew,
    started,
    steer,
    was_taken_back,
)

_OTHERS_WAIT = timedelta(minutes=10)
_DUE = frozenset({"running", "waiting", "compensating", "stuck"})
_replace = msgspec.structs.replace


class MemoryStore:
    """`port.Store` and `port.Processes` over dictionaries. `events` are what was recorded, in order; `complaints` by
    process and step what people are asked, how often; `on_change` is called when something may have fallen due."""

    def __init__(self, routes: Iterable[Route] = (), on_change: Callable[[], None] = lambda: None) -> None:
        self.processes: dict[str, Process] = {}
        self.events: list[Event] = []
        self.complaints: dict[tuple[str, str], tuple[Complaint, int]] = {}
        self.told_again: list[ProcessEffect] = []
        self._routes = by_type(routes)
        self._on_change = on_change

    # Processes

    async def start(self, unit: None, processes: Sequence[Process]) -> list[Process]:
        there = [self.processes[one.key] for one in processes if one.key in self.processes]
        for one in processes:
            self.processes.setdefault(one.key, one)
        self._on_change()
        return there

    async def steer(self, unit: None, commands: Sequence[tuple[str, SteerCommand]]) -> list[Process]:
        return [
            obeyed for key, command in sorted(commands, key=lambda one: one[0]) if (obeyed := self._obey(key, command))
        ]

    async def signal(self, unit: None, names: Sequence[str], at: datetime) -> int:
        waiting = [one.key for one in self.processes.values() if one.awaits in names]
        return sum(self._obey(key, Signal(at)) is not None for key in waiting)

    async def query(self, unit: None, keys: Sequence[str]) -> list[Process]:
        return [self.processes[key] for key in sorted(keys) if key in self.processes]

    def _obey(self, key: str, command: SteerCommand) -> Process | None:
        before = self.processes.get(key)
        after = steer(before, command) if before is not None else None
        if after is not None:
            self.processes[key] = after
            self._on_change()
        return after

    # Recorded events, and what they set in motion

    async def record(self, events: Sequence[Event]) -> None:
        """Record events; one recorded before is passed over, with all its effects."""
        known = {event.id for event in self.events}
        new = [event for event in events if event.id not in known]
        self.events += new
        effects = effects_of(new, self._routes)
        await self._cancel(effects.before)
        await self._start(effects.starts)
        await self._cancel(effects.after)
        for event in new:
            await self.signal(None, [awaiting(event.type, event.correlation_id)], event.recorded_at)

    async def _cancel(self, effects: Sequence[ProcessEffect]) -> None:
        await self.steer(None, [(effect.key, Cancel(effect.event.recorded_at)) for effect in effects])

    async def _start(self, effects: Sequence[ProcessEffect]) -> None:
        there = {one.key: one for one in await self.start(None, [started(effect) for effect in effects])}
        for effect in effects:
            before = there.get(effect.key)
            if before is None or (effect.is_given(before.input) and not was_taken_back(before)):
                continue
            if may_begin_anew(before, effect.route.effects):
                await self.steer(None, [(effect.key, begin_anew(effect))])
                self._resolve(effect.key)
            else:
                self.told_again.append(effect)

    # The engine's store

    async def claim(
        self,
        worker: str,
        now: datetime,
        lease_until: datetime,
        most: int,
        definitions: Sequence[tuple[str, int]] | None = None,
    ) -> list[Process]:
        due = [one for one in self.processes.values() if one.state in _DUE and one.due_at <= now]
        known = [one for one in due if _is_of(one, definitions) or one.due_at <= now - _OTHERS_WAIT]
        claims = sorted(known, key=lambda one: one.due_at)[:most]
        return [self._claim(one, worker, lease_until) for one in claims]

    def _claim(self, process: Process, worker: str, lease_until: datetime) -> Process:
        taken = _replace(process, fence=process.fence + 1, worker=worker, due_at=lease_until, awaits=None)
        self.processes[process.key] = _replace(taken, released=False)
        return taken

    async def renew(self, held: Sequence[Process], lease_until: datetime) -> None:
        for one in held:
            process = self.processes.get(one.key)
            if process is not None and process.fence == one.fence and not process.released:
                self.processes[one.key] = _replace(process, due_at=lease_until)

    async def next_due(self, definitions: Sequence[tuple[str, int]] | None = None) -> datetime | None:
        waiting = [one for one in self.processes.values() if one.state in _DUE and _is_of(one, definitions)]
        return min((one.due_at for one in waiting), default=None)

    async def save(self, checkpoint: Checkpoint) -> Saved:
        process = checkpoint.process
        before = self.processes[process.key]
        if before.fence != process.fence:
            return Saved(held=False)
        if before.cancel_requested != process.cancel_requested:
            return Saved(cancelled=True)
        if b"\\u0000" in msgspec.json.encode(checkpoint.journal):
            raise ValueError("a result with a NUL, which the durable store does not keep either")
        given_up = process.released and process.state not in ENDED
        self.processes[process.key] = _replace(
            process,
            journal={**before.journal, **checkpoint.journal},
            due_at=process.due_at if process.released else before.due_at,
            fence=process.fence + given_up,
        )
        await self.record(checkpoint.events)
        if checkpoint.complaint is not None:
            self._complain(process.key, checkpoint.complaint)
        if checkpoint.resolves:
            self._resolve(process.key)
        return Saved()

    async def find(self, wanted: tuple[str, str]) -> bytes | None:
        found = (event.data for event in self.events if (event.correlation_id, event.type) == wanted)
        data = next(found, None)
        return bytes(data) if data is not None else None

    def _complain(self, key: str, complaint: Complaint) -> None:
        _, count = self.complaints.get((key, complaint.step), (complaint, 0))
        self.complaints[key, complaint.step] = complaint, count + 1

    def _resolve(self, key: str) -> None:
        self.complaints = {place: told for place, told in self.complaints.items() if place[0] != key}


def _is_of(process: Process, definitions: Sequence[tuple[str, int]] | None) -> bool:
    return definitions is None or (process.definition, process.version) in definitions
