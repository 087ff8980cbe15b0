"""Every page in every state that the database allows: the states are read from its constraints, not remembered."""

import hashlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
from tests.browser.conftest import ADMINISTRATOR, Clinic, missing_invoice, serving_console

from suture.access import signatures
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.bootstrap.composition import Foundation, command_context
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.commands import accounts, approvals, month_end, table
from suture.commands.table import Month
from suture.console import words
from suture.core.clock import ManualClock
from suture.core.trouble import Trouble
from suture.gateway import app as gateway
from suture.processes.definitions import DEFINITIONS
from suture.store import audit, discrepancies
from suture.store.data_keys import Vault
from suture.store.database import Connection, Database
from suture.views.runbook import CLASSES
from suture.views.words import _REPAIR, _WHAT

pytestmark = pytest.mark.timeout(120)

DOCUMENT = {
    "book": "billing.charge",
    "key": "A1",
    "number": "CH-1",
    "state": "posted",
    "day": "2026-03-02",
    "amount": "200.00",
    "open": None,
    "currency": "USD",
    "quantity": None,
    "party": "",
}
PROOFS: dict[str, Any] = {
    "none": None,
    "of a repair": [DOCUMENT, DOCUMENT | {"book": "ledger.invoice", "open": "20.00"}],
    "of a repair after which nothing is held": [],
    "of what was accepted": {"asked": "a test", "compared": {"billing.charge": [DOCUMENT], "ledger.invoice": []}},
}


class Console:
    """A console over a database, and an administrator's session at it."""

    def __init__(self, url: str, session: str, desk: CommandContext) -> None:
        self.url, self.session, self.desk = url, session, desk

    async def read(self, path: str) -> str:
        async with (
            aiohttp.ClientSession(cookies={"suture": self.session}) as client,
            client.get(self.url + path) as answer,
        ):
            assert answer.status == 200
            return await answer.text()

    async def sends(self, path: str, **fields: str) -> str:
        """Send a form as our pages do; answers what is said on the page after."""
        form = {"csrf": hashlib.sha256(f"suture form {self.session}".encode()).hexdigest(), "back": "/account"}
        async with (
            aiohttp.ClientSession(cookies={"suture": self.session}) as client,
            client.post(self.url + path, data=form | fields) as answer,
        ):
            assert answer.status == 200
            return await answer.text()

    async def wrong(self, *paths: str) -> list[str]:
        """Those that answer anything but a page, with the status."""
        async with aiohttp.ClientSession(cookies={"suture": self.session}) as client:
            wrong = []
            for path in paths:
                async with client.get(self.url + path, allow_redirects=False) as answer:
                    await answer.read()
                    if answer.status != 200:
                        wrong.append(f"{answer.status} {path}")
            return wrong

    async def reads(self, path: str) -> str:
        """A page's text."""
        async with (
            aiohttp.ClientSession(cookies={"suture": self.session}) as client,
            client.get(self.url + path) as answer,
        ):
            assert answer.status == 200
            return await answer.text()

    async def takes(self, path: str, kind: str) -> bytes:
        """A list as a file."""
        form = {"csrf": hashlib.sha256(f"suture form {self.session}".encode()).hexdigest(), "format": kind}
        async with (
            aiohttp.ClientSession(cookies={"suture": self.session}) as client,
            client.post(self.url + path, data=form) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.read()


@pytest.fixture
async def console(
    tmp_path: Path, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue
) -> AsyncIterator[Console]:
    base = Foundation(
        settings=Settings(data_dir=tmp_path),
        secrets=Secrets({}, tmp_path),
        catalogue=catalogue,
        clock=clock,
        database=database,
        vault=vault,
        nats_url="nats://127.0.0.1:1",
    )
    await vault.check()  # as a role does before it starts
    async with serving_console(base) as url:
        at = command_context(base)
        token = await accounts.add(at, ADMINISTRATOR, "ada", full_name="Ada", email="", roles=["administrator"])
        yield Console(url, await accounts.accept(at, token, "a few words that do well"), at)


async def allowed(connection: Connection, table: str, column: str = "state") -> list[str]:
    """The values that the database's constraint allows in a column."""
    found = await connection.fetch(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'",
        table,
    )
    (told,) = [row["text"] for row in found if row["text"].startswith(f"CHECK (({column} ")]
    values = re.findall(r"'([a-z_]+)'::text", told)
    assert values
    return values


async def test_discrepancies(console: Console, database: Database) -> None:
    now, cases = console.desk.clock.now(), 0
    rules = [*(rule.name for rule in console.desk.catalogue.reconciliation.standing), "a_rule_that_is_no_more"]
    async with database.transaction() as connection:
        for state in await allowed(connection, "discrepancy"):
            for proof in PROOFS.values() if state in ("repaired", "accepted") else (None,):
                for repair, what in zip([*_REPAIR, "another"] * 2, [*_WHAT, "another"] * 2, strict=False):
                    cases += 1
                    rule = rules[cases % len(rules)]
                    found = msgspec.structs.replace(
                        missing_invoice(f"A{cases}"), rule=rule, repair=repair, what=what, fingerprint=f"p{cases}"
                    )
                    await discrepancies.put(connection, [found], now, now + timedelta(days=1))
                    await connection.execute(
                        "UPDATE discrepancy SET state = $1, proof = $2::jsonb, closed_at = $3, closed_by = $4"
                        " WHERE number = $5",
                        state,
                        None if proof is None else msgspec.json.encode(proof).decode(),
                        None if state in ("open", "repairing") else now,
                        None if state in ("open", "repairing") else "ada",
                        cases,
                    )
    pages = [f"/reconciliation/{number}" for number in range(1, cases + 1)]
    lists = [f"/reconciliation?state={state}" for state in ("open", "repaired", "accepted")]
    assert await console.wrong(*pages, *lists) == []


async def test_exceptions(console: Console, database: Database) -> None:
    now, number = console.desk.clock.now(), 0
    codes = [*sorted(code for codes in CLASSES.values() for code in codes), "a_code_of_the_systems_own"]
    pages: list[str] = []
    async with database.transaction() as connection:
        states = await allowed(connection, "exception")
        for code in codes:
            state = states[number % len(states)]
            number += 1
            trouble = Trouble(
                code=code,
                outcome=("retriable", "rejected", "unknown", "fatal")[number % 4],
                reason=f"something about {code}",
                remedy=("", "Do this.")[number % 2],
                owner="finance",
                interface=(None, "odoo-ledger", "one-that-is-no-more")[number % 3],
                process=f"completed_appointment:A{number}",
                step=(None, "post_invoice")[number % 2],
                subject=(None, "Appointment/A1", "Entry/E1", "Delivery/7", "Interface/odoo-ledger")[number % 5],
            )
            await console.desk.recorder.open_exception(connection, trouble, now)
            await connection.execute(
                "UPDATE exception SET state = $1, resolved_at = $2, resolved_by = $3 WHERE number = $4",
                state,
                None if state == "open" else now,
                None if state == "open" else "ada",
                number,
            )
            pages.append(f"/exceptions/{number}")
    pages += [f"/exceptions?state={state}" for state in states]
    pages += [f"/exceptions?class={name}" for name in CLASSES]
    pages += [f"/exceptions?code={code}" for code in codes[::20]]
    assert await console.wrong(*pages, "/") == []


async def test_processes(console: Console, database: Database) -> None:
    now, pages = console.desk.clock.now(), ["/", "/processes"]
    async with database.transaction() as connection:
        states = await allowed(connection, "process")
        for definition in DEFINITIONS:
            for state in states:
                steps = [step.name for step in definition.steps]
                records = {
                    name: {"state": how, "at": now, "seconds": 0.1, "attempts": 1}
                    for name, how in zip(steps, ("done", "undone", "begun", "skipped", "done"), strict=False)
                }
                key = f"{definition.name}:{state}"
                await connection.execute(
                    "INSERT INTO process (key, definition, version, subject, correlation_id, state, input, journal,"
                    " step, due_at, started_at, finished_at, undoing, held_by)"
                    " VALUES ($1, $2, 1, $3, $4, $5, '{}', $6::jsonb, $7, $8, $8, $9, $10, $11)",
                    key,
                    definition.name,
                    f"Appointment/{state}",
                    state,
                    state,
                    msgspec.json.encode(records).decode(),
                    steps[-1],
                    now,
                    now if state in ("done", "compensated", "cancelled") else None,
                    state == "compensating",
                    "odoo-ledger" if state == "parked" else None,
                )
                pages.append(f"/processes/{key}")
        pages += [f"/processes?state={state}" for state in states]
    assert await console.wrong(*pages) == []


async def test_interfaces(console: Console, database: Database) -> None:
    now, names = console.desk.clock.now(), list(console.desk.catalogue.interfaces)
    async with database.connection() as connection:
        breakers = await allowed(connection, "gate", "breaker")
    for breaker in breakers:
        for paused_by, reason in ((None, None), ("ann", "a test"), ("suture", ""), ("ann", None)):
            async with database.connection() as connection:
                for name in names:
                    away = breaker != "closed"
                    await connection.execute(
                        "INSERT INTO gate (interface, breaker, cause, opened_at, probe_at, paused_at, paused_by,"
                        " pause_reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (interface) DO UPDATE SET"
                        " breaker = $2, cause = $3, opened_at = $4, probe_at = $5, paused_at = $6, paused_by = $7,"
                        " pause_reason = $8",
                        name,
                        breaker,
                        "no_answer" if away else "",
                        now if away else None,
                        now if away else None,
                        now if paused_by else None,
                        paused_by,
                        reason,
                    )
            pages = [f"/interfaces/{name}" for name in names]
            assert await console.wrong("/", "/interfaces", *pages) == [], (breaker, paused_by)


async def test_closes(console: Console, database: Database) -> None:
    now = console.desk.clock.now()
    signed = [{"by": "ann", "at": now}, {"by": "ben", "at": now}]
    async with database.connection() as connection:
        states = await allowed(connection, "period")
    for state in states:
        for count in range(3):
            async with database.connection() as connection:
                await connection.execute(
                    "INSERT INTO period (month, state, round, frozen_at, frozen_by, signatures, closed_at)"
                    " VALUES ('2026-02', $1, 1, $2, $3, $4::jsonb, $5) ON CONFLICT (month) DO UPDATE SET state = $1,"
                    " frozen_at = $2, frozen_by = $3, signatures = $4::jsonb, closed_at = $5",
                    state,
                    None if state == "open" else now,
                    None if state == "open" else "ann",
                    msgspec.json.encode(signed[:count]).decode(),
                    now if state == "closed" else None,
                )
            assert await console.wrong("/close", "/close/2026-02", "/close/2026-02/report") == [], (state, count)


async def test_approvals(console: Console, database: Database) -> None:
    ann = Actor("ann", "as agreed", ("administrator",), signed_in=True)
    numbers: dict[str, list[int]] = {}
    async with database.connection() as connection:
        states = await allowed(connection, "approval")
    for name, command in table.COMMANDS.items():
        if not command.form:
            continue
        arguments = example(command.takes)
        numbers[name] = [await approvals.ask(console.desk, ann, name, arguments) for _ in states]
    async with database.connection() as connection:
        for asked in numbers.values():
            for number, state in zip(asked, states, strict=True):
                await connection.execute(
                    "UPDATE approval SET state = $1, decided_by = $2, decided_at = $3 WHERE number = $4",
                    state,
                    None if state == "asked" else "ben",
                    None if state == "asked" else console.desk.clock.now(),
                    number,
                )
    assert await console.wrong("/approvals", "/", "/people", "/audit", "/mappings", "/account") == []


async def test_an_approver_sees_the_thing_its_words_and_its_money(console: Console, database: Database) -> None:
    ann, now = Actor("ann", "settled by voucher", ("administrator",), signed_in=True), console.desk.clock.now()
    async with database.transaction() as connection:
        await discrepancies.put(connection, [missing_invoice("A1")], now, now + timedelta(days=1))
    await approvals.ask(console.desk, ann, "discrepancies.accept", table.Exceptions(numbers=(1,)))
    page = await console.read("/approvals")
    assert "Accept differences as they are" in page
    assert 'href="/reconciliation/1"' in page
    assert "Odoo has no invoice for A1" in page
    assert "$200.00" in page
    assert "discrepancies.accept" not in page


def test_every_command_has_words_of_its_own() -> None:
    assert [name for name in table.COMMANDS if "." in words.command(name) or ":" in words.command(name)] == []


_EXAMPLES: dict[Any, Any] = {bool: True}


def example(takes: type[msgspec.Struct]) -> Any:
    """Arguments of a command, by the types of its fields."""
    told: dict[str, Any] = {}
    for field in msgspec.structs.fields(takes):
        if field.required:
            several, kind = "tuple[" in str(field.type), _EXAMPLES.get(field.type, "x")
            kind = 1 if "int" in str(field.type) else kind
            told[field.name] = [kind] if several else kind
    return msgspec.convert(told, takes)


async def test_journeys(console: Console, database: Database, vault: Vault, clock: ManualClock) -> None:
    clinic, pages = Clinic(database, vault, clock), ["/"]
    milestones = ["booked", "arrived", "completed", "charged", "invoiced", "posted", "paid", "cancelled", "no_show"]
    statuses = ["", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error"]
    for number in range(len(milestones) + 1):
        for status in statuses[number % 2 :: 2]:
            name = f"A-{number}-{status or 'none'}"
            await clinic.books(name)
            told = {one: clock.now().isoformat() for one in milestones[:number]}
            async with database.connection() as connection:
                await connection.execute(
                    "UPDATE journey SET facility = $2, status = $3, milestones = $4::jsonb, currency = $5,"
                    " charge_total = $6, invoice_number = $7, invoice_total = $6, residual = $8, payment_state = $9"
                    " WHERE appointment = $1",
                    name,
                    ("MAIN", None)[number % 2],
                    status,
                    msgspec.json.encode(told).decode(),
                    ("USD", None)[number % 2],
                    (Decimal("200.00"), None)[number % 2],
                    ("INV/1", None)[number % 2],
                    (Decimal(0), None)[number % 2],
                    ("paid", "partial", "not_paid", "reversed", None)[number % 5],
                )
            pages.append(f"/journeys/{name}")
    assert await console.wrong(*pages) == []


async def test_lists_are_taken_away_as_files_and_the_trail_says_so(console: Console, database: Database) -> None:
    now = console.desk.clock.now()
    await month_end.start(console.desk, Actor("ann", "", ("administrator",)), "2026-02")
    async with database.transaction() as connection:
        trouble = Trouble(
            code="code_unmapped", outcome="rejected", reason='=cmd|"/c calc"!A0', remedy="", owner="finance",
            process="p:1", subject="Appointment/A1",
        )  # fmt: skip
        await console.desk.recorder.open_exception(connection, trouble, now)
        await discrepancies.put(connection, [missing_invoice("A1")], now, now)
    taken = {
        "/exceptions/export?owner=finance": "'=cmd|",
        "/reconciliation/export": "200.00,USD",
        "/audit/export": "period.freeze",
        "/close/2026-02/export": "both-sides.csv",
    }
    for path, told in taken.items():
        csv, xlsx = [await console.takes(path, kind) for kind in ("csv", "xlsx")]
        assert told.encode() in csv, path
        assert xlsx.startswith(b"PK"), path
    async with database.connection() as connection:
        acts = [one for one in await audit.newest(connection, most=20) if one.action == "table.export"]
    assert [one.subject for one in acts[::-2]] == [
        *("Table/exceptions", "Table/differences", "Table/trail", "Table/close of 2026-02"),
    ]
    assert '"owner":"finance"' in acts[-1].detail
    assert '"rows":1' in acts[-1].detail


async def test_today_holds_all_that_waits_and_leads_to_it(console: Console, database: Database) -> None:
    now, yesterday = console.desk.clock.now(), console.desk.clock.now() - timedelta(hours=20)
    await approvals.ask(
        console.desk, Actor("ann", "please", ("administrator",), signed_in=True), "close.start", example(Month)
    )
    async with database.transaction() as connection:
        trouble = Trouble(code="x", outcome="rejected", reason="r", remedy="", owner="finance", process="p:1")
        await console.desk.recorder.open_exception(connection, trouble, now)
        await discrepancies.put(connection, [missing_invoice("A1"), missing_invoice("A2")], now, now)
        for number, (definition, state, step) in enumerate(
            [
                ("month_end_close", "waiting", "signed"),
                ("completed_appointment", "stuck", "post_invoice"),
                ("completed_appointment", "parked", "post_invoice"),
                ("posted_payment", "waiting", "invoice_posted"),
                ("posted_payment", "waiting", "invoice_posted"),
            ]
        ):
            await connection.execute(
                "INSERT INTO process (key, definition, version, subject, correlation_id, state, input, step, due_at,"
                " started_at, held_by) VALUES ($1, $2, 1, $1, $1, $3, '{}', $4, $5, $6, $7)",
                *(f"{definition}:{number}", definition, state, step, now + timedelta(days=1), yesterday),
                "odoo-ledger" if state == "parked" else None,
            )
        interface = next(iter(console.desk.catalogue.interfaces))
        await connection.execute(
            "INSERT INTO gate (interface, breaker, paused_at, paused_by) VALUES ($1, 'closed', $2, 'ann')",
            interface,
            now,
        )
        for reason, when in (("signature_wrong", yesterday), ("timestamp_too_old", now - timedelta(days=3))):
            await connection.execute(
                "INSERT INTO refusal VALUES ($1, $2, $3, 7, $4)", interface, when.date(), reason, when
            )
        await connection.execute(
            "INSERT INTO delivery_conflict (interface, delivery_id, fingerprint, key_id, box, received_at)"
            " VALUES ($1, 'D-77', '', 1, '', $2)",
            interface,
            now,
        )
    page = await console.reads("/")
    for count, called, path in [
        (1, "exception", "/exceptions"),
        (2, "differences between the sides", "/reconciliation"),
        (1, "request for a second person", "/approvals"),
        (1, "month to be signed", "/close"),
        (1, "process that waits for a person", "/processes?state=stuck"),
        (1, "interface that is held up", "/interfaces"),
        (7, "deliveries turned away at the door since yesterday", "/turned-away"),
        (1, "delivery set aside since yesterday: its id had another content", "/turned-away"),
        (1, "process that waits for a system", "/processes?state=parked"),
        (2, "payments that wait for their invoices", "/processes?state=waiting&amp;definition=posted_payment"),
    ]:
        assert f'<strong>{count}</strong><a href="{path}">{called}</a>' in page
    told = await console.reads("/turned-away")
    for text in ("14 deliveries were turned away", "The signature is wrong.", "It was signed too long ago.", "D-77"):
        assert text in told
    assert await console.wrong(f"/turned-away?interface={interface}", f"/interfaces/{interface}") == []


async def test_every_reason_of_the_door_has_words_and_a_remedy() -> None:
    source = Path(signatures.__file__).read_text() + Path(gateway.__file__).read_text()
    reasons = set(re.findall(r'SignatureRefused\("([a-z_]+)"|_refuse\(door, "([a-z_]+)"', source))
    for reason in {one or other for one, other in reasons} | {"timestamp_too_old", "timestamp_too_new"}:
        assert words.turned_away_remedy(reason), reason


@pytest.mark.parametrize(
    ("csrf", "origin"),
    [("ungültig", None), ("\ud83d", None), ("", None), ("x" * 5000, None), (None, "http://["), (None, "null")],
)
async def test_a_form_that_is_none_of_ours_is_refused_and_breaks_nothing(
    console: Console, csrf: str | None, origin: str | None
) -> None:
    token = hashlib.sha256(f"suture form {console.session}".encode()).hexdigest()
    body = urlencode({"csrf": token if csrf is None else csrf}, errors="surrogatepass")
    headers = {"Content-Type": "application/x-www-form-urlencoded", **({"Origin": origin} if origin else {})}
    async with (
        aiohttp.ClientSession(cookies={"suture": console.session}) as client,
        client.post(f"{console.url}/sign-out", data=body, headers=headers, allow_redirects=False) as answer,
    ):
        assert answer.status == 403
