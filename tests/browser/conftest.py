"""A browser, a console that it looks at, and a clinic whose day is told by real events."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from tests.conftest import Notice, fresh_database
from tests.integration.recovery import House

from suture.acting.actor import Actor
from suture.bootstrap.bounds import Bounds
from suture.bootstrap.composition import Foundation, command_context
from suture.bootstrap.serving import DoorServer
from suture.bootstrap.settings import Secrets, Settings
from suture.canonical import events as facts
from suture.canonical.events import Event
from suture.canonical.records import Charge, Payment, PricedLine, ServiceLine, Visit
from suture.catalogue import Catalogue
from suture.catalogue.load import parse
from suture.catalogue.manifest import Role
from suture.catalogue.model import Retry
from suture.catalogue.write import template
from suture.commands import accounts
from suture.console.app import create_app
from suture.console.request import LARGEST_FORM
from suture.core.clock import ManualClock, SystemClock
from suture.core.failure import Rejected
from suture.core.ids import fact_id
from suture.core.money import Money
from suture.engine.decide import Complaint, Responsibility
from suture.engine.port import Checkpoint
from suture.engine.process import NEVER, Journal, Process, StepRecord
from suture.engine.steer import End
from suture.processes.definitions import ROUTES
from suture.projection.journeys import JourneyProjection
from suture.store import delivery_queue, discrepancies, exceptions, gates
from suture.store.checkpoints import ProcessStore
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.delivery_queue import SettledDelivery
from suture.store.discrepancies import FoundDifference
from suture.store.events import mark_published, unpublished
from suture.store.inbox import Inbox
from suture.store.processes import PROCESSES
from suture.store.recorder import Recorder

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""Debian's Chromium: without its windows, where that package is there, which costs a third less."""
_SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_MISSING = "Chromium is missing: install it with `apt-get install chromium`"


of_one_loop = pytest_asyncio.fixture(loop_scope="session")
"""The tests of a process share a loop, and so a browser: to start one costs more than most of what is tried with it."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium. Where it is missing the tests are skipped; under CI they fail."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_SWITCHES))
        yield browser
        await browser.close()


@of_one_loop
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """The browser, without anything that another test left in it."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@of_one_loop
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_url) as url:
        yield url


@of_one_loop
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url)
    yield database
    await database.close()


@of_one_loop
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that must stay silent: what the browser's log says of it is a failure at the end.

    Where a click leads is worked with once its scripts have come, as a person does: before, its forms answer with whole
    pages, which `test_before_scripts.py` tries.
    """
    page = await browser.new_page(viewport={"width": 1280, "height": 900}, timezone_id="America/New_York")
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    await page.add_locator_handler(page.locator("html"), lambda: page.wait_for_load_state("load"), no_wait_after=True)
    yield page
    await page.close()
    assert [line for line in said if not _expected(line)] == []


def _expected(line: str) -> bool:
    """The browser itself logs that a page, or a look for news, was refused."""
    return "Failed to load resource" in line and any(
        status in line for status in ("403", "404", "409", "422", "429", "503")
    )


Steps = list[tuple[str, list[tuple[str, msgspec.Struct]]]]
"""Steps by name, each with the types and data of the events that it makes true."""


class Clinic:
    """A clinic's day. Each telling is a delivery, its event and its projection, at the clock's time."""

    def __init__(self, database: Database, vault: Vault, clock: ManualClock) -> None:
        self.database, self.vault, self.clock = database, vault, clock
        self._recorder = Recorder(ROUTES)
        self._processes = ProcessStore(database, self._recorder, _responsible)
        self._projection = JourneyProjection(database, self._recorder, SystemClock())
        self._numbers = 0

    async def books(self, appointment: str) -> None:
        booked = facts.AppointmentBooked(
            appointment=appointment,
            patient=f"Patient/of-{appointment}",
            practitioner="Practitioner/7",
            facility="MAIN",
            start=self.clock.now() + timedelta(minutes=30),
        )
        await self._hear("scheduling-appointments", "suture.appointment.booked.v1", appointment, booked, 1)

    async def completes(self, appointment: str, price: str, *, quantity: int = 1) -> None:
        line = ServiceLine(service="OV-EST", quantity=Decimal(quantity), unit_price=Decimal(price))
        visit = Visit(
            appointment=appointment,
            patient=f"Patient/of-{appointment}",
            practitioner="Practitioner/7",
            facility="MAIN",
            payer="Payer/BLUE",
            started_at=self.clock.now() - timedelta(minutes=20),
            ended_at=self.clock.now(),
            lines=(line,),
        )
        completed = facts.AppointmentCompleted(visit=visit)
        await self._hear("scheduling-appointments", "suture.appointment.completed.v1", appointment, completed, 3)

    async def cancels(self, appointment: str) -> None:
        cancelled = facts.AppointmentCancelled(appointment=appointment, reason="patient")
        await self._hear("scheduling-appointments", "suture.appointment.cancelled.v1", appointment, cancelled, 2)

    async def misses(self, appointment: str) -> None:
        missed = facts.AppointmentNoShow(appointment=appointment)
        await self._hear("scheduling-appointments", "suture.appointment.no_show.v1", appointment, missed, 2)

    async def bills(
        self, appointment: str, price: str, *, stuck_at: str | None = None, parked_at: str | None = None
    ) -> str:
        """Run the appointment's process to its end, or until a step asks for a person or meets a shut gate; answers
        the invoice's number."""
        self._numbers += 1
        number = f"INV/{self.clock.now():%Y}/{self._numbers:05}"
        steps = _steps(appointment, Money(Decimal(price), "USD"), number)
        await self._run(f"completed_appointment:{appointment}", appointment, steps, stuck_at, parked_at)
        return number

    async def is_paid(self, appointment: str, number: str, price: str) -> None:
        amount = Money(Decimal(price), "USD")
        payment = Payment(
            payment=f"PMT-{appointment}",
            charge=f"CH-{appointment}",
            appointment=appointment,
            amount=amount,
            received_on=self.clock.now().date(),
            payer="Payer/BLUE",
        )
        await self._hear(
            "billing-payments", "suture.payment.posted.v1", appointment, facts.PaymentPosted(payment=payment), 1
        )
        paid = facts.InvoicePaid(
            appointment=appointment,
            payment=payment.payment,
            number=number,
            amount=amount,
            residual=Money.zero("USD"),
            payment_state="paid",
        )
        steps: Steps = [("invoice_posted", []), ("apply_payment", [("suture.invoice.paid.v1", paid)])]
        await self._run(f"posted_payment:{payment.payment}", appointment, steps)

    async def ends(self, appointment: str) -> None:
        """A person ends the appointment's process where it stands."""
        async with self.database.transaction() as connection:
            key = f"completed_appointment:{appointment}"
            ended = await PROCESSES.steer(connection, [(key, End(self.clock.now()))])
        assert ended

    async def assigns(self, number: int, person: str) -> None:
        async with self.database.connection() as connection:
            assert await exceptions.assign(connection, [number], person) == [number]

    async def pauses(self, interface: str, by: str, reason: str) -> None:
        async with self.database.connection() as connection:
            assert await gates.pause(connection, interface, self.clock.now(), by, reason)

    async def goes_away(self, interface: str, cause: str, *, breaker: str = "open") -> None:
        """What the breaker writes when a system fails, or while it is tried whether it is back."""
        now = self.clock.now()
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO gate (interface, breaker, cause, openings, opened_at, probe_at)"
                " VALUES ($1, $2, $3, 1, $4, $5)",
                *(interface, breaker, cause, now, now + timedelta(minutes=20)),
            )

    async def publishes(self) -> None:
        """What the relay, the backbone and the projection do."""
        async with self.database.transaction() as connection:
            outgoing = await unpublished(connection, 1000)
            await mark_published(connection, [item.seq for item in outgoing])
        await self._projection.apply([item.event for item in outgoing])

    async def _hear(
        self, interface: str, event_type: str, appointment: str, data: msgspec.Struct, version: int
    ) -> None:
        now = self.clock.now()
        body = msgspec.json.encode({"type": event_type, "data": data})
        answer = await Inbox(self.database, self.vault).accept(interface, f"{appointment}.{event_type}", body, now)
        self.clock.advance(timedelta(milliseconds=8))
        async with self.database.transaction() as connection:
            claimed = (await delivery_queue.claim(connection, [interface], self.clock.now(), 100)).deliveries
            settled = {item.id: SettledDelivery("ingested", f"Appointment/{appointment}") for item in claimed}
            await delivery_queue.settle(connection, settled, self.clock.now())
        await self._record(self._event(event_type, appointment, data, version, causation_id=answer.receipt))

    async def _record(self, event: Event) -> None:
        async with self.database.transaction() as connection:
            await self._recorder.record(connection, [event])
        await self.publishes()

    async def _run(
        self, key: str, appointment: str, steps: Steps, stuck_at: str | None = None, parked_at: str | None = None
    ) -> None:
        now = self.clock.now()
        claims = await self._processes.claim("worker-1", now, now, 1000)
        claim = next(claim for claim in claims if claim.key == key)
        for step, told in steps:
            self.clock.advance(timedelta(milliseconds=40))
            if step == stuck_at:
                await self._save(claim, step, "stuck", complaint=Complaint(step, "ledger", _LOCKED), due_at=NEVER)
                break
            if step == parked_at:
                await self._save(claim, step, "parked", held_by="odoo-ledger", due_at=self.clock.now())
                break
            journal = {step: StepRecord(state="done", at=self.clock.now(), seconds=0.0312, result=msgspec.Raw(b"{}"))}
            events = tuple(self._event(event_type, appointment, data) for event_type, data in told)
            await self._save(claim, step, "running", journal=journal, events=events)
        else:
            await self._save(claim, "", "done")
        await self.publishes()

    async def _save(
        self,
        claim: Process,
        step: str,
        state: str,
        *,
        journal: Journal | None = None,
        events: tuple[Event, ...] = (),
        complaint: Complaint | None = None,
        **fields: Any,
    ) -> None:
        released = state != "running"
        process = msgspec.structs.replace(
            claim, state=state, step=step, attempt=int(state == "stuck"), released=released, **fields
        )
        if state == "done":
            process = msgspec.structs.replace(process, finished_at=self.clock.now())
        checkpoint = Checkpoint(
            process=process, at=self.clock.now(), journal=journal or {}, events=events, complaint=complaint
        )
        assert (await self._processes.save(checkpoint)).written

    def _event(
        self, event_type: str, appointment: str, data: msgspec.Struct, version: int | None = None, **more: Any
    ) -> Event:
        return Event(
            id=fact_id("test", event_type, appointment),
            type=event_type,
            source="suture/test",
            subject=f"Appointment/{appointment}",
            organisation="harbour-clinics",
            facility="MAIN",
            occurred_at=self.clock.now(),
            recorded_at=self.clock.now(),
            correlation_id=appointment,
            data=msgspec.Raw(msgspec.json.encode(data)),
            sequence=version,
            **more,
        )


@pytest.fixture
def clinic(database: Database, vault: Vault, clock: ManualClock) -> Clinic:
    return Clinic(database, vault, clock)


ADMINISTRATOR = Actor("root", "a test", ("administrator",))


class Desk:
    """Who works at the console. `password` is everybody's."""

    password = "a few words that do well"

    def __init__(self, base: Foundation, url: str) -> None:
        self.base, self.url, self.desk = base, url, command_context(base)

    async def has(self, name: str, *roles: str) -> str:
        """There is such a person; answers a session of theirs."""
        token = await accounts.add(self.desk, ADMINISTRATOR, name, full_name=name.title(), email="", roles=roles)
        return await accounts.accept(self.desk, token, self.password)

    async def signs_in(self, page: Page, name: str, *roles: str) -> None:
        """The page is this person's from now on."""
        await self.shows(page, await self.has(name, *roles))

    async def shows(self, page: Page, session: str) -> None:
        await page.context.clear_cookies()
        await page.context.add_cookies([{"name": "suture", "value": session, "url": self.url, "httpOnly": True}])


@asynccontextmanager
async def serving_console(base: Foundation, port: int = 0) -> AsyncIterator[str]:
    """The address of a console."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = DoorServer(create_app(base), Bounds(body_bytes=LARGEST_FORM))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@of_one_loop
async def day(clinic: Clinic) -> Clinic:
    """Five appointments: one paid, one whose posting is stuck, one cancelled, one missed, one still to come."""
    for appointment in ("A-paid", "A-stuck", "A-cancelled", "A-missed", "A-to-come"):
        await clinic.books(appointment)
    await clinic.completes("A-paid", "200.00")
    number = await clinic.bills("A-paid", "200.00")
    await clinic.is_paid("A-paid", number, "200.00")
    await clinic.completes("A-stuck", "1150.50")
    await clinic.bills("A-stuck", "1150.50", stuck_at="post_invoice")
    await clinic.cancels("A-cancelled")
    await clinic.misses("A-missed")
    clinic.clock.advance(timedelta(minutes=12))
    return clinic


@of_one_loop
async def night(day: Clinic, people: Desk, notice: Notice) -> House:
    """What failed overnight, beside the day's one: three visits with a code that no table has, a message that is none,
    a difference between the sides; Odoo is away and an interface is paused."""
    house = House(day.database, day.vault, people.base.catalogue, day.clock)
    for number in range(3):
        told = notice(appointment=f"N-{number}")
        told["data"]["entry"][-1]["resource"]["code"]["coding"][0]["code"] = "OV-NEW"
        await house.deliver(told)
    await house.deliver(b"not JSON")
    await house.ingest()
    await day.pauses("billing-payments", "ben", "statements are wrong")
    await day.goes_away("odoo-ledger", "unreachable")
    now = day.clock.now()
    async with day.database.transaction() as connection:
        await discrepancies.put(connection, [missing_invoice("A-paid")], now, now + timedelta(days=1))
    await day.publishes()
    return house


def missing_invoice(appointment: str) -> FoundDifference:
    """A charge that Odoo has no invoice for."""
    charge = {"number": f"CH-{appointment}", "state": "posted", "amount": "200.00", "currency": "USD"}
    evidence = {"asked": "a test", "compared": {"billing.charge": [charge], "ledger.invoice": []}, "also": {}}
    return FoundDifference(
        rule="charge_not_invoiced",
        what="missing",
        key=appointment,
        appointment=appointment,
        facility="MAIN",
        party="Payer/BLUE",
        day=date(2026, 3, 2),
        owner="finance",
        money=Decimal("200.00"),
        currency="USD",
        repair="redo",
        evidence=msgspec.json.encode(evidence).decode(),
        fingerprint="p1",
    )


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings that differ from the defaults."""
    return {}


@pytest.fixture
def change() -> Callable[[Catalogue], Catalogue]:
    """What of the catalogue differs from the template."""
    return lambda catalogue: catalogue


@of_one_loop
async def people(
    page: Page, clinic: Clinic, tmp_path: Path, settings: dict[str, Any], change: Callable[[Catalogue], Catalogue]
) -> AsyncIterator[Desk]:
    """A console over the clinic's database, and who works at it."""
    base = Foundation(
        settings=Settings(data_dir=tmp_path, **settings),
        secrets=Secrets({}, tmp_path),
        catalogue=change(parse(template(), "catalogue.yaml")),
        clock=clinic.clock,
        database=clinic.database,
        vault=clinic.vault,
        nats_url="nats://127.0.0.1:1",
    )
    async with serving_console(base) as url:
        yield Desk(base, url)
        await page.goto("about:blank")  # it is left before the console ends


@of_one_loop
async def console(people: Desk, page: Page) -> str:
    """The address of the console; the page is an administrator's."""
    await people.signs_in(page, "ada", "administrator")
    return people.url


def _steps(appointment: str, total: Money, number: str) -> Steps:
    line = PricedLine(service="OV-EST", quantity=Decimal(1), unit_price=total.amount)
    charge = Charge(number=f"CH-{appointment}", appointment=appointment, total=total, lines=(line,))
    eligible = facts.EligibilityAnswered(appointment=appointment, payer="Payer/BLUE")
    drafted = facts.InvoiceDrafted(appointment=appointment, invoice=41, total=total)
    consumed = facts.StockConsumed(appointment=appointment, number="WH/OUT/00007", moves=2)
    accrued = facts.CompensationAccrued(
        appointment=appointment,
        practitioner="Practitioner/7",
        number="MISC/0042",
        amount=(total * Decimal("0.3")).rounded(),
    )
    posted = facts.InvoicePosted(appointment=appointment, invoice=41, number=number, total=total)
    return [
        ("resolve", []),
        ("check_eligibility", [("suture.eligibility.verified.v1", eligible)]),
        ("capture_charge", [("suture.charge.captured.v1", facts.ChargeCaptured(charge=charge))]),
        ("draft_invoice", [("suture.invoice.drafted.v1", drafted)]),
        ("consume_stock", [("suture.stock.consumed.v1", consumed)]),
        ("accrue_compensation", [("suture.compensation.accrued.v1", accrued)]),
        ("post_invoice", [("suture.invoice.posted.v1", posted)]),
    ]


_LOCKED = Rejected(
    "period_locked",
    "Odoo’s fiscal period is locked up to 2026-06-30",
    "Reopen the period in Odoo, or move the lock date; then retry.",
)


def _responsible(_: Role | None) -> Responsibility:
    return Responsibility("finance", "odoo-ledger", Retry())
