"""Interfaces as people see them: what flows, what is held up and why, what was turned away."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from suture.acting.context import CommandContext
from suture.catalogue.model import Interface
from suture.store import audit, gates, gauges, running
from suture.store.audit import AuditEntry
from suture.store.database import Database
from suture.store.gate import GateRow
from suture.store.gauges import Conflict, Refusal, Traffic
from suture.views.today import start_of_day

MOST = 200


class InterfaceState(msgspec.Struct, frozen=True, kw_only=True):
    """An interface of the catalogue and its gate. `waiting` counts what waits at it: processes, or deliveries."""

    name: str
    interface: Interface
    gate: GateRow
    waiting: int

    @property
    def words(self) -> str:
        if self.gate.paused_at is not None:
            return "paused"
        return {"closed": "flowing", "open": "system away", "half_open": "trying"}[self.gate.breaker]


async def by_another_catalogue(context: CommandContext, read: str) -> Sequence[str]:
    """Roles that run by another catalogue than the one of this fingerprint: it was changed since they started."""
    async with context.database.connection() as connection:
        return await running.by_another_catalogue(connection, read, context.clock.now())


async def interfaces(database: Database, known: Mapping[str, Interface]) -> list[InterfaceState]:
    """Every interface of the catalogue."""
    async with database.connection() as connection:
        rows = await gates.read(connection)
        received = await gates.received(connection)
    return [
        InterfaceState(
            name=name,
            interface=interface,
            gate=(row := rows.get(name) or GateRow(interface=name)),
            waiting=received.get(name, 0) if interface.direction == "in" else row.suspended,
        )
        for name, interface in known.items()
    ]


class InterfaceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an interface did lately: its last days, its refusals at the door, and what people did to it."""

    days: list[Traffic]
    refusals: list[Refusal]
    acts: list[AuditEntry]


async def record(database: Database, name: str, now: datetime, zone: ZoneInfo) -> InterfaceRecord:
    since = start_of_day(now, zone) - timedelta(days=6)
    async with database.connection() as connection:
        return InterfaceRecord(
            days=await gauges.traffic(connection, name, since, zone.key),
            refusals=await gauges.refusals(connection, name, since.date()),
            acts=await audit.newest(connection, f"Interface/{name}", 20),
        )


async def turned_away(database: Database, since: datetime, interface: str = "") -> tuple[list[Refusal], list[Conflict]]:
    """What was turned away at the door since a time, and what came under an id that another content had."""
    async with database.connection() as connection:
        return await gauges.turned_away(connection, since, interface, MOST)
