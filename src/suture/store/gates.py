"""Gates: what stands between Suture and each interface. A circuit breaker shuts them, and so does a person's pause.

Each worker watches its own calls; what it decides is written to Postgres and holds for all. Work that meets a shut
gate is parked, and goes on in order, at the interface's rate, when the gate is open again.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import Literal

import msgspec
import structlog

from suture.catalogue.model import Interface, PauseAfter
from suture.core.breaker import Window
from suture.core.clock import Clock
from suture.core.failure import Failure, Fatal, Held
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.events import Recorder
from suture.store.exceptions import Trouble

log = structlog.get_logger()

_SQL = sql("gates")
_IDLE_SECONDS = 2.0
_BUSY_SECONDS = 0.2
_BEAT_SECONDS = 3.0
_DEAD_SECONDS = 15.0
_SHOWN_AFTER = timedelta(minutes=1)
_SILENT = Failure("silent", "calls under way are not answered")

BreakerState = Literal["closed", "open", "half_open"]


class GateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A gate as all workers see it. `parked` counts the processes that wait at it."""

    interface: str
    breaker: BreakerState = "closed"
    cause: str = ""
    openings: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_reason: str | None = None
    parked: int = 0

    @property
    def flowing(self) -> bool:
        return self.breaker == "closed" and self.paused_at is None


class Order(msgspec.Struct, frozen=True):
    """What a worker has decided about a gate and wants to hold for all."""

    interface: str
    change: Literal["open", "close", "pause"]
    failure: Failure | None = None


class Gate:
    """One interface's gate in this worker: counts what happens at it and decides.

    `silence` is after how many seconds without any answer, while calls are under way, a system counts as hanging.
    Without `tell` it only ever opens and shuts as it is told, which is never.
    """

    def __init__(
        self,
        interface: str,
        rules: Interface | None = None,
        *,
        silence: float = math.inf,
        tell: Callable[[Order], None] | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.row = GateRow(interface=interface)
        self.steps = 0
        self._tell = tell
        self._now = now
        self._silence = silence
        self._calls = 0
        self._heard_at = now()
        self._may_probe = True
        self._pausing = False
        self._failures = Window(rules.breaker) if rules else None
        self._refusals = Window(rules.pause_after) if rules else None

    @property
    def interface(self) -> str:
        return self.row.interface

    @property
    def flowing(self) -> bool:
        return self.row.flowing

    @property
    def probing(self) -> bool:
        """Whether a call may pass to find out if the system is back: one at a time."""
        return self.row.breaker == "half_open" and self.row.paused_at is None

    def enter(self) -> None:
        """Begin a step; `leave` ends it. Raises `Held` where nothing may pass; while probing, one may."""
        if self.probing and self._may_probe:
            self._may_probe = False
        elif not self.flowing:
            raise self._held()
        self.steps += 1

    def leave(self) -> None:
        self.steps -= 1

    def check(self) -> None:
        """Raises `Held` where no call may go out."""
        if not (self.flowing or self.probing):
            raise self._held()

    def _held(self) -> Held:
        return Held(self.interface, "is paused" if self.row.paused_at else "does not answer at present")

    def began(self) -> None:
        """A call goes out."""
        if not self._calls:
            self._heard_at = self._now()
        self._calls += 1

    def answered(self) -> None:
        """A call came back with an answer, whatever it said."""
        self._heard()
        if self._failures is not None:
            self._failures.note(True, self._now())

    def failed(self, failure: Failure) -> None:
        """A call came to nothing: no answer, or the system says that it can't."""
        self._heard()
        too_many = self._failures is not None and self._failures.note(False, self._now())
        if too_many or self.probing:
            self._order("open", failure)

    def ended(self) -> None:
        """A call was given up by its caller."""
        self._heard()

    def look_for_silence(self) -> None:
        """A system that takes calls and answers none is shut out before every call has waited for its end."""
        if self._calls and self.flowing and self._now() - self._heard_at > self._silence:
            self._order("open", _SILENT)

    def succeeded(self) -> None:
        """Work was done: what had shut the gate is over."""
        if self._refusals is not None:
            self._refusals.note(True, self._now())
        if self.probing:
            self._order("close")

    def refused(self, failure: Failure) -> None:
        """Work was refused for good."""
        if self.probing:
            self._order("close")  # it was understood and answered
        if self._refusals is not None and self._refusals.note(False, self._now()):
            self._order("pause", failure)

    def shut(self, failure: Fatal) -> bool:
        """Nothing can work until someone mends the configuration. False where nobody listens."""
        self._order("open", failure)
        return self._tell is not None

    def apply(self, row: GateRow) -> None:
        """What holds for all by now."""
        if row.flowing and not self.flowing:
            self._forget()
        self._may_probe = self._may_probe or row.breaker != "half_open" or row.probe_at != self.row.probe_at
        self._pausing = False
        self.row = row

    def _forget(self) -> None:
        """What happened before the gate opened says nothing about what comes."""
        if self._failures and self._refusals:
            self._failures.clear()
            self._refusals.clear()

    def _heard(self) -> None:
        self._calls -= 1
        self._heard_at = self._now()

    def _order(self, change: Literal["open", "close", "pause"], failure: Failure | None = None) -> None:
        """Hold to it at once; the others follow when it is written."""
        if self._tell is None:
            return
        if change == "open" and failure is not None:
            if (self.row.breaker, self.row.cause) == ("open", failure.code):
                return
            self.row = msgspec.structs.replace(self.row, breaker="open", cause=failure.code)
        elif change == "close":
            self.row = msgspec.structs.replace(self.row, breaker="closed")
            self._forget()
        elif self._pausing:
            return
        self._pausing = change == "pause"
        self._tell(Order(self.interface, change, failure))


class Gates:
    """The gates of all interfaces, kept in step with the database; `run` for as long as the worker works."""

    def __init__(
        self,
        *,
        database: Database,
        recorder: Recorder,
        interfaces: Mapping[str, Interface],
        silences: Mapping[str, float],
        worker: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._rules = interfaces
        self._worker = worker
        self._clock = clock
        self._wake = asyncio.Event()
        self._orders: list[Order] = []
        self._beat_at = -math.inf
        self._shown: set[str] = set()
        self._trying: set[str] = set()
        self._gates = {
            name: Gate(name, rules, silence=silences.get(name, math.inf), tell=self._take_order)
            for name, rules in interfaces.items()
        }
        self.workers = 1
        """How many workers are alive; they share each system's limits."""

    def __call__(self, interface: str) -> Gate:
        return self._gates[interface]

    def wake(self) -> None:
        self._wake.set()

    def shut_out(self) -> int:
        """How many steps are under way at gates that are shut: they don't count against a worker's slots."""
        return sum(gate.steps for gate in self._gates.values() if not gate.flowing)

    def flowing(self, direction: str) -> list[str]:
        """The interfaces of a direction (``in``, ``out``) that nothing holds up."""
        return [name for name, rules in self._rules.items() if rules.direction == direction and self(name).flowing]

    async def run(self) -> None:
        try:
            while True:
                self._wake.clear()
                wait = _IDLE_SECONDS
                try:
                    wait = await self.turn()
                except DATABASE_AWAY as error:
                    log.warning("database_away", role="gates", error_type=type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
        finally:
            with suppress(*DATABASE_AWAY):
                async with asyncio.timeout(2), self._database.connection() as connection:
                    await connection.execute(_SQL["leave"], self._worker, self._clock.now() - timedelta(minutes=5))

    async def turn(self) -> float:
        """Write what was decided, read what holds, probe and drain; answers how many seconds until the next turn."""
        for gate in self._gates.values():
            gate.look_for_silence()
        async with self._database.connection() as connection:
            await self._beat(connection)
            await self._carry_out(connection)
            rows = await read(connection)
            for name in self._gates.keys() - rows.keys():
                await connection.execute(_SQL["ensure"], [name])
            for name, row in rows.items():
                if name in self._gates and not any(order.interface == name for order in self._orders):
                    self._gates[name].apply(row)
            busy = [await self._tend(connection, row) for name, row in rows.items() if name in self._gates]
        return _BUSY_SECONDS if any(busy) else _IDLE_SECONDS

    async def _beat(self, connection: Connection) -> None:
        if monotonic() - self._beat_at < _BEAT_SECONDS:
            return
        now = self._clock.now()
        await connection.execute(_SQL["beat"], self._worker, now)
        self.workers = max(await workers_alive(connection, now), 1)
        self._beat_at = monotonic()

    def _take_order(self, order: Order) -> None:
        self._orders.append(order)
        self._wake.set()

    async def _carry_out(self, connection: Connection) -> None:
        while self._orders:
            order = self._orders[0]
            await self._write(connection, order)
            self._orders.pop(0)

    async def _write(self, connection: Connection, order: Order) -> None:
        now, rules = self._clock.now(), self._rules[order.interface]
        if order.change == "open":
            code = order.failure.code if order.failure else ""
            pauses = (rules.breaker.pause, rules.breaker.longest_pause)
            if await connection.fetchval(_SQL["open"], order.interface, code, now, *pauses) is not None:
                log.warning("breaker_opened", interface=order.interface, code=code)
            if isinstance(order.failure, Fatal):
                await self._show(connection, _fatal(self._trouble(order.interface), order.failure))
        elif order.change == "close":
            if await connection.fetchval(_SQL["close"], order.interface) is not None:
                log.info("breaker_closed", interface=order.interface)
            async with connection.transaction():
                await self._recorder.resolve(connection, [_outage(order.interface)], now, by="breaker")
            self._shown.discard(order.interface)
        elif order.failure is not None:
            await self._pause(connection, order.interface, order.failure)

    async def _pause(self, connection: Connection, interface: str, failure: Failure) -> None:
        limit, now = self._rules[interface].pause_after, self._clock.now()
        async with connection.transaction():
            if await pause(connection, interface, now, "suture", _limit_reached(limit, failure)):
                log.error("interface_paused", interface=interface, code=failure.code)
                stopped = _stopped(self._trouble(interface), limit, failure)
                await self._recorder.open_exception(connection, stopped, now)

    async def _tend(self, connection: Connection, row: GateRow) -> bool:
        """Probe or drain one gate; answers whether there is more to do soon."""
        if row.paused_at is not None:
            return False
        now, rules = self._clock.now(), self._rules[row.interface]
        if row.breaker == "closed":
            if row.parked:
                most = math.ceil(rules.drain * _BUSY_SECONDS)
                await connection.execute(_SQL["drain"], row.interface, now, most, "closed", most / rules.drain * 0.9)
            return row.parked > 0
        if row.opened_at and now - row.opened_at > _SHOWN_AFTER and row.interface not in self._shown:
            self._shown.add(row.interface)
            if not await connection.fetchval(_SQL["shown"], _outage(row.interface)):  # else it says what is wrong
                await self._show(connection, _away(self._trouble(row.interface), row))
        if row.interface in self._trying:  # a turn ago: by now the gates here know that one may pass
            self._trying.discard(row.interface)
            await connection.execute(_SQL["drain"], row.interface, now, 1, "half_open", 0.0)
        elif row.probe_at and row.probe_at <= now:
            pause = rules.breaker.pause
            if await connection.fetchval(_SQL["probe"], row.interface, now, pause) is not None:
                if row.parked:
                    self._trying.add(row.interface)
                else:  # nothing is there to try it with: the next that comes will
                    await self._write(connection, Order(row.interface, "close"))
        return True

    async def _show(self, connection: Connection, trouble: Trouble) -> None:
        async with connection.transaction():
            await self._recorder.open_exception(connection, trouble, self._clock.now())

    def _trouble(self, interface: str) -> Trouble:
        """Trouble with an interface as a whole, still without its cause."""
        rules = self._rules[interface]
        return Trouble(
            code="system_away",
            outcome="retriable",
            reason="",
            remedy="",
            owner=rules.owner,
            interface=interface,
            process=_outage(interface),
            subject=f"Interface/{interface}",
            sla=timedelta(hours=rules.sla_hours),
        )


def _outage(interface: str) -> str:
    return f"gate:{interface}"


def pause_key(interface: str) -> str:
    """By what key the exception goes that an interface paused itself."""
    return f"pause:{interface}"


def _fatal(trouble: Trouble, failure: Fatal) -> Trouble:
    return msgspec.structs.replace(
        trouble,
        code=failure.code,
        outcome=failure.outcome,
        reason=failure.message,
        remedy=f"{failure.remedy} Work waits meanwhile, and goes on by itself.".strip(),
    )


def _away(trouble: Trouble, row: GateRow) -> Trouble:
    return msgspec.structs.replace(
        trouble,
        reason=f"{row.interface} has not answered since {row.opened_at:%Y-%m-%d %H:%M} UTC ({row.cause})",
        remedy="Have the system's owner bring it back. Nothing is lost: work waits in order and goes on by itself.",
    )


def _stopped(trouble: Trouble, limit: PauseAfter, failure: Failure) -> Trouble:
    interface = trouble.interface
    return msgspec.structs.replace(
        trouble,
        code="too_many_refusals",
        outcome="fatal",
        process=pause_key(interface or ""),
        reason=f"{interface} paused itself: {_limit_reached(limit, failure)}",
        remedy=f"Mend the cause ({failure.message}), then `suture resume {interface}` and "
        f"`suture exceptions retry --interface {interface}`.",
    )


def _limit_reached(limit: PauseAfter, failure: Failure) -> str:
    return f"{limit.count} or more were refused within {limit.within:.0f} s, the last for {failure.code}"


async def read(connection: Connection) -> dict[str, GateRow]:
    """Every gate that was ever used, by interface."""
    return {row["interface"]: GateRow(**dict(row)) for row in await connection.fetch(_SQL["read"])}


async def workers_alive(connection: Connection, now: datetime) -> int:
    """How many workers were heard of lately."""
    count: int = await connection.fetchval(_SQL["alive"], now - timedelta(seconds=_DEAD_SECONDS))
    return count


async def received(connection: Connection) -> dict[str, int]:
    """How many deliveries wait to be ingested, by interface."""
    return {row["interface"]: row["count"] for row in await connection.fetch(_SQL["received"])}


async def pause(connection: Connection, interface: str, at: datetime, by: str, reason: str) -> bool:
    """Shut an interface until someone resumes it. False: it is paused already."""
    await connection.execute(_SQL["ensure"], [interface])
    return await connection.fetchval(_SQL["pause"], interface, at, by, reason) is not None


async def resume(connection: Connection, interface: str, at: datetime) -> bool:
    """Open a paused interface; an open breaker tries at once. False: nothing held it up."""
    return await connection.fetchval(_SQL["resume"], interface, at) is not None
