"""``suture doctor``: is everything reachable, is the schema current, do clocks agree; and what to do where not."""

import sys
from collections.abc import AsyncIterator

import msgspec
import uvloop
from rich.console import Console

from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream
from suture.bootstrap.settings import SettingsError, current
from suture.bootstrap.wiring import Foundation, connect_systems, foundation
from suture.catalogue import CatalogueError, load
from suture.operate.interfaces import interfaces
from suture.store import exceptions, gates
from suture.store.database import CONNECTION_LOST
from suture.store.places import EmbeddedFailed
from suture.store.version import SchemaOutdated, check_schema

out = Console(highlight=False)
_LARGEST_SKEW_SECONDS = 2.0


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. An empty `remedy` means that it is fine."""

    subject: str
    detail: str
    remedy: str = ""


def doctor() -> None:
    """Look at everything Suture needs and say in plain words what is missing. Exit status 1 when something is."""
    findings = uvloop.run(_collect())
    for finding in findings:
        mark = "[green]ok  [/]" if not finding.remedy else "[bold red]mend[/]"
        out.print(mark, end=" ")
        out.print(f"{finding.subject}: {finding.detail}", markup=False)
        if finding.remedy:
            out.print(f"     {finding.remedy}", markup=False)
    sys.exit(1 if any(finding.remedy for finding in findings) else 0)


async def _collect() -> list[Finding]:
    settings, secrets = current()
    try:
        load(settings.catalogue)
    except CatalogueError as error:
        return [
            Finding("catalogue", str(error), "Mend the lines above; `suture init` writes a catalogue to start from.")
        ]
    found = [Finding("catalogue", f"{settings.catalogue} is valid")]
    try:
        async with foundation(settings, secrets, most=2) as base:
            found += [finding async for finding in _look(base)]
    except (*CONNECTION_LOST, EmbeddedFailed, SettingsError) as error:
        remedy = "Start it (`suture up`), or set SUTURE_DATABASE_URL and SUTURE_NATS_URL to servers that run."
        found.append(Finding("database", str(error) or type(error).__name__, remedy))
    return found


async def _look(base: Foundation) -> AsyncIterator[Finding]:
    try:
        await check_schema(base.database)
        yield Finding("database", "reachable, schema current")
        async for finding in _at_work(base):
            yield finding
    except SchemaOutdated as error:
        yield Finding("database", str(error), "Run `suture migrate`.")
    async with base.database.connection() as connection:
        skew = abs((await connection.fetchval("SELECT clock_timestamp()") - base.clock.now()).total_seconds())
    remedy = "" if skew < _LARGEST_SKEW_SECONDS else "Synchronise both machines' clocks (NTP): leases depend on them."
    yield Finding("clocks", f"{skew:.3f} s between here and the database", remedy)
    yield await _backbone(base.nats_url, base.settings.replicas)
    systems = connect_systems(base.catalogue, base.secrets)
    try:
        for connector in (systems.scheduling, systems.billing, systems.ledger):
            health = await connector.health()
            detail = f"reachable, {health.version}" if health.reachable else "can't be reached"
            yield Finding(health.system, "; ".join((detail, *health.found)), "\n     ".join(health.remedies))
    finally:
        await systems.close()


async def _at_work(base: Foundation) -> AsyncIterator[Finding]:
    """Whether anyone works, and what is held up or overdue."""
    async with base.database.connection() as connection:
        workers = await gates.workers_alive(connection, base.clock.now())
        overdue = await exceptions.count_overdue(connection, base.clock.now())
    yield Finding("workers", f"{workers} at work", "" if workers else "Start one: `suture up`, or `suture worker`.")
    yield Finding("exceptions", f"{overdue} overdue", "`suture exceptions list` shows them." if overdue else "")
    for one in await interfaces(base.database, base.catalogue.interfaces):
        if not one.gate.flowing:
            remedy = f"`suture interfaces` says why; `suture resume {one.name}` when the cause is gone."
            yield Finding(one.name, f"{one.words}, {one.waiting} wait", remedy)


async def _backbone(url: str, replicas: int) -> Finding:
    try:
        client = await connect(url, "suture-doctor")
        await ensure_stream(client, replicas)
        await client.close()
    except BACKBONE_AWAY as error:
        remedy = "Start it, or set SUTURE_NATS_URL. The ledger moves on meanwhile; events are published afterwards."
        return Finding("backbone", f"can't be reached ({type(error).__name__})", remedy)
    return Finding("backbone", "reachable, stream in place")
