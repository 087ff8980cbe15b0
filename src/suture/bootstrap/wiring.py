"""Puts the parts together. The only place that names concrete connectors and engines."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import asyncpg

from suture.backbone.relay import Relay
from suture.backbone.subscribe import Subscriber
from suture.bootstrap.servers import backbone_address, database_address
from suture.bootstrap.settings import Secrets, Settings, SettingsError
from suture.catalogue import Catalogue, load
from suture.catalogue.model import ServiceIndex
from suture.connectors.billing import RestBilling
from suture.connectors.odoo import OdooLedger
from suture.connectors.port import Billing, Ledger, LedgerPlan, Place, Product, Scheduling
from suture.connectors.scheduling import FhirScheduling
from suture.core.clock import Clock, SystemClock
from suture.ingest.ingester import Ingester
from suture.operate.projection import JourneyProjection
from suture.processes.advance import Responsibility
from suture.processes.definitions import AWAITED, DEFINITIONS, ROUTES
from suture.processes.engine import PostgresEngine
from suture.processes.toolbox import Toolbox
from suture.store.database import CONNECTION_LOST, Database
from suture.store.events import Recorder
from suture.store.inbox import Inbox
from suture.store.listen import DELIVERIES, EVENTS, PROCESSES, listen
from suture.store.parties import Parties
from suture.store.processes import ProcessStore
from suture.store.sealing import MasterKey
from suture.store.vault import Vault


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


@asynccontextmanager
async def foundation(settings: Settings, secrets: Secrets, *, most: int = 8) -> AsyncIterator[Foundation]:
    """Open what every role stands on; closed on the way out."""
    catalogue = load(settings.catalogue)
    database = await connect_database(database_address(settings), most)
    nats_url = backbone_address(settings)
    vault = Vault(database, MasterKey(secrets.master_key()), catalogue.organisation.id)
    try:
        yield Foundation(settings, secrets, catalogue, SystemClock(), database, vault, nats_url)
    finally:
        await database.close()


async def connect_database(url: str, most: int) -> Database:
    """Connect, or raise `SettingsError` in words that say where it was tried and what to mend."""
    try:
        return await Database.connect(url, most=most)
    except (*CONNECTION_LOST, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        where = urlsplit(url).hostname or "the address given"
        raise SettingsError(
            f"the database on {where} can't be used ({type(error).__name__}): check SUTURE_DATABASE_URL, "
            "that the server runs, and that user and database exist"
        ) from error


def connect_systems(catalogue: Catalogue, secrets: Secrets) -> Systems:
    """Connectors for the catalogue's systems. Nothing is sent yet."""
    currency = catalogue.organisation.currency
    name, system = catalogue.system_of_kind("fhir-scheduling")
    scheduling = FhirScheduling(
        name, system.url, secrets.get(system.secret), concurrency=system.concurrency, timeout=system.timeout
    )
    name, system = catalogue.system_of_kind("rest-billing")
    billing = RestBilling(
        name, system.url, secrets.get(system.secret), currency, concurrency=system.concurrency, timeout=system.timeout
    )
    name, system = catalogue.system_of_kind("odoo")
    ledger = OdooLedger.connect(
        name=name,
        url=system.url,
        database=system.database or "",
        api_key=secrets.get(system.secret),
        login=system.login,
        transport=None if system.transport == "auto" else system.transport,
        company=system.company,
        organisation=catalogue.organisation.id,
        plan=ledger_plan(catalogue),
        concurrency=system.concurrency,
        timeout=system.timeout,
    )
    return Systems(scheduling, billing, ledger)


def ledger_plan(catalogue: Catalogue) -> LedgerPlan:
    """What the catalogue wants to stand in the ledger."""
    services = (Product(code=service.code, name=service.name) for service in catalogue.services)
    articles = (Product(code=article.code, name=article.name, stocked=True) for article in catalogue.products)
    ledger = catalogue.ledger
    return LedgerPlan(
        currency=catalogue.organisation.currency,
        income_account=ledger.income_account,
        compensation_expense_account=ledger.compensation_expense_account,
        compensation_liability_account=ledger.compensation_liability_account,
        clearing_account=ledger.clearing_account,
        sale_journal=ledger.sale_journal,
        bank_journal=ledger.bank_journal,
        general_journal=ledger.general_journal,
        products=(*services, *articles),
        facilities=tuple(Place(code=facility.code, name=facility.name) for facility in catalogue.facilities),
    )


def inbox(base: Foundation) -> Inbox:
    """The gateway's side of the inbox."""
    return Inbox(base.database, base.vault)


def responsibility(catalogue: Catalogue) -> Callable[[str | None], Responsibility]:
    """Who answers for a system of a kind, as the catalogue says."""

    def of(kind: str | None) -> Responsibility:
        name, system = catalogue.system_of_kind(kind or "fhir-scheduling")
        interface = catalogue.outbound(name)
        key = next(key for key, value in catalogue.interfaces.items() if value is interface)
        return Responsibility(owner=system.owner, interface=key, retry=interface.retry)

    return of


def toolbox(base: Foundation, systems: Systems, parties: Parties) -> Toolbox:
    catalogue = base.catalogue
    return Toolbox(
        billing=systems.billing,
        ledger=systems.ledger,
        parties=parties,
        catalogue=catalogue,
        services=ServiceIndex(catalogue),
        zone=ZoneInfo(catalogue.organisation.timezone),
    )


async def work(base: Foundation) -> None:
    """The worker role: ingest, processes, relay and projection, until cancelled."""
    recorder = Recorder(ROUTES, AWAITED, owner=base.catalogue.system_of_kind("fhir-scheduling")[1].owner)
    parties = Parties(base.database, base.vault)
    ingester = Ingester(
        database=base.database,
        vault=base.vault,
        parties=parties,
        recorder=recorder,
        catalogue=base.catalogue,
        clock=base.clock,
    )
    systems = connect_systems(base.catalogue, base.secrets)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(systems.close)
        engine = PostgresEngine(
            database=base.database,
            store=ProcessStore(base.database, recorder),
            definitions=DEFINITIONS,
            toolbox=toolbox(base, systems, parties),
            responsible=responsibility(base.catalogue),
            organisation=base.catalogue.organisation.id,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            clock=base.clock,
            slots=base.settings.slots,
            lease=timedelta(seconds=base.settings.lease_seconds),
        )
        relay = Relay(base.database, base.nats_url)
        projection = JourneyProjection(base.database)
        subscriber = Subscriber("journeys", base.nats_url, projection.apply, projection.put_aside)
        wakers = {DELIVERIES: ingester.wake, PROCESSES: engine.wake, EVENTS: relay.wake}
        async with asyncio.TaskGroup() as group:
            for loop in (
                engine.run(),
                ingester.run(),
                relay.run(),
                subscriber.run(),
                listen(base.database.url, wakers),
            ):
                group.create_task(loop)
