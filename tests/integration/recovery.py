"""What the tests of recovery share: governed interfaces, processes at gates, and a house that ingests deliveries."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.canonical.events import AppointmentArrived, AppointmentCancelled, Event, StockReturned
from suture.canonical.routing import Route
from suture.catalogue import Catalogue
from suture.catalogue.manifest import Role
from suture.catalogue.model import Breaker, Interface, PauseAfter, Retry
from suture.core.clock import Clock, ManualClock, SystemClock
from suture.core.failure import CircuitOpen
from suture.core.trouble import Trouble
from suture.engine.decide import Responsibility
from suture.engine.definition import AwaitEvent, Definition, Step
from suture.engine.run import Outcome
from suture.ingest.ingester import Ingester
from suture.processes.definitions import ROUTES
from suture.processes.engine import ProcessEngine
from suture.store import exceptions, processes
from suture.store import gates as gate_store
from suture.store.checkpoints import ProcessStore
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import ExceptionSelection, OpenException
from suture.store.gates import Gate, GateRow, Gates
from suture.store.inbox import Inbox
from suture.store.listen import DELIVERIES, GATES, PROCESSES, listen
from suture.store.parties import Parties
from suture.store.processes import ProcessView
from suture.store.recorder import Recorder

NAME = "visit"
RETRY = Retry(attempts=3, first=0.01, longest=0.02)
BILLING, LEDGER = "billing-api", "odoo-ledger"
FACT = "suture.stock.returned.v1"
ANN = Actor("ann", "a test", (ADMINISTRATOR,))


def governed(**fields: Any) -> Interface:
    """The rules of an outbound interface: three failures open it, three refusals pause it."""
    rules = {
        "breaker": Breaker(count=3, share=0.5, within=30, pause=5, longest_pause=12),
        "pause_after": PauseAfter(count=3, share=0.5, within=60),
        "drain": 50.0,
        "sla_hours": 4.0,
    }
    return Interface(
        system="billing",
        direction="out",
        contract="rest-billing.v1",
        owner="revenue cycle",
        purpose="test",
        **(rules | fields),
    )


def make_gates(
    database: Database,
    clock: Clock,
    *,
    worker: str = "w1",
    interfaces: dict[str, Interface] | None = None,
    silences: dict[str, float] | None = None,
    pinged: frozenset[str] = frozenset(),
) -> Gates:
    return Gates(
        pinged=pinged,
        database=database,
        recorder=Recorder(()),
        interfaces=interfaces or {BILLING: governed(), LEDGER: governed()},
        silences=silences or {},
        worker=worker,
        clock=clock,
    )


class Note(msgspec.Struct, frozen=True):
    text: str


class World:
    """The outside. A call raises its `failures` first; one in `held` waits until that is set. `away` shuts the way."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.failures: dict[str, list[Exception]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.under_way = 0

    def step(self, name: str, **more: Any) -> Step:
        return Step(name, self._act(name), undo=self._act(f"{name}:undo"), **more)

    def _act(self, call: str) -> Callable[[Any, Any], Awaitable[Outcome]]:
        async def act(run: Any, _: Any) -> Outcome:
            key = run.input.appointment
            self.calls.append((key, call))
            self.under_way += 1
            try:
                await (self.held[call].wait() if call in self.held else asyncio.sleep(0))
            finally:
                self.under_way -= 1
            if self.failures.get(call):
                raise self.failures[call].pop(0)
            return Outcome(Note(call), ((FACT, StockReturned(appointment=key, number=call)),))

        return act

    def of(self, key: str) -> list[str]:
        return [call for called, call in self.calls if called == key]

    def keys_of(self, call: str) -> list[str]:
        """The processes in the order in which they made a call."""
        return [key for key, called in self.calls if called == call]


def _responsible(
    retry: Retry, retry_by_step: dict[str, Retry], undo_after: timedelta | None, role: Role | None
) -> Responsibility:
    interface = LEDGER if role == "ledger" else BILLING
    return Responsibility("revenue cycle", interface, retry, retry_by_step, undo_after=undo_after)


class Bench:
    """Processes of one definition whose steps name a role: ``billing`` or ``ledger``, each with a gate of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.world = World()
        self.recorder = Recorder(
            Route(type=f"suture.appointment.{fact}.v1", action=action, definition=NAME, version=1, key=_appointment)
            for fact, action in (("arrived", "start"), ("cancelled", "cancel"))
        )
        self.store = ProcessStore(database, self.recorder, partial(_responsible, RETRY, {}, None))
        self._engines: list[ProcessEngine] = []

    def engine(
        self,
        *steps: Step | AwaitEvent,
        clock: Clock | None = None,
        gates: Gates | None = None,
        retry: Retry = RETRY,
        retry_by_step: dict[str, Retry] | None = None,
        undo_after: timedelta | None = None,
        slots: int = 64,
        worker: str = "w1",
    ) -> ProcessEngine:
        responsible = partial(_responsible, retry, retry_by_step or {}, undo_after)
        engine = ProcessEngine(
            store=ProcessStore(self.database, self.recorder, responsible),
            definitions=[Definition(NAME, 1, AppointmentArrived, steps)],
            toolbox=None,
            responsible=responsible,
            organisation="test-clinics",
            worker=worker,
            clock=clock or SystemClock(),
            slots=slots,
            jitter=lambda: 0.0,
            gates=gates or Gate,
            shut_out=gates.shut_out if gates else lambda: 0,
        )
        self._engines.append(engine)
        return engine

    async def start(self, *keys: str, at: datetime | None = None) -> None:
        """Each a moment after the one before."""
        begun = at or datetime.now(UTC)
        await self.record(
            *(
                _event("suture.appointment.arrived.v1", AppointmentArrived(appointment=key), key, begun + place * _STEP)
                for place, key in enumerate(keys)
            )
        )

    async def cancel(self, *keys: str, at: datetime | None = None) -> None:
        now = at or datetime.now(UTC)
        await self.record(
            *(_event("suture.appointment.cancelled.v1", AppointmentCancelled(appointment=k), k, now) for k in keys)
        )

    async def record(self, *facts: Event) -> None:
        async with self.database.transaction() as connection:
            await self.recorder.record(connection, facts)
        self.wake()

    def wake(self) -> None:
        for engine in self._engines:
            engine.wake()

    async def process(self, key: str) -> ProcessView:
        async with self.database.connection() as connection:
            return (await processes.of_journey(connection, key))[0]

    async def states(self) -> dict[str, str]:
        return dict(await rows(self.database, "SELECT correlation_id, state FROM process"))

    async def until(self, key: str, *states: str, seconds: float = 20) -> ProcessView:
        async with asyncio.timeout(seconds):
            while (process := await self.process(key)).state not in states:
                await asyncio.sleep(0.01)
        return process

    async def until_tried(self, call: str, times: int = 1) -> None:
        """Until a call was made that often, and who made it let go."""
        async with asyncio.timeout(20):
            while len(self.world.keys_of(call)) < times or await self._in_hand():
                await asyncio.sleep(0.01)

    async def _in_hand(self) -> bool:
        return bool(await rows(self.database, "SELECT 1 FROM process WHERE NOT released"))

    async def exceptions(self, state: str = "open") -> list[OpenException]:
        return await in_queue(self.database, state)


_STEP = timedelta(milliseconds=1)


def _appointment(payload: Any) -> str:
    appointment: str = payload.appointment
    return appointment


def _event(event_type: str, data: msgspec.Struct, key: str, at: datetime) -> Event:
    return Event(
        id=uuid4(),
        type=event_type,
        source="suture/test",
        subject=f"Appointment/{key}",
        organisation="test-clinics",
        facility="MAIN",
        occurred_at=at,
        recorded_at=at,
        correlation_id=key,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


class House:
    """An inbox, ingesters, and the desk from which people act, over the organisation's own catalogue."""

    def __init__(self, database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> None:
        self.database, self.vault, self.catalogue, self.clock = database, vault, catalogue, clock
        self.inbox = Inbox(database, vault)
        self.parties = Parties(database, vault)
        self.recorder = Recorder(ROUTES, owner="clinic operations", organisation="test-clinics")
        self.desk = CommandContext(database, vault, self.recorder, catalogue, clock)
        self._numbers = itertools.count(1)

    def ingester(self, gates: Callable[[str], Gate] = Gate, catalogue: Catalogue | None = None) -> Ingester:
        return Ingester(
            database=self.database,
            vault=self.vault,
            parties=Parties(self.database, self.vault),
            recorder=self.recorder,
            catalogue=catalogue or self.catalogue,
            clock=self.clock,
            gates=gates,
        )

    async def deliver(self, *bodies: object, interface: str = "scheduling-appointments") -> None:
        """Take deliveries d1, d2, … a second apart."""
        for body in bodies:
            raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
            await self.inbox.accept(interface, f"d{next(self._numbers)}", raw, self.clock.now())
            self.clock.advance(timedelta(seconds=1))

    async def ingest(self, *ingesters: Ingester) -> None:
        """Until nothing is due."""
        async with asyncio.timeout(30):
            await asyncio.gather(*(_drain(ingester) for ingester in ingesters or (self.ingester(),)))

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        return await rows(self.database, query, *arguments)

    async def states(self) -> list[str]:
        return [state for (state,) in await self.rows("SELECT state FROM delivery ORDER BY id")]

    async def told(self, prefix: str = "suture.appointment") -> list[tuple[str, int, bool]]:
        """Short type, version and whether it was stale, in the order recorded."""
        found = await self.rows(f"SELECT type, sequence, stale FROM event WHERE type LIKE '{prefix}%' ORDER BY seq")
        return [(kind.split(".")[2], sequence, stale) for kind, sequence, stale in found]

    async def exceptions(self, state: str = "open") -> list[OpenException]:
        return await in_queue(self.database, state)

    async def acts(self) -> list[tuple[str, str, str]]:
        """The audit trail: who, what, to what."""
        return await self.rows("SELECT actor, action, subject FROM audit ORDER BY id")

    async def stick(self, key: str, *, state: str = "stuck", step: str = "post_invoice", **journal: str) -> int:
        """Have a process stand still with an exception, its journal's steps in the states given; answers its number."""
        now = self.clock.now()
        written = {name: {"state": told, "at": now} for name, told in journal.items()}
        async with self.database.transaction() as connection:
            await connection.execute(
                "UPDATE process SET state = $2, journal = $3::jsonb, step = $4, released = true, "
                "due_at = '9999-12-31', attempt = 1 WHERE key = $1",
                key,
                state,
                msgspec.json.encode(written).decode(),
                step,
            )
            trouble = Trouble(
                code="period_locked",
                outcome="rejected",
                reason="the period is locked",
                remedy="Open it, then retry.",
                owner="finance",
                interface=LEDGER,
                process=key,
                step=step,
                subject=f"Appointment/{key.partition(':')[2]}",
            )
            await self.recorder.open_exception(connection, trouble, now)
        return next(one.number for one in await self.exceptions() if one.process == key and one.step == step)


async def _drain(ingester: Ingester) -> None:
    while await ingester.ingest_batch():
        pass


async def in_queue(database: Database, state: str = "open") -> list[OpenException]:
    async with database.connection() as connection:
        return await exceptions.select(connection, ExceptionSelection(state=state))


async def rows(database: Database, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]


async def gate_row(database: Database, interface: str = BILLING) -> GateRow:
    async with database.connection() as connection:
        return (await gate_store.read(connection)).get(interface) or GateRow(interface=interface)


@asynccontextmanager
async def running(*loops: ProcessEngine | Gates | Ingester, url: str = "") -> AsyncIterator[None]:
    """Loops at work; none may end by itself. With `url` the database's calls wake them, as they wake a worker."""
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    if url:

        def wake() -> None:
            for loop in loops:
                loop.wake()

        tasks.append(asyncio.create_task(listen(url, dict.fromkeys((PROCESSES, DELIVERIES, GATES), wake))))
    try:
        yield
        assert not any(task.done() for task in tasks), "a loop ended by itself"
    finally:
        await end(tasks)


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, CircuitOpen):
            await task
