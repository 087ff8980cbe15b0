"""The world that all lives share: one database, one Odoo, one billing platform, and three workers that are stepped by
hand. Each life has an appointment of its own in it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest import mock

import asyncpg
import structlog

from suture.bootstrap.composition import ledger_plan
from suture.catalogue import Catalogue
from suture.catalogue.days import Days
from suture.catalogue.manifest import Role
from suture.catalogue.model import Retry, ServiceIndex
from suture.connectors import read_retry
from suture.connectors.billing.rest import RestBilling
from suture.connectors.odoo.ledger import OdooLedger
from suture.connectors.odoo.records.names import external_id
from suture.engine.decide import Responsibility
from suture.ingest.ingester import Ingester
from suture.processes.closing import Closing
from suture.processes.definitions import AWAITED, DEFINITIONS, ROUTES
from suture.processes.engine import ProcessEngine
from suture.processes.toolbox import Toolbox
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.inbox import Inbox
from suture.store.parties import Parties
from suture.store.periods import Calendar
from suture.store.recorder import Recorder
from suture.store.sealing import MasterKey
from suture_lab.simulators.billing import app as billing_app
from suture_lab.simulators.billing.book import Book
from suture_lab.simulators.billing.messages import BilledPayment
from suture_lab.simulators.clinic import day as clinic
from suture_lab.simulators.odoo import app as odoo_app
from suture_lab.simulators.odoo.database import SimulatedDatabase as OdooDatabase
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookTarget

from .line import Door, Line, LinedStore, Work
from .script import Fate

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LEASE = timedelta(minutes=10)
PRICE = Decimal("133.35")
LAPSED = "lapsed"
"""The patient whose payer refuses; every other patient is nobody that the payer knows, which is no refusal."""

_PATIENCE_S = 20
_KEY, _LOGIN, _TOKEN = "simulated-key", "suture-bot", "billing-token"
_WORKERS = ("first", "second", "last")
_DOCUMENTS = ("invoice", "credit", "accrual", "accrual_reversal", "picking", "picking_return")


class OpenBook(Book):
    """Billing's book, where a payment comes when the life says so and not by the day's plan."""

    def __init__(self, day: clinic.ClinicDay) -> None:
        super().__init__(day)
        self._coming: list[BilledPayment] = []

    def planned_payments(self, _: str) -> list[BilledPayment]:
        return self._coming

    def pay(self, payment: BilledPayment) -> None:
        self._coming = [payment]
        self._adjudicated.discard(payment.charge_id)
        self.adjudicate(payment.charge_id)
        self._coming = []


class LifeClock:
    """Each life begins at the same moment, so that it takes the same course whatever ran before."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


class Worker:
    """The real engine with the real connectors, one process at a time. Its timer and its heart stand still: it claims
    when it is told to, and its lease ends when the clock says so."""

    def __init__(self, name: str, world: "World", url: str) -> None:
        self.line = world.lines[name]
        self._name = name
        self._world = world
        catalogue = world.catalogue
        self.billing = RestBilling("billing", f"{url}/{name}/billing", _TOKEN, "USD")
        self.ledger = OdooLedger.connect(
            name="odoo",
            url=f"{url}/{name}/odoo",
            database="suture",
            api_key=_KEY,
            organisation=catalogue.organisation.id,
            plan=world.plan,
            clock=world.clock,
        )
        self._toolbox = Toolbox(
            billing=self.billing,
            ledger=self.ledger,
            parties=Parties(world.database, world.vault),
            catalogue=catalogue,
            services=ServiceIndex(catalogue),
            days=Days(catalogue),
            calendar=Calendar(world.database, world.clock),
            closing=Closing(world.database, world.clock, catalogue.organisation.currency),
        )
        self._engine = self._start()

    def _start(self) -> ProcessEngine:
        world = self._world

        def responsible(_: Role | None) -> Responsibility:
            return Responsibility("revenue cycle", "an-interface", world.retry)

        return ProcessEngine(
            store=LinedStore(world.database, world.recorder, responsible, self.line, world.overruled),
            definitions=DEFINITIONS,
            toolbox=self._toolbox,
            responsible=responsible,
            organisation=world.catalogue.organisation.id,
            worker=self._name,
            clock=world.clock,
            slots=1,
            lease=LEASE,
            jitter=lambda: 0.0,
        )

    @property
    def busy(self) -> bool:
        return bool(self._engine._tasks)

    async def work(self, calls: int, fate: Fate) -> None:
        self.line.script(calls, fate)
        await self._go_on()

    async def work_freely(self) -> bool:
        """Without faults to the end of what is held, or of one process that is due. False: nothing was."""
        self.line.free()
        return await self._go_on()

    async def _go_on(self) -> bool:
        if not self.busy:
            await self._engine._claim_due()
        tasks = list(self._engine._tasks.values())
        if not tasks:
            return False
        stopped = asyncio.ensure_future(self.line.stopped.wait())
        done, _ = await asyncio.wait([*tasks, stopped], timeout=_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not done:
            raise TimeoutError(f"the worker {self._name} neither goes on nor stops")
        if self.line.dead:
            await self._die(tasks)
        return True

    async def _die(self, tasks: list[asyncio.Task[None]]) -> None:
        """As by SIGKILL: its leases run on. The next one by that name knows nothing of the life's documents."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._drained()
        self.line.revive()
        self.forget()
        self._engine = self._start()

    async def _drained(self) -> None:
        """Until nothing is under way in the connectors, whose batches outlive whoever asked for them."""
        gathers = list(self.ledger._server._gathered.values())
        async with asyncio.timeout(_PATIENCE_S):
            while tasks := [task for gather in gathers for task in gather._tasks]:
                await asyncio.wait(tasks)

    def forget(self) -> None:
        """What a new worker doesn't know: which of the life's documents stand in Odoo."""
        session = self.ledger._server._sessions.get(None)
        if session is not None:
            session.finder.forget(external_id(kind, self._world.appointment) for kind in _DOCUMENTS)
            session.finder.forget(external_id("payment", payment.id) for payment in self._world.payments)

    async def stop(self) -> None:
        """Whatever it holds is over."""
        self.line.kill()
        await self._die(list(self._engine._tasks.values()))

    async def close(self) -> None:
        await self.billing.close()
        await self.ledger.close()


class World:
    """Everything that outlives a life. `begin` gives the next one its appointment."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.clock = LifeClock()
        self.catalogue = catalogue
        self.plan = ledger_plan(catalogue)
        self.retry = _retry(99)
        self.database = database
        self.vault = Vault(database, MasterKey(b"k" * 32), catalogue.organisation.id)
        self.inbox = Inbox(database, self.vault)
        self.recorder = Recorder(ROUTES, AWAITED)
        self.ingester = Ingester(
            database=database,
            vault=self.vault,
            parties=Parties(database, self.vault),
            recorder=self.recorder,
            catalogue=self.catalogue,
            clock=self.clock,
        )
        self.late: list[Work] = []
        self.overruled: list[str] = []
        self.lines = {name: Line(self.late) for name in _WORKERS}
        self.book = OpenBook(_day())
        self.odoo = OdooDatabase("suture", 19, {_KEY: _LOGIN}, self.clock)
        self.workers: list[Worker] = []
        self.lives = 0
        self.appointment = ""
        self.payments_before = self.charges_before = 0
        self.moves_before = self.pickings_before = 0

    @property
    def payments(self) -> list[BilledPayment]:
        """What billing posted in this life."""
        return self.book.payments[self.payments_before :]

    @property
    def charges(self) -> list[str]:
        return self.book.charges[self.charges_before :]

    def begin(self, attempts: int) -> None:
        self.lives += 1
        self.appointment = f"life{self.lives}"
        self.retry = _retry(attempts)
        self.clock.time = START
        self.late.clear()
        self.overruled.clear()
        self.payments_before, self.charges_before = len(self.book.payments), len(self.book.charges)
        self.moves_before = self.odoo.store.tables["account.move"].last_id
        self.pickings_before = self.odoo.store.tables["stock.picking"].last_id

    async def clear(self) -> None:
        """After a life that did not come to its end: nothing of it reaches into the next."""
        self.late.clear()
        for worker in self.workers:
            await worker.stop()
        async with self.database.connection() as connection:
            await connection.execute("DELETE FROM process")
            await connection.execute("DELETE FROM exception")
            await connection.execute("UPDATE delivery SET state = 'ingested'")

    @asynccontextmanager
    async def open(self) -> AsyncIterator["World"]:
        target = WebhookTarget("http://127.0.0.1:9/", "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2")
        with (
            mock.patch.object(billing_app, "Book", return_value=self.book),
            mock.patch.object(odoo_app, "SimulatedDatabase", return_value=self.odoo),
        ):
            billing = billing_app.create_app(_day(), token=_TOKEN, webhook=target, adjudication_delay=0)
            odoo = odoo_app.create_app(api_keys={_KEY: _LOGIN}, clock=self.clock)
        async with serving(Door(self.lines, {"billing": billing, "odoo": odoo})) as url:
            self.workers = [Worker(name, self, url) for name in _WORKERS]
            for worker in self.workers:
                await worker.ledger.prepare(self.plan)
            yield self
            for worker in self.workers:
                await worker.close()


@asynccontextmanager
async def opened(url: str, catalogue: Catalogue) -> AsyncIterator[World]:
    """A world in the fresh database at `url`. Its commits needn't survive a power cut, and logs would only repeat what
    a life's script says."""
    admin = await asyncpg.connect(url)
    await admin.execute(
        f"ALTER DATABASE {await admin.fetchval('SELECT current_database()')} SET synchronous_commit = off"
    )
    await admin.close()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    database = await Database.connect(url)
    try:
        with mock.patch.object(read_retry, "FIRST_WAIT", 0), mock.patch.object(read_retry, "LONGEST_WAIT", 0):
            async with World(database, catalogue).open() as world:
                yield world
    finally:
        structlog.reset_defaults()
        await database.close()


def _retry(attempts: int) -> Retry:
    """Tries are bounded by their number alone: leases that lapse make any life long."""
    unbounded = {"within": 1e9} if "within" in Retry.__struct_fields__ else {}
    return Retry(attempts=attempts, first=0.01, longest=0.02, **unbounded)


def _day() -> clinic.ClinicDay:
    service = clinic.ClinicService(code_system="urn:harbour:services", code="OV-EST", name="Office visit", price=PRICE)
    refused = clinic.AppointmentPlan(
        id="never-told",
        patient=LAPSED,
        practitioner="d1",
        facility="MAIN",
        payer="o1",
        start=START,
        minutes=30,
        story=(),
        eligible="inactive",
    )
    return clinic.ClinicDay(
        day=date(2026, 3, 2),
        seed=1,
        currency="USD",
        facilities=(),
        practitioners=(),
        payers=(),
        patients=(),
        products=(),
        services=(service,),
        appointments=(refused,),
    )
