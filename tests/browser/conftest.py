"""A browser, a console that it looks at, and a clinic whose day is told by real events."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from suture.bootstrap.settings import Secrets, Settings
from suture.bootstrap.wiring import Foundation
from suture.canonical import events as facts
from suture.canonical.events import Event
from suture.canonical.records import Charge, Payment, PricedLine, ServiceLine, Visit
from suture.catalogue.load import parse
from suture.catalogue.write import template
from suture.console.app import create_app
from suture.core.clock import ManualClock, SystemClock
from suture.core.ids import fact_id
from suture.core.money import Money
from suture.operate.projection import JourneyProjection
from suture.processes.advance import NEVER
from suture.processes.definitions import ROUTES
from suture.store import backlog, exceptions, gates, steering
from suture.store.backlog import Settled
from suture.store.database import Database
from suture.store.events import mark_published, unpublished
from suture.store.exceptions import Trouble
from suture.store.inbox import Inbox
from suture.store.processes import Checkpoint, ProcessStore, StepRecord
from suture.store.recorder import Recorder
from suture.store.vault import Vault

CHROMIUM = "/usr/bin/chromium"
_SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_MISSING = "Chromium is missing: install it with `apt-get install chromium`"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium. Where it is missing the test is skipped; under CI it fails."""
    if shutil.which(CHROMIUM) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_SWITCHES))
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that must stay silent: what the browser's log says of it is a failure at the end."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    yield page
    await page.close()
    assert [line for line in said if not _expected(line)] == []


def _expected(line: str) -> bool:
    """The browser itself logs that a page, or a look for news, was answered 404 or 503."""
    return "Failed to load resource" in line and ("404" in line or "503" in line)


Steps = list[tuple[str, list[tuple[str, msgspec.Struct]]]]
"""Steps by name, each with the types and data of the events that it makes true."""


class Clinic:
    """A clinic's day. Each telling is a delivery, its event and its projection, at the clock's time."""

    def __init__(self, database: Database, vault: Vault, clock: ManualClock) -> None:
        self.database, self.vault, self.clock = database, vault, clock
        self._recorder = Recorder(ROUTES)
        self._processes = ProcessStore(database, self._recorder)
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
            ended = await steering.cancel(connection, [f"completed_appointment:{appointment}"], self.clock.now())
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
            claimed = (await backlog.claim(connection, [interface], self.clock.now(), 100)).deliveries
            settled = {item.id: Settled("ingested", f"Appointment/{appointment}") for item in claimed}
            await backlog.settle(connection, settled, self.clock.now())
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
                trouble = _trouble(key, step, appointment)
                await self._save(claim, step, "stuck", trouble=trouble, due_at=NEVER)
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

    async def _save(self, claim: Any, step: str, state: str, **more: Any) -> None:
        attempt = 1 if state == "stuck" else 0
        checkpoint = Checkpoint(
            key=claim.key, fence=claim.fence, state=state, step=step, at=self.clock.now(), attempt=attempt, **more
        )
        assert (await self._processes.save(checkpoint)).held

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


@pytest.fixture
async def console(clinic: Clinic, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a console over the clinic's database."""
    base = Foundation(
        settings=Settings(data_dir=tmp_path),
        secrets=Secrets({}, tmp_path),
        catalogue=parse(template(), "catalogue.yaml"),
        clock=clinic.clock,
        database=clinic.database,
        vault=clinic.vault,
        nats_url="nats://127.0.0.1:1",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(base), log_config=None, ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


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


def _trouble(process: str, step: str, appointment: str) -> Trouble:
    return Trouble(
        code="period_locked",
        outcome="rejected",
        reason="Odoo’s fiscal period is locked up to 2026-06-30",
        remedy="Reopen the period in Odoo, or move the lock date; then retry.",
        owner="finance",
        interface="odoo-ledger",
        process=process,
        step=step,
        subject=f"Appointment/{appointment}",
    )
