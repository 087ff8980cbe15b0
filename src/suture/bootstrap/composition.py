"""Puts the parts together. The only place that names concrete connectors and engines."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from suture.acting.context import CommandContext, LedgerContext, RepairContext
from suture.backbone.credentials import READER
from suture.bootstrap.servers import backbone_address, database_address
from suture.bootstrap.settings import Secrets, Settings, SettingsError
from suture.catalogue import Catalogue, load
from suture.catalogue.days import Days
from suture.catalogue.load import fingerprint
from suture.catalogue.manifest import Role
from suture.catalogue.model import System
from suture.catalogue.registry import loaded
from suture.connectors.guard import Guard
from suture.connectors.port import (
    Billing,
    Ledger,
    LedgerPlan,
    PlannedAdjustment,
    PlannedFacility,
    PlannedProduct,
    Scheduling,
)
from suture.connectors.port.connecting import Connecting
from suture.core.clock import Clock, SystemClock
from suture.processes.definitions import AWAITED, ROUTES
from suture.reconcile.discrepancy_recorder import DiscrepancyRecorder
from suture.reconcile.reconciler import Reconciler
from suture.reconcile.sides import Sides
from suture.reconcile.watch import ReconciliationWatch
from suture.store.anchor import Anchor
from suture.store.crosswalk import Crosswalk
from suture.store.data_keys import Vault
from suture.store.database import CONNECTION_LOST, DATABASE_AWAY, Database
from suture.store.inbox import Inbox
from suture.store.recorder import Recorder
from suture.store.sealing import MasterKey
from suture.store.version import check_schema

_LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Systems:
    """The connected outside systems."""

    scheduling: Scheduling
    billing: Billing
    ledger: Ledger

    async def close(self) -> None:
        for connector in (self.scheduling, self.billing, self.ledger):
            await connector.close()


@dataclass(frozen=True)
class Foundation:
    """What every role stands on."""

    settings: Settings
    secrets: Secrets
    catalogue: Catalogue
    clock: Clock
    database: Database
    vault: Vault
    nats_url: str
    read: str = ""
    """Which catalogue was read (`fingerprint`)."""


@asynccontextmanager
async def foundation(
    settings: Settings, secrets: Secrets, *, most: int = 8, patience: float = 0.0, client: str = READER
) -> AsyncIterator[Foundation]:
    """Open what every role stands on; closed on the way out. `client` is as whom the embedded NATS is entered. A
    database that is away is awaited for `patience` seconds:
    one that is just starting must not cost its roles their start."""
    read = fingerprint(settings.catalogue)
    catalogue = load(settings.catalogue)
    database = await connect_database(database_address(settings), most, patience, settings.lease_seconds)
    nats_url = backbone_address(settings, client)
    vault = Vault(database, MasterKey(secrets.master_key()), catalogue.organisation.id)
    try:
        yield Foundation(settings, secrets, catalogue, SystemClock(), database, vault, nats_url, read)
    finally:
        await database.close()


async def check_database(base: Foundation) -> None:
    """What holds before any work: the schema is this program's, and the master key the database's. Raises
    `SchemaOutdated` or `WrongMasterKey`."""
    await check_schema(base.database)
    await base.vault.check()


async def check_master_key(database_url: str, secrets: Secrets) -> None:
    """Before any role is started: each would fail by itself. Raises `WrongMasterKey`."""
    database = await connect_database(database_url, 1)
    try:
        await Vault(database, MasterKey(secrets.master_key()), "").check()
    finally:
        await database.close()


async def connect_database(url: str, most: int, patience: float = 0.0, lease: float = 30.0) -> Database:
    """Connect, or raise `SettingsError` in words that say where it was tried and what to fix."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while True:
        try:
            return await Database.connect(url, most=most, patience=lease)
        except (*CONNECTION_LOST, asyncpg.PostgresError, TimeoutError, ValueError) as error:
            if isinstance(error, DATABASE_AWAY) and loop.time() < deadline:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                continue
            where = urlsplit(url).hostname or "the address given"
            encrypted = ", and that the server has TLS and its certificate is known" if "sslmode" in url else ""
            raise SettingsError(
                f"the database on {where} can't be used ({type(error).__name__}): check SUTURE_DATABASE_URL, "
                f"that the server runs, and that user and database exist{encrypted}"
            ) from error


def connect_systems(
    catalogue: Catalogue,
    secrets: Secrets,
    guard: Callable[[str, System], Guard] | None = None,
    crosswalk: Callable[[str], Crosswalk] | None = None,
) -> Systems:
    """Connectors for the catalogue's systems, each behind its guard (a worker's; a command has one of its own). Nothing
    is sent yet. `crosswalk` gives what is remembered of a system's records; without one nothing is, beyond a run."""
    connected = partial(connector, catalogue, secrets, guard=guard, crosswalk=crosswalk)
    return Systems(connected("scheduling"), connected("billing"), connected("ledger"))


def connect_ledger(
    catalogue: Catalogue, secrets: Secrets, crosswalk: Callable[[str], Crosswalk] | None = None
) -> Ledger:
    """The ledger alone, for what speaks to nothing else: no other system's secret is asked for."""
    ledger: Ledger = connector(catalogue, secrets, "ledger", crosswalk=crosswalk)
    return ledger


def connector(
    catalogue: Catalogue,
    secrets: Secrets,
    role: Role,
    *,
    guard: Callable[[str, System], Guard] | None = None,
    crosswalk: Callable[[str], Crosswalk] | None = None,
) -> Any:
    """The connector of the system that has a role. Raises `SettingsError` where its secret is not set."""
    name, system = catalogue.system_of(role)
    return loaded(system.manifest.connect)(  # only now: most commands call no system, and start in half the time
        Connecting(
            name=name,
            url=system.url,
            secret=secrets.get(system.secret),
            settings=system.settings,
            timeout=system.timeout,
            guard=guard(name, system) if guard else Guard.unwatched(name, system.concurrency),
            organisation=catalogue.organisation.id,
            currency=catalogue.organisation.currency,
            days=Days(catalogue),
            facilities=[place.code for place in catalogue.facilities],
            plan=lambda company: ledger_plan(catalogue, company),
            crosswalk=crosswalk(name) if crosswalk else None,
        )
    )


def missing_secrets(catalogue: Catalogue, secrets: Secrets) -> list[str]:
    """The secrets and signing keys that a catalogue names and that are not set, all of them."""
    needed = {system.secret for system in catalogue.systems.values()}
    needed |= {key for interface in catalogue.interfaces.values() for key in interface.signing_keys}
    needed |= catalogue.notifications.secrets
    return sorted(name for name in needed if not secrets.has(name))


def ledger_crosswalk(base: "Foundation") -> Callable[[str], Crosswalk]:
    """What the platform remembers of the records that it wrote in a system."""
    return lambda system: Crosswalk(base.database, base.vault, system, base.clock)


def ledger_plan(catalogue: Catalogue, company: str | None = None) -> LedgerPlan:
    """What the catalogue wants to stand in the books of a company, by name (None: the system's own)."""
    services = (PlannedProduct(code=s.code, name=s.name, taxes=s.taxes) for s in catalogue.services)
    articles = (PlannedProduct(code=a.code, name=a.name, stocked=True, lots=a.lots) for a in catalogue.products)
    places = (place for place in catalogue.facilities if place.company == company)
    ledger = catalogue.ledger
    return LedgerPlan(
        currency=catalogue.organisation.currency,
        income_account=ledger.income_account,
        compensation_expense_account=ledger.compensation_expense_account,
        compensation_liability_account=ledger.compensation_liability_account,
        clearing_account=ledger.clearing_account,
        remittance_clearing_account=ledger.remittance_clearing_account,
        write_off_account=ledger.write_off_account,
        unbilled_account=ledger.unbilled_account,
        rounding_account=ledger.rounding_account,
        rounding_limit=ledger.rounding_limit,
        payment_term_days=ledger.payment_term_days,
        adjustments={
            reason: PlannedAdjustment(account=told.account, name=told.name, kind=told.kind)
            for reason, told in ledger.adjustments.items()
        },
        sale_journal=ledger.sale_journal,
        bank_journal=ledger.bank_journal,
        general_journal=ledger.general_journal,
        products=(*services, *articles),
        facilities=tuple(PlannedFacility(code=place.code, name=place.name) for place in places),
    )


def inbox(base: Foundation) -> Inbox:
    """The gateway's side of the inbox."""
    return Inbox(base.database, base.vault)


def reconciler(base: Foundation, systems: Systems, records: Recorder) -> Reconciler:
    """Compares the sides; nothing is read yet."""
    ledgers = {company: systems.ledger.of_company(company) for company in base.catalogue.companies()}
    return Reconciler(
        database=base.database,
        sides=Sides(base.database, systems.scheduling, systems.billing, ledgers, base.clock),
        teller=DiscrepancyRecorder(records, base.catalogue),
        catalogue=base.catalogue,
        clock=base.clock,
    )


@asynccontextmanager
async def context_for(base: Foundation, needs: type[CommandContext]) -> AsyncIterator[CommandContext]:
    """A context that has what a command needs: no other system is connected, nor its secret asked for."""
    if issubclass(needs, RepairContext):
        systems = connect_systems(base.catalogue, base.secrets, crosswalk=ledger_crosswalk(base))
        try:
            yield repair_context(base, systems)
        finally:
            await systems.close()
    elif issubclass(needs, LedgerContext):
        ledger = connect_ledger(base.catalogue, base.secrets, ledger_crosswalk(base))
        try:
            yield LedgerContext(**vars(command_context(base)), ledger=ledger)
        finally:
            await ledger.close()
    else:
        yield command_context(base)


def repair_context(base: Foundation, systems: Systems) -> RepairContext:
    """Where discrepancies are repaired."""
    acting = command_context(base)
    return RepairContext(
        **vars(acting),
        scheduling=systems.scheduling,
        billing=systems.billing,
        ledger=systems.ledger,
        inbox=inbox(base),
        reconciler=reconciler(base, systems, acting.recorder),
    )


def watch(base: Foundation, systems: Systems, records: Recorder) -> ReconciliationWatch:
    """Reconciles on schedule and on request."""
    return ReconciliationWatch(
        database=base.database,
        reconciler=reconciler(base, systems, records),
        recorder=records,
        catalogue=base.catalogue,
        clock=base.clock,
    )


def recorder(catalogue: Catalogue) -> Recorder:
    """Records events, and starts, wakes and cancels the processes they concern."""
    owner = catalogue.system_of("scheduling")[1].owner
    owners = {"payment": catalogue.system_of("billing")[1].owner}
    return Recorder(ROUTES, AWAITED, owner=owner, owners=owners, organisation=catalogue.organisation.id)


def command_context(base: Foundation) -> CommandContext:
    """Where people act from."""
    return CommandContext(
        database=base.database,
        vault=base.vault,
        recorder=recorder(base.catalogue),
        catalogue=base.catalogue,
        clock=base.clock,
        anchor=Anchor(base.settings.data_dir / "audit.heads"),
    )
