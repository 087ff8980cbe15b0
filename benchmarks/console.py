"""The console's pages with a million journeys behind them, beside the same pages over an empty database, in turns.

Two consoles in this process, each over a database of its own in one PostgreSQL: 4,000 appointments a day, a million in
all, each with two events, a process and its numbers; of exceptions 2,000 are open and 100,000 were resolved, 5,000
processes are not done. A page is asked for as a browser asks: signed in, over HTTP, to its last byte.
"""

import asyncio
import os
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import uvicorn
import uvloop

from suture.acting.actor import Actor
from suture.bootstrap.composition import Foundation, command_context
from suture.bootstrap.serving import DoorServer
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import parse
from suture.catalogue.write import template
from suture.commands import accounts
from suture.console.app import create_app
from suture.core.clock import ManualClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.embedded import EmbeddedPostgres
from suture.store.schema import migrate
from suture.store.sealing import MasterKey

JOURNEYS = int(os.environ.get("SUTURE_BENCH_JOURNEYS", "1000000"))
NOW = datetime(2026, 6, 30, 21, tzinfo=UTC)
ROUNDS = 15
SOME = f"A{JOURNEYS // 2}"
PAGES = {
    "today": "/",
    "journeys of a stage": "/journeys?stage=posted",
    "the next page of them": f"/journeys?stage=seen&after={NOW:%Y-%m-%dT12:00:00}%2B00:00~A100",
    "a journey": f"/journeys/{SOME}",
    "exceptions": "/exceptions",
    "an exception": "/exceptions/1",
    "reconciliation": "/reconciliation",
    "processes": "/processes",
    "stuck processes": "/processes?state=stuck",
    "interfaces": "/interfaces",
    "audit": "/audit",
    "search for an invoice": f"search:INV/{JOURNEYS // 2}",
    "search for a beginning": "search:A1234",
}

_FILL = (
    """INSERT INTO journey (appointment, facility, status, sequence, start_at, milestones, payments, currency,
        charge_total, invoice_number, invoice_total, residual, payment_state, updated_at)
    SELECT 'A' || n, 'MAIN', 'fulfilled', 3, at, jsonb_build_object('booked', at, 'completed', at, 'charged', at,
        'posted', at), '{}', 'USD', 120, 'INV/' || n, 120, 0, 'paid', at
    FROM (SELECT n, $1::timestamptz - n * interval '21.6 seconds' AS at
        FROM generate_series(1, $2::int) AS n) AS day""",
    """INSERT INTO journey_number SELECT 'INV/' || n, 'invoice', 'A' || n FROM generate_series(1, $2::int) AS n
    WHERE $1::timestamptz IS NOT NULL""",
    """INSERT INTO event (id, type, source, subject, organisation, facility, sequence, occurred_at, recorded_at,
        correlation_id, data)
    SELECT gen_random_uuid(), 'suture.appointment.' || kind || '.v1', 'bench', 'Appointment/A' || n, 'bench', 'MAIN', 1,
        at, at, 'A' || n, '{"appointment": "A"}'
    FROM (SELECT n, $1::timestamptz - n * interval '21.6 seconds' AS at FROM generate_series(1, $2::int) AS n) AS day
    CROSS JOIN (VALUES ('arrived'), ('cancelled')) AS kinds (kind)""",
    """INSERT INTO process (key, definition, version, subject, correlation_id, state, input, due_at, started_at)
    SELECT 'completed_appointment:A' || n, 'completed_appointment', 1, 'Appointment/A' || n, 'A' || n,
        CASE WHEN n % ($2::int / 5000 + 1) = 0 THEN 'stuck' ELSE 'done' END, '{}', '9999-12-31',
        $1::timestamptz - n * interval '21.6 seconds'
    FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO exception (id, code, outcome, reason, remedy, owner, process, step, subject, opened_at, last_at,
        due_at, state)
    SELECT gen_random_uuid(), 'period_locked', 'rejected', 'the period is locked', 'Open it.', 'finance',
        'completed_appointment:A' || n, 'post_invoice', 'Appointment/A' || n, at, at, at,
        CASE WHEN n <= 2000 THEN 'open' ELSE 'resolved' END
    FROM (SELECT n, $1::timestamptz - n * interval '21.6 seconds' AS at
        FROM generate_series(1, ($2::int / 10 + 2000)) AS n) AS day""",
)


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder)
        url = server.start()
        try:
            asyncio.run(migrate(url))
            return uvloop.run(_measure(url, folder))
        finally:
            server.stop()


async def _measure(url: str, folder: Path) -> dict[str, object]:
    full_url = await _copy(url, "million")
    began = time.monotonic()
    await _fill(full_url)
    filled = time.monotonic() - began
    async with _console(url, folder) as empty, _console(full_url, folder) as full:
        for console in (empty, full):
            for page in PAGES.values():
                await _ask(*console, page)
        times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in PAGES}
        for _ in range(ROUNDS):
            for name, page in PAGES.items():
                for console, taken in zip((empty, full), times[name], strict=True):
                    taken.append(await _ask(*console, page))
    return {
        "journeys": JOURNEYS,
        "filled_s": round(filled, 1),
        "median_ms": {
            name: {"empty": _ms(of_empty), "full": _ms(of_full), "ratio": round(_ms(of_full) / _ms(of_empty), 2)}
            for name, (of_empty, of_full) in times.items()
        },
        "slowest_full_ms": round(max(max(of_full) for _, of_full in times.values()) * 1000, 1),
    }


def _ms(taken: list[float]) -> float:
    return round(statistics.median(taken) * 1000, 1)


async def _copy(url: str, name: str) -> str:
    admin = await asyncpg.connect(url.rpartition("/")[0] + "/postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE suture")
    await admin.close()
    return url.rpartition("/")[0] + f"/{name}"


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in _FILL:
        await connection.execute(statement, NOW, JOURNEYS)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


@asynccontextmanager
async def _console(url: str, folder: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A console over a database; somebody's session there, and the token of their forms."""
    database = await Database.connect(url, most=4)
    base = Foundation(
        settings=Settings(data_dir=folder),
        secrets=Secrets({}, folder),
        catalogue=parse(template(), "catalogue.yaml"),
        clock=ManualClock(NOW),
        database=database,
        vault=Vault(database, MasterKey(b"k" * 32), "bench"),
        nats_url="nats://127.0.0.1:1",
    )
    actor = Actor("bench", roles=("administrator",))
    invitation = await accounts.add(
        command_context(base), actor, "ada", full_name="", email="", roles=["administrator"]
    )
    session = await accounts.accept(command_context(base), invitation, "a few words that do well")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = DoorServer(uvicorn.Config(create_app(base), log_config=None, ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with aiohttp.ClientSession(address, cookies={"suture": session}) as http:
            async with http.get("/account") as response:
                token = (await response.text()).partition('name="csrf" value="')[2].partition('"')[0]
            yield http, token
        server.should_exit = True
        await serving
    await database.close()


async def _ask(http: aiohttp.ClientSession, token: str, page: str) -> float:
    kind, _, query = page.rpartition(":") if page.startswith("search:") else ("", "", page)
    began = time.perf_counter()
    form = {"q": query, "csrf": token}
    asked = http.post("/search", data=form, allow_redirects=False) if kind else http.get(page)
    async with asked as response:
        await response.read()
        assert response.status in (200, 303, 404), (page, response.status)
    return time.perf_counter() - began
