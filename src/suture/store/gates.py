"""Gates: what stands between Suture and each interface. A circuit breaker shuts them, and so does a person's pause.

Each worker watches its own calls; what it decides is written to Postgres and holds for all. Work that meets a shut
gate is suspended, and goes on in order, at the interface's rate, when the gate is open again.
"""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

import msgspec
import structlog

from suture.catalogue.model import Interface, PauseAfter
from suture.core.clock import Clock
from suture.core.english import cause
from suture.core.failure import Failure, Fatal
from suture.core.trouble import Trouble
from suture.engine.steer import Release
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.gate import Gate, GateRow, Order
from suture.store.processes import PROCESSES
from suture.store.recorder import Recorder

log = structlog.get_logger()

_SQL = sql("gates")
_IDLE_SECONDS = 2.0
_BUSY_SECONDS = 0.2
_BEAT_SECONDS = 3.0
_DEAD_SECONDS = 15.0
_SHOWN_AFTER = timedelta(minutes=1)


class Gates:
    """The gates of all interfaces, kept in step with the database; `run` for as long as the worker works. Those of
    `pinged` interfaces are tried by a ping where no work waits; others then open at a venture."""

    def __init__(
        self,
        *,
        database: Database,
        recorder: Recorder,
        interfaces: Mapping[str, Interface],
        silences: Mapping[str, float],
        worker: str,
        clock: Clock,
        pinged: frozenset[str] = frozenset(),
    ) -> None:
        self._pinged = pinged
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
            if row.suspended:
                most = math.ceil(rules.drain * _BUSY_SECONDS)
                await self._drain(connection, row.interface, most, "closed", most / rules.drain * 0.9)
            return row.suspended > 0
        if row.opened_at and now - row.opened_at > _SHOWN_AFTER and row.interface not in self._shown:
            self._shown.add(row.interface)
            if not await connection.fetchval(_SQL["shown"], _outage(row.interface)):  # else it says what is wrong
                await self._show(connection, _away(self._trouble(row.interface), row))
        await self._probe(connection, row, rules.breaker.pause)
        return True

    async def _drain(self, connection: Connection, interface: str, most: int, breaker: str, pause: float) -> None:
        """Let suspended processes go on, if it is this worker's turn."""
        now = self._clock.now()
        async with connection.transaction():
            rows = await connection.fetch(_SQL["drain"], interface, now, most, breaker, pause)
            await PROCESSES.steer(connection, [(row["key"], Release(now)) for row in rows])

    async def _probe(self, connection: Connection, row: GateRow, pause: float) -> None:
        """Have an open breaker tried when it is due: by work that waits, by a ping, or else by the next that comes."""
        now = self._clock.now()
        if row.interface in self._trying:  # a turn ago: by now the gates here know that one may pass
            self._trying.discard(row.interface)
            await self._drain(connection, row.interface, 1, "half_open", 0.0)
        elif row.probe_at and row.probe_at <= now:
            if await connection.fetchval(_SQL["probe"], row.interface, now, pause) is None:
                return
            if row.suspended:
                self._trying.add(row.interface)
            elif row.interface not in self._pinged:
                await self._write(connection, Order(row.interface, "close"))

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
        remedy=f"{failure.remedy} Work waits meanwhile, and continues automatically.".strip(),
    )


def _away(trouble: Trouble, row: GateRow) -> Trouble:
    return msgspec.structs.replace(
        trouble,
        reason=f"{row.interface} has not answered since {row.opened_at:%Y-%m-%d %H:%M} UTC: {cause(row.cause)}",
        remedy="Ask the system's owner to restore it. Nothing is lost: work waits in order and continues"
        " automatically.",
    )


def _stopped(trouble: Trouble, limit: PauseAfter, failure: Failure) -> Trouble:
    interface = trouble.interface
    return msgspec.structs.replace(
        trouble,
        code="too_many_refusals",
        outcome="fatal",
        process=pause_key(interface or ""),
        reason=f"{interface} paused itself: {_limit_reached(limit, failure)}",
        remedy=f"Fix the cause ({failure.message}), then `suture resume {interface}` and "
        f"`suture exceptions retry --interface {interface}`.",
    )


def _limit_reached(limit: PauseAfter, failure: Failure) -> str:
    return f"{limit.count} or more were refused within {limit.within:.0f} s, the last because {cause(failure.code)}"


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
