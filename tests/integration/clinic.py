"""A whole clinic in one process: simulated systems over real sockets, the gateway that hears of them, and a worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from suture.backbone.embedded import EmbeddedNats
from suture.bootstrap.composition import (
    Foundation,
    Systems,
    command_context,
    connect_systems,
    ledger_crosswalk,
    ledger_plan,
    repair_context,
)
from suture.bootstrap.settings import Secrets, Settings
from suture.bootstrap.worker import work
from suture.catalogue import Catalogue, parse
from suture.catalogue.reconciliation import ReconciliationPolicy, standard_rules
from suture.connectors.http import HttpClient
from suture.connectors.odoo.transport.client import Json2
from suture.core.clock import Clock
from suture.core.failure import Failure
from suture.gateway.app import create_app as create_gateway
from suture.reconcile.watch import window
from suture.store import discrepancies, reconciliations
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.discrepancies import Discrepancy, DiscrepancySelection
from suture.store.embedded import free_port
from suture.store.reconciliations import Reconciliation as Run
from suture_lab import statistics
from suture_lab.clinic_catalogue import catalogue_text
from suture_lab.simulators import billing, odoo, scheduling
from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookTarget

KEYS = {name: "whsec_" + "c3V0dXJl" * 4 for name in ("SUTURE_SCHEDULING_SIGNING_KEY", "SUTURE_BILLING_SIGNING_KEY")}
MASTER = (b"k" * 32).hex()
TOKENS = {f"SUTURE_{name}": f"{name.lower()}-secret" for name in ("SCHEDULING_TOKEN", "BILLING_TOKEN", "ODOO_API_KEY")}
AT_ONCE = ReconciliationPolicy(
    every_hours=0,
    window_days=60,
    rules=tuple(
        rule if rule.name == "claim_not_answered" else msgspec.structs.replace(rule, after_hours=0)
        for rule in standard_rules()
    ),
)
"""The standard rules, asked of what happened a moment ago."""


class Lossy:
    """Stands before the gateway: notices whose id is in `lost` are taken, and never passed on."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.gateway: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.gateway is None:
            return
        if dict(scope["headers"]).get(b"webhook-id", b"").decode() in self.lost:
            await send({"type": "http.response.start", "status": 202, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.gateway(scope, receive, send)


class Clinic:
    """What tests do with it: play the day, plant gaps, reconcile."""

    def __init__(self, day: ClinicDay, base: Foundation, systems: Systems, urls: dict[str, str], lossy: Lossy) -> None:
        self.day = day
        self.base = base
        self.systems = systems
        self.urls = urls
        self.lossy = lossy
        self.zone = ZoneInfo(base.catalogue.organisation.timezone)
        self.hook = ""
        self.environment = {
            **KEYS,
            **TOKENS,
            "SUTURE_DATABASE_URL": base.database.url,
            "SUTURE_NATS_URL": base.nats_url,
            "SUTURE_DATA_DIR": str(base.settings.data_dir),
            "SUTURE_CATALOGUE": str(base.settings.data_dir / "catalogue.yaml"),
            "SUTURE_MASTER_KEY": MASTER,
        }
        """What the command line needs to work on this clinic."""
        self.desk = command_context(base)
        self.bench = repair_context(base, systems)

    async def call(self, system: str, path: str, body: Any = None, method: str = "POST") -> Any:
        async with (
            aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {TOKENS[f'SUTURE_{system.upper()}_TOKEN']}"}
            ) as client,
            client.request(method, self.urls[system] + path, json=body) as response,
        ):
            assert response.status < 300, await response.text()
            return msgspec.json.decode(await response.read())

    async def play(self) -> None:
        """Play the day and wait until all that follows is done."""
        await self.call("scheduling", "/control/start", {"duration_s": 0})
        await self.settled()

    async def settled(self) -> None:
        async with asyncio.timeout(90):
            while not (await self._day_is_over() and await self._is_quiet()):
                await asyncio.sleep(0.1)

    async def quiet(self) -> None:
        """Wait until all that came is done, whether or not the day is played."""
        async with asyncio.timeout(60):
            while not await self._is_quiet():
                await asyncio.sleep(0.05)

    async def projected(self) -> None:
        """Wait until what people look at has caught up."""
        posted = "SELECT count(*) FROM event WHERE type = 'suture.invoice.posted.v1'"
        seen = "SELECT count(*) FROM journey WHERE milestones ? 'posted'"
        async with asyncio.timeout(30), self.base.database.connection() as connection:
            while await connection.fetchval(posted) != await connection.fetchval(seen):
                await asyncio.sleep(0.1)

    async def _day_is_over(self) -> bool:
        told = [await self.call(name, "/control/progress", method="GET") for name in ("scheduling", "billing")]
        return all(one["done"] for one in told)

    async def _is_quiet(self) -> bool:
        async with self.base.database.connection() as connection:
            return not any(msgspec.structs.astuple(await statistics.unsettled(connection)))

    async def reconcile(self) -> Run:
        """Ask for a run, which the worker takes up; answers it when it has ended."""
        first, last = window(self.base.catalogue, self.base.clock)
        async with self.base.database.transaction() as connection:
            number = await reconciliations.request(connection, first, last, by="test", at=self.base.clock.now())
        async with asyncio.timeout(60):
            while True:
                async with self.base.database.connection() as connection:
                    run = await reconciliations.get(connection, number)
                if run is not None and run.state in ("done", "failed"):
                    return run
                await asyncio.sleep(0.05)

    async def discrepancies(self, state: str = "open") -> list[Discrepancy]:
        async with self.base.database.connection() as connection:
            return await discrepancies.select(connection, DiscrepancySelection(state=state))

    async def by_hand(self, model: str, method: str, ids: Sequence[int] | None = None, **named: Any) -> Any:
        """What a person, who isn't the integration user, does in Odoo."""
        async with HttpClient("odoo", self.urls["odoo"], headers={}) as http:
            return await Json2(http, "suture", "a-person").call(model, method, ids=ids, **named)


@asynccontextmanager
async def own_backbone(folder: Path) -> AsyncIterator[str]:
    """A backbone of its own: another clinic's events are none of this one's."""
    server = EmbeddedNats(folder / "backbone")
    await asyncio.to_thread(server.start)
    try:
        yield server.url or ""
    finally:
        await asyncio.to_thread(server.stop)


async def persistently(attempt: Callable[[], Awaitable[object]]) -> None:
    """A system with faults may fail now and then."""
    for _ in range(20):
        with suppress(Failure):
            await attempt()
            return
    await attempt()


@asynccontextmanager
async def clinic(
    folder: Path,
    database: Database,
    vault: Vault,
    clock: Clock,
    *,
    appointments: int = 30,
    day: date | None = None,
    change: Callable[[Catalogue], Catalogue] = lambda catalogue: catalogue,
    alter: Callable[[ClinicDay], ClinicDay] = lambda day: day,
    around: Callable[[str, ASGIApp], ASGIApp] = lambda _, app: app,
) -> AsyncIterator[Clinic]:
    """`change` may alter the catalogue, whose rules are asked of what happened a moment ago; `alter` the day; `around`
    may stand before each system, by name."""
    plan = alter(generate(seed=12, appointments=appointments, day=day or clock.now().date() - timedelta(days=1)))
    lossy, port = Lossy(), free_port()
    hook = f"http://127.0.0.1:{port}/v1/hooks/"
    made = {
        "scheduling": scheduling.create_app(
            plan,
            token=TOKENS["SUTURE_SCHEDULING_TOKEN"],
            webhook=WebhookTarget(hook + "scheduling-appointments", KEYS["SUTURE_SCHEDULING_SIGNING_KEY"]),
        ),
        "billing": billing.create_app(
            plan,
            token=TOKENS["SUTURE_BILLING_TOKEN"],
            webhook=WebhookTarget(hook + "billing-payments", KEYS["SUTURE_BILLING_SIGNING_KEY"]),
            adjudication_delay=0.05,
        ),
        "odoo": odoo.create_app(api_keys={TOKENS["SUTURE_ODOO_API_KEY"]: "suture-bot", "a-person": "ann"}, clock=clock),
    }
    async with (
        own_backbone(folder) as nats_url,
        serving(around("scheduling", made["scheduling"])) as scheduling_url,
        serving(around("billing", made["billing"])) as billing_url,
        serving(around("odoo", made["odoo"])) as odoo_url,
    ):
        urls = {"scheduling": scheduling_url, "billing": billing_url, "odoo": odoo_url}
        text = catalogue_text(plan, urls, {"url": odoo_url, "transport": "json2"})
        (folder / "catalogue.yaml").write_text(text, encoding="utf-8")
        catalogue = change(msgspec.structs.replace(parse(text, "catalogue.yaml"), reconciliation=AT_ONCE))
        secrets = Secrets({**KEYS, **TOKENS}, folder)
        base = Foundation(Settings(data_dir=folder), secrets, catalogue, clock, database, vault, nats_url)
        systems = connect_systems(catalogue, secrets, crosswalk=ledger_crosswalk(base))
        lossy.gateway = create_gateway(base)
        await persistently(lambda: systems.ledger.prepare(ledger_plan(catalogue)))
        async with serving(lossy, port=port):
            working = asyncio.create_task(work(base))
            try:
                made_clinic = Clinic(plan, base, systems, urls, lossy)
                made_clinic.hook = hook + "scheduling-appointments"
                yield made_clinic
            finally:
                working.cancel()
                with suppress(asyncio.CancelledError, BaseExceptionGroup):
                    await working
                await systems.close()
