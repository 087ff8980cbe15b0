"""A day whose patients carry marks, with faults of every kind: no mark is found in anything that the platform tells."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import pytest
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.integration.clinic import KEYS, Clinic, clinic
from tests.integration.otlp import collecting

from suture.access.roles import ADMINISTRATOR
from suture.access.signatures import decode_secret, sign
from suture.acting.actor import Actor, NotPossible
from suture.backbone.feed import Feed
from suture.bootstrap.logs import configure_logs
from suture.catalogue.notifications import Notifications
from suture.commands import accounts, month_end, repairs
from suture.connectors.billing.rest import RestBilling
from suture.console.app import create_app as create_console
from suture.console.pages import today
from suture.core.clock import ManualClock, SystemClock
from suture.ingest.ingester import Ingester
from suture.notify.port import MessageAnswer, Outgoing
from suture.notify.sender import Sender
from suture.notify.watcher import Watcher
from suture.notify.wording import Wording
from suture.store import exceptions
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import ExceptionSelection
from suture.store.parties import Parties
from suture.telemetry import metrics
from suture.views import discrepancies
from suture.views import exceptions as queue
from suture.views.report import gather, page
from suture_lab.simulators.clinic.day import Address, ClinicDay, ClinicPatient
from suture_lab.simulators.faults import PRESETS, FaultInjection, Faults
from suture_lab.simulators.serving import serving

pytestmark = pytest.mark.timeout(240)

MARK = re.compile(r"zqm[a-z]*mark", re.IGNORECASE)
"""What every field of a patient holds."""
ADA = Actor("ada", "a test", (ADMINISTRATOR,))
_NOT_TOLD = {"delivery", "party", "payload_correction", "delivery_conflict", "data_key", "idempotency", "subscription"}
"""Tables whose content is sealed."""


def marked(day: ClinicDay) -> ClinicDay:
    """The same day; every patient's name, number, birth date and address say so."""

    def mark(number: int, one: ClinicPatient) -> ClinicPatient:
        address = Address(line=f"{number} Zqmstreetmark", city="Zqmcitymark", postal_code="Zqmpostmark")
        return msgspec.structs.replace(
            one, mrn=f"Zqmmrnmark{number}", family=f"Zqmfamilymark{number}", given="Zqmgivenmark", address=address
        )

    return msgspec.structs.replace(day, patients=tuple(mark(n, one) for n, one in enumerate(day.patients)))


class Asked:
    """Stands before each system with its faults, and keeps the addresses that were asked for."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def around(self, _: str, app: ASGIApp) -> ASGIApp:
        faulty = FaultInjection(app, Faults(PRESETS["light"]))

        async def noted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                self.addresses.append(f"{scope['path']}?{scope['query_string'].decode()}")
            await faulty(scope, receive, send)

        return noted


def found_in(told: Iterable[tuple[str, str]]) -> list[str]:
    """Where a mark stands, by what was searched."""
    return [where for where, text in told if MARK.search(text)]


@pytest.mark.parametrize("leak", ["log: Zqmfamilymark3 has no coverage", '{"city": "ZQMCITYMARK"}'])
def test_the_search_finds_what_is_planted(leak: str) -> None:
    assert found_in([("log", leak), ("metric", "suture_backlog 3")]) == ["log"]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of everything that is logged, as a role logs it."""
    path = tmp_path / "logs"
    with path.open("w", encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        configure_logs("debug", "test")
        yield path
        structlog.reset_defaults()


@pytest.fixture
def defects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bugs whose errors quote what they were given: in ingest, in a step (the first time) and in a page."""

    def breaking(owner: object, name: str, times: int) -> None:
        sound, left = getattr(owner, name), iter(range(times))

        async def broken(*arguments: Any, **named: Any) -> Any:
            if next(left, None) is not None:
                raise KeyError(f"Zqmdefectmark of {arguments}")
            return await sound(*arguments, **named)

        monkeypatch.setattr(owner, name, broken)

    breaking(Ingester, "_ingest", 2)
    breaking(RestBilling, "capture_charge", 1)
    breaking(today, "of_stage", 1)


@pytest.mark.usefixtures("defects")
async def test_nothing_that_is_told_carries_a_patient_s_data(
    tmp_path: Path, database: Database, vault: Vault, logs: Path
) -> None:
    asked = Asked()
    async with (
        collecting() as collector,
        clinic(
            tmp_path,
            database,
            vault,
            SystemClock(),
            appointments=40,
            alter=marked,
            around=asked.around,
        ) as it,
    ):
        await it.play()
        await send_what_can_t_be_used(it)
        await it.settled()
        words = [*await gaps(it), *await people_look(it), *await messages(it)]
        pages = await console_pages(it)
        rows = await tables(database)
        feed = Feed(it.base.nats_url)
        told = [one.event for one in await feed.after(0, (), 5000)]
        await feed.close()
    logged = logs.read_text(encoding="utf-8")
    assert all(event in logged for event in ("batch_broke", "step_broke", "page_broke")), logged
    assert len(told) > 100
    assert len(collector.spans) > 100
    assert "Zqm" in (await one_patient(vault, database)), "the marks are really in what was delivered"
    everything = [
        ("logs", logged),
        ("metrics", metrics.exposition().decode()),
        *((f"trace {n}", raw.decode(errors="replace")) for n, raw in enumerate(collector.raw)),
        *((f"event {event.type}", bytes(event.data).decode()) for event in told),
        *((f"address {address}", address) for address in asked.addresses),
        *words,
        *pages,
        *rows,
    ]
    assert found_in(everything) == []


async def send_what_can_t_be_used(it: Clinic) -> None:
    """Malformed, of an unknown code, contradicting itself; each with marks in it."""
    plan = next(plan for plan in it.day.appointments if plan.story[-1] == "completed")
    body = await it.systems.scheduling.refetch(plan.id)
    assert body is not None
    whole = body.replace(plan.id.encode(), b"zz-" + plan.id.encode())
    broken = [
        b'{"type": "appointment.completed", "data": {"family": "Zqmbrokenmark"',
        whole.replace(b'"code"', b'"cod"'),
        whole.replace(b'"fulfilled"', b'"Zqmstatusmark"'),
        re.sub(rb'"code":"[^"]+","display"', b'"code":"Zqmcodemark","display"', whole).replace(
            b"Zqmcodemark", b"NOSUCH"
        ),
        re.sub(rb'"birthDate":"[^"]+"', b'"birthDate":"Zqmbirthmark"', whole),
        body.replace(b'"Zqmgivenmark"', b'"Zqmothermark"'),
    ]
    for content in broken:
        await deliver(it, content)


async def deliver(it: Clinic, content: bytes) -> None:
    number, stamp = str(uuid4()), f"{SystemClock().now().timestamp():.0f}"
    key = decode_secret(KEYS["SUTURE_SCHEDULING_SIGNING_KEY"])
    headers = {
        "webhook-id": number,
        "webhook-timestamp": stamp,
        "webhook-signature": sign(key, number, stamp, content),
    }
    async with aiohttp.ClientSession() as http, http.post(it.hook, data=content, headers=headers) as response:
        assert response.status == 202


async def gaps(it: Clinic) -> list[tuple[str, str]]:
    """Reconcile with a gap in it, and try to repair it."""
    visit = next(plan for plan in it.day.appointments if plan.story[-1] == "completed" and plan.payer)
    for what in ("claim", "charge"):
        await it.call("billing", "/control/lose", {"external_id": visit.id, "what": what})
    await it.reconcile()
    words = []
    for one in await it.discrepancies():
        try:
            words.append(("repair", await repairs.repair(it.bench, ADA, one.number)))
        except NotPossible as error:
            words.append(("repair", str(error)))
        words.append(("discrepancy", str(await discrepancies.account(it.desk, one.number))))
    assert words
    return words


async def people_look(it: Clinic) -> list[tuple[str, str]]:
    """Exceptions as they are listed and shown, and the close's report."""
    async with it.base.database.connection() as connection:
        troubles = await exceptions.select(connection, ExceptionSelection(state=""), 500)
    assert len({one.code for one in troubles}) >= 3, troubles
    accounts = [("exception", str(await queue.account(it.base.database, one.number))) for one in troubles]
    month = f"{it.day.day.replace(day=1):%Y-%m}"
    try:
        await month_end.start(it.desk, ADA, month)
        accounts.append(("report", page(await gather(it.desk, month), it.zone)))
    except NotPossible as error:
        accounts.append(("close", str(error)))
    return accounts


async def messages(it: Clinic) -> list[tuple[str, str]]:
    """What people are told of it all two days later, when every deadline has passed."""
    told: Notifications = msgspec.convert(
        {
            "webhooks": {"pager": {"url": "https://pager.example.org/x", "secret": "SUTURE_PAGER_SECRET"}},
            "rules": [{"kinds": ["deadline_passed", "escalation", "paused", "away"], "webhooks": ["pager"]}],
        },
        Notifications,
    )
    clock = ManualClock(SystemClock().now() + timedelta(days=2))
    taken: list[Outgoing] = []

    class Taking:
        async def send(self, message: Outgoing) -> MessageAnswer:
            taken.append(message)
            return MessageAnswer("delivered", "accepted it")

    catalogue = msgspec.structs.replace(it.base.catalogue, notifications=told)
    watcher = Watcher(it.base.database, catalogue, clock)
    sender = Sender(
        database=it.base.database,
        recorder=it.desk.recorder,
        watcher=watcher,
        ways={"webhook": Taking()},
        clock=clock,
    )
    await watcher.look()
    await sender.send_due()
    wording = Wording("harbour-clinics", "https://suture.example.org")
    assert len(taken[0].notes) > 5
    return [("message", wording.subject(one) + wording.text(one) + wording.body(one).decode()) for one in taken]


async def console_pages(it: Clinic) -> list[tuple[str, str]]:
    """Every page, and what their forms answer, as an administrator sees it who gives no reason to read anything."""
    paths = ["/", "/exceptions", "/exceptions/1", "/interfaces", "/interfaces/scheduling-appointments", "/processes"]
    paths += ["/journeys?stage=completed", "/reconciliation", "/close", "/mappings", "/audit", "/people", "/approvals"]
    for plan in it.day.appointments:
        paths += [f"/journeys/{plan.id}", f"/journeys/{plan.id}/standing"]
    invitation = await accounts.add(it.desk, ADA, "eve", full_name="Eve", email="", roles=[ADMINISTRATOR])
    session = await accounts.accept(it.desk, invitation, "a few words that do well")
    async with (
        serving(create_console(it.base)) as url,
        aiohttp.ClientSession(url, cookies={"suture": session}) as http,
    ):
        pages = []
        for path in paths:
            async with http.get(path) as response:
                assert response.url.path == path.partition("?")[0], "signed in"
                pages.append((f"page {path}", await response.text()))
    return pages


async def tables(database: Database) -> list[tuple[str, str]]:
    """Everything that is kept in the clear."""
    async with database.connection() as connection:
        names = [
            row["tablename"]
            for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        clear: list[tuple[str, Any]] = [
            (name, await connection.fetch(f'SELECT t::text AS told FROM "{name}" t'))
            for name in names
            if name not in _NOT_TOLD
        ]
    return [(f"table {name}", row["told"]) for name, rows in clear for row in rows]


async def one_patient(vault: Vault, database: Database) -> str:
    async with database.connection() as connection:
        reference = await connection.fetchval("SELECT reference FROM party WHERE reference LIKE 'Patient/%' LIMIT 1")
    return str(await Parties(database, vault).get(reference))
