"""``suture doctor``: is everything reachable, is the schema current, do clocks agree; and what to do where not.

Everything is looked at side by side, and nothing is waited for longer than a few seconds.
"""

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from urllib.parse import urlsplit

import msgspec
import uvloop
from rich.console import Console

from suture.backbone.stream import BACKBONE_AWAY, connect, ensure_stream
from suture.bootstrap.composition import Foundation, connector, foundation, missing_secrets
from suture.bootstrap.notifying import mail_way
from suture.bootstrap.servers import backbone_address, database_address
from suture.bootstrap.settings import Secrets, Settings, SettingsError, current
from suture.catalogue import Catalogue, CatalogueError, load
from suture.catalogue.load import NEEDED
from suture.connectors.port import Billing, Ledger, Scheduling
from suture.store import exceptions, gates, people, running
from suture.store.database import CONNECTION_LOST, Connection
from suture.store.places import EmbeddedFailed
from suture.store.sealing import WrongMasterKey
from suture.store.version import SchemaOutdated, check_schema
from suture.views.interfaces import interfaces

out = Console(highlight=False)
_LARGEST_SKEW_SECONDS = 2.0
_PATIENCE_SECONDS = 8.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost", None)


class DoctorFinding(msgspec.Struct, frozen=True):
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


async def _collect() -> list[DoctorFinding]:
    settings, secrets = current()
    try:
        catalogue = load(settings.catalogue)
    except CatalogueError as error:
        return [
            DoctorFinding(
                "catalogue", str(error), "Mend the lines above; `suture init` writes a catalogue to start from."
            )
        ]
    looks = [
        _within("database", _START_IT, _database(settings, secrets)),
        _within("backbone", _START_NATS, _backbone(settings)),
        _systems(catalogue, secrets),
        _secrets(settings, catalogue, secrets),
        _within(
            "mail server", "Check that it runs, and its address in the catalogue.", _mail(settings, catalogue, secrets)
        ),
    ]
    told = await asyncio.gather(*looks)
    return [
        DoctorFinding("catalogue", f"{settings.catalogue} is valid"),
        *(finding for part in told for finding in part),
    ]


_START_IT = "Start it (`suture up`), or set SUTURE_DATABASE_URL to a server that runs."
_START_NATS = "Start it, or set SUTURE_NATS_URL. The ledger moves on meanwhile; events are published afterwards."


async def _within(subject: str, remedy: str, look: Awaitable[Sequence[DoctorFinding]]) -> Sequence[DoctorFinding]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await look
    except TimeoutError:
        return [DoctorFinding(subject, f"no answer within {_PATIENCE_SECONDS:.0f} s", remedy)]


async def _database(settings: Settings, secrets: Secrets) -> list[DoctorFinding]:
    try:
        database_address(settings)
        secrets.master_key()
    except EmbeddedFailed as error:
        return [DoctorFinding("database", str(error), _START_IT)]
    except SettingsError as error:
        remedy = "Put back the key that the database was begun with; for one that is yet to be made, `suture up` does."
        return [DoctorFinding("master key", str(error), remedy)]
    try:
        async with foundation(settings, secrets, most=2) as base:
            return await _look(base)
    except (*CONNECTION_LOST, EmbeddedFailed, SettingsError) as error:
        return [DoctorFinding("database", str(error) or type(error).__name__, _START_IT)]


async def _look(base: Foundation) -> list[DoctorFinding]:
    async with base.database.connection() as connection:
        skew = abs((await connection.fetchval("SELECT clock_timestamp()") - base.clock.now()).total_seconds())
        encrypted = await _encryption(connection, base.database.url)
    remedy = "" if skew < _LARGEST_SKEW_SECONDS else "Synchronise both machines' clocks (NTP): leases depend on them."
    clocks = DoctorFinding("clocks", f"{skew:.3f} s between here and the database", remedy)
    try:
        await check_schema(base.database)
    except SchemaOutdated as error:
        return [DoctorFinding("database", str(error), "Run `suture migrate`."), clocks]
    found = [DoctorFinding("database", f"reachable, schema current{encrypted}"), clocks, await _master_key(base)]
    return [*found, *await _at_work(base)]


async def _encryption(connection: Connection, url: str) -> str:
    if urlsplit(url).hostname in _LOOPBACK:
        return ""
    told = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    return ", encrypted" if told else ", NOT encrypted (sslmode=verify-full in SUTURE_DATABASE_URL asks for it)"


async def _master_key(base: Foundation) -> DoctorFinding:
    try:
        await base.vault.check()
    except WrongMasterKey as error:
        return DoctorFinding("master key", str(error), "Put the right key back, then start everything again.")
    strangers = await base.vault.strangers()
    if strangers:
        detail = f"the database's own; what came in {', '.join(strangers)} was sealed by another one"
        return DoctorFinding(
            "master key", detail, "Look for the key of a machine that made one of its own at that time."
        )
    return DoctorFinding("master key", "the database's own, every month opens with it")


async def _at_work(base: Foundation) -> list[DoctorFinding]:
    """Whether anyone works, by today's catalogue, and what is held up or overdue."""
    now = base.clock.now()
    async with base.database.connection() as connection:
        workers = await gates.workers_alive(connection, now)
        overdue = await exceptions.count_overdue(connection, now)
        others = await running.by_another_catalogue(connection, base.read, now)
    found = [
        DoctorFinding(
            "workers", f"{workers} at work", "" if workers else "Start one: `suture up`, or `suture worker`."
        ),
        DoctorFinding("exceptions", f"{overdue} overdue", "`suture exceptions list` shows them." if overdue else ""),
    ]
    if others:
        detail = f"the catalogue was changed since {', '.join(others)} started"
        found.append(
            DoctorFinding("running roles", detail, "Restart them: they go on by the catalogue that they read.")
        )
    if unheard := await _unheard(base):
        remedy = "The catalogue's notifications name them: `suture people add` or `suture people email` helps."
        found.append(DoctorFinding("notifications", f"can't be written to: {', '.join(unheard)}", remedy))
    for one in await interfaces(base.database, base.catalogue.interfaces):
        if not one.gate.flowing:
            remedy = f"`suture interfaces` says why; `suture resume {one.name}` when the cause is gone."
            found.append(DoctorFinding(one.name, f"{one.words}, {one.waiting} wait", remedy))
    return found


async def _unheard(base: Foundation) -> list[str]:
    """People whom the catalogue has told, and who can't be."""
    async with base.database.connection() as connection:
        known = {one.name for one in await people.listed(connection) if one.email and one.disabled_at is None}
    return sorted(base.catalogue.notifications.named - known)


async def _backbone(settings: Settings) -> list[DoctorFinding]:
    try:
        client = await connect(backbone_address(settings), "suture-doctor")
        try:
            await ensure_stream(client, settings.replicas)
        finally:
            await client.close()
    except BACKBONE_AWAY as error:
        return [DoctorFinding("backbone", f"can't be reached ({type(error).__name__})", _START_NATS)]
    return [DoctorFinding("backbone", "reachable, stream in place")]


async def _secrets(settings: Settings, catalogue: Catalogue, secrets: Secrets) -> list[DoctorFinding]:
    """All that are missing, at once; signing keys too, without which nothing can be delivered."""
    missing = missing_secrets(catalogue, secrets)
    if not missing:
        return [DoctorFinding("secrets", "all that the catalogue names are set")]
    where = settings.data_dir / "secrets"
    return [
        DoctorFinding("secrets", f"missing: {', '.join(missing)}", f"Set the variables, or write files into {where}.")
    ]


async def _mail(settings: Settings, catalogue: Catalogue, secrets: Secrets) -> list[DoctorFinding]:
    """The mail server by which people are told, if the catalogue names one."""
    way, server = mail_way(catalogue, settings, secrets), catalogue.notifications.mail
    if way is None or server is None:
        return []
    answer = await way.check()
    signed_in = f", {server.login} signed in" if server.login else ""
    detail = f"encrypted{signed_in}" if answer.verdict == "delivered" else f"it {answer.words}"
    return [DoctorFinding("mail server", f"{server.host}:{server.port}: {detail}", answer.remedy)]


async def _systems(catalogue: Catalogue, secrets: Secrets) -> list[DoctorFinding]:
    """Every system whose secret is set; of another nothing can be asked."""
    roles = [role for role in NEEDED if secrets.has(catalogue.system_of(role)[1].secret)]
    connectors: list[Scheduling | Billing | Ledger] = [connector(catalogue, secrets, role) for role in roles]
    remedy = "Check that it runs, and its address in the catalogue."
    try:
        told = await asyncio.gather(*(_within(one.name, remedy, _health(one)) for one in connectors))
    finally:
        for one in connectors:
            await one.close()
    return [finding for part in told for finding in part]


async def _health(connector: Scheduling | Billing | Ledger) -> list[DoctorFinding]:
    health = await connector.health()
    detail = f"reachable, {health.version}" if health.reachable else "can't be reached"
    return [DoctorFinding(health.system, "; ".join((detail, *health.found)), "\n     ".join(health.remedies))]
