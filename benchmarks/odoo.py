"""Documents a second through the Odoo connector, against one record a call, and against a script that calls in batches.

All three do the same on the same server in one run, in turns: an invoice of three lines created and posted, then its
payment entered, posted and reconciled. Name a real server as for `make conformance` (SUTURE_TEST_ODOO_URL, _DB,
_API_KEY, _LOGIN, _TRANSPORT); its books get documents whose references begin with `suture-test-`. Without one the
simulator is measured, which answers at once: then only the client's own cost shows. SUTURE_BENCH_CLAIMS is how many
claims the remittance has.
"""

import asyncio
import os
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import uvloop

from suture.canonical.records import PricedLine
from suture.connectors.http import HttpClient
from suture.connectors.odoo.documents import document_rows
from suture.connectors.odoo.ledger import OdooLedger
from suture.connectors.odoo.records.company_config import CompanyConfig
from suture.connectors.odoo.records.crosswalk import Memory
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport.client import Json2, JsonRpc, Odoo, server_version
from suture.connectors.port import InvoiceOrder, RemittanceProgress
from suture_lab.conformance.orders import (
    DAY,
    LAB,
    PAYER,
    PLAN,
    VISIT,
    a_claim,
    a_payment,
    a_remittance,
    billed_to_payer,
    patients,
    usd,
)
from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.serving import serving

ROUNDS = 3
BATCH = 50
SINGLY = 12
CLAIMS = int(os.environ.get("SUTURE_BENCH_CLAIMS", "10000"))


def measure() -> dict[str, object]:
    return uvloop.run(_measure())


async def _measure() -> dict[str, object]:
    async with AsyncExitStack() as stack:
        server = await _server(stack)
        bench = await Bench.open(stack, server)
        rounds = [await bench.round() for _ in range(ROUNDS)]
        return {
            "server": bench.version,
            "documents_per_s": {name: _median(rounds, name) for name in rounds[0]},
            "ratio_to_one_a_call": _ratio(rounds, "ours", "one a call"),
            "ratio_to_batches_by_hand": _ratio(rounds, "ours", "batches by hand"),
            "latency_ms": await bench.latency(),
            "remittance": await bench.remittance(CLAIMS),
        }


def _median(rounds: list[dict[str, float]], name: str) -> float:
    return round(statistics.median(figures[name] for figures in rounds), 1)


def _ratio(rounds: list[dict[str, float]], one: str, other: str) -> float:
    return round(statistics.median(figures[one] / figures[other] for figures in rounds), 2)


async def _server(stack: AsyncExitStack) -> dict[str, Any]:
    named = {key: os.environ.get(f"SUTURE_TEST_ODOO_{key.upper()}", "") for key in ("url", "db", "api_key", "login")}
    transport = os.environ.get("SUTURE_TEST_ODOO_TRANSPORT") or None
    if named["url"]:
        return {**named, "transport": transport}
    url = await stack.enter_async_context(serving(create_app(api_keys={"key": "bot"})))
    return {"url": url, "db": "suture", "api_key": "key", "login": "bot", "transport": transport}


def an_order(key: str) -> InvoiceOrder:
    """Three lines of 200.00 together, for a payer."""
    lines = tuple(
        PricedLine(service=service, quantity=Decimal(1), unit_price=Decimal(price))
        for service, price in ((VISIT, "100.00"), (LAB, "60.00"), (LAB, "40.00"))
    )
    return msgspec.structs.replace(billed_to_payer(key), lines=lines)


class Bench:
    """One server, our connector to it, and a bare client beside it."""

    def __init__(
        self, ledger: OdooLedger, odoo: Odoo, version: str, setting: CompanyConfig, analytic: dict[str, int]
    ) -> None:
        self.ledger = ledger
        self.odoo = odoo
        self.version = version
        self.setting = setting
        self.analytic = analytic

    @classmethod
    async def open(cls, stack: AsyncExitStack, server: dict[str, Any]) -> "Bench":
        ledger = OdooLedger.connect(
            name="odoo",
            url=server["url"],
            database=server["db"],
            api_key=server["api_key"],
            login=server["login"] or None,
            transport=server["transport"],
            organisation="conformance",
            plan=PLAN,
            crosswalk=Memory(),
        )
        stack.push_async_callback(ledger.close)
        await ledger.prepare(PLAN)
        await ledger.register(PAYER)
        await ledger.draft_invoice(an_order(f"suture-test-{uuid4().hex[:12]}"))  # all that is read once is read now
        http = await stack.enter_async_context(HttpClient("odoo", server["url"], headers={}, timeout=600))
        version, major = await server_version(http)
        json2 = (server["transport"] or ("json2" if major >= 19 else "jsonrpc")) == "json2"
        transport = (
            Json2(http, server["db"], server["api_key"])
            if json2
            else JsonRpc(http, server["db"], server["login"], server["api_key"])
        )
        session = await ledger._server.session(None)
        order, setting = an_order("A"), await session.setting()
        analytic = await session.parties.analytic(setting, order.facility, "Practitioner/suture-test-")
        told = f"Odoo {version}, {'JSON-2' if json2 else 'JSON-RPC'}"
        return cls(ledger, Odoo(transport, major, 1), told, setting, analytic)

    async def round(self) -> dict[str, float]:
        """Documents a second each way, an invoice and a payment being two."""
        return {
            "one a call": await self._rate(self._one_a_call, SINGLY),
            "batches by hand": await self._rate(self._by_hand, BATCH),
            "ours": await self._rate(self._ours, BATCH),
        }

    async def _rate(self, way: Callable[[list[str]], Awaitable[None]], count: int) -> float:
        keys = [f"suture-test-{uuid4().hex[:12]}" for _ in range(count)]
        began = time.monotonic()
        await way(keys)
        return 2 * count / (time.monotonic() - began)

    async def _ours(self, keys: list[str]) -> None:
        async def visit(key: str) -> None:
            await self.ledger.draft_invoice(an_order(key))
            await self.ledger.post_invoice(key, usd("200.00"))
            await self.ledger.apply_payment(a_payment(key, "200.00"))

        await asyncio.gather(*map(visit, keys))

    async def _one_a_call(self, keys: list[str]) -> None:
        """As most integrations do: create, post, pay; one record, one call, one after the other."""
        for key in keys:
            await self._write_invoices([key])
            await self._pay([key], await self._receivables([key]))

    async def _by_hand(self, keys: list[str]) -> None:
        """As someone would write it who knows `load`: the same batch in each call, and no check of anything."""
        await self._write_invoices(keys)
        await self._pay(keys, await self._receivables(keys))

    async def _write_invoices(self, keys: list[str]) -> None:
        """The very rows that the connector loads, without anything around them."""
        rows = document_rows.table([document for key in keys for document in self._documents(key)])
        ids = await self.odoo.create_missing("account.move", *rows)
        await self.odoo.do("account.move", "action_post", ids)

    def _documents(self, key: str) -> list[document_rows.Document]:
        return document_rows.invoices(an_order(key), self.setting, self.analytic, {}, "bench")

    async def _receivables(self, keys: list[str]) -> list[dict[str, Any]]:
        domain = [["move_id.ref", "in", keys], ["account_type", "=", "asset_receivable"]]
        return await self.odoo.search("account.move.line", domain, ["account_id", "partner_id"])

    async def _pay(self, keys: list[str], receivables: list[dict[str, Any]]) -> None:
        head = ["id", "move_type", "ref", "date", "journal_id/.id"]
        line = [
            "line_ids/id",
            "line_ids/account_id/.id",
            "line_ids/partner_id/.id",
            "line_ids/debit",
            "line_ids/credit",
        ]
        rows = []
        for key, open_line in zip(keys, receivables, strict=True):
            name, partner = external_id("bench_pay", key), open_line["partner_id"]
            own = [name, "entry", f"{key}-p", DAY.isoformat(), self.setting.journal("bank")]
            clearing = self.setting.account("clearing_account")
            rows.append([*own, f"{name}_1", clearing, partner, "200.00", "0"])
            rows.append([*[""] * len(head), f"{name}_2", open_line["account_id"], partner, "0", "200.00"])
        ids = await self.odoo.create_missing("account.move", [*head, *line], rows)
        await self.odoo.do("account.move", "action_post", ids)
        paid = await self._receivables([f"{key}-p" for key in keys])
        for one, other in zip(receivables, paid, strict=True):
            await self.odoo.do("account.move.line", "reconcile", [one["id"], other["id"]])

    async def latency(self) -> dict[str, float]:
        """One at a time: an invoice drafted and posted through the connector, against `load` and `action_post` bare."""
        ours, bare = [], []
        for _ in range(20):
            for taken, way in ((bare, self._bare), (ours, self._single)):
                key = f"suture-test-{uuid4().hex[:12]}"
                began = time.monotonic()
                await way(key)
                taken.append((time.monotonic() - began) * 1000)
        p95 = {"connector": _p95(ours), "two calls": _p95(bare)}
        return {**p95, "ratio": round(p95["connector"] / p95["two calls"], 2)}

    async def _bare(self, key: str) -> None:
        await self._write_invoices([key])

    async def _single(self, key: str) -> None:
        await self.ledger.draft_invoice(an_order(key))
        await self.ledger.post_invoice(key, usd("200.00"))

    async def remittance(self, claims: int) -> dict[str, object]:
        """One deposit for many claims: how long, and by how much this process grew meanwhile."""
        mark = uuid4().hex[:8]
        keys = [f"suture-test-{mark}-{number}" for number in range(claims)]

        async def bill(key: str) -> None:
            await self.ledger.draft_invoice(an_order(key))
            await self.ledger.post_invoice(key, usd("200.00"))

        for start in range(0, claims, 500):
            await asyncio.gather(*map(bill, keys[start : start + 500]))
        told = a_remittance(
            f"suture-test-{mark}", *(a_claim(key, patient="0.00", **{"CO-45": "80.00"}) for key in keys)
        )
        parts: list[RemittanceProgress] = []
        before, began = _megabytes(), time.monotonic()
        posted = await self.ledger.post_remittance(told, patients(), parts.append)
        seconds = time.monotonic() - began
        return {
            "claims": claims,
            "entries": len(posted.numbers),
            "unapplied": len(posted.unapplied),
            "seconds": round(seconds, 1),
            "claims_per_s": round(claims / seconds, 1),
            "grew_mb": round(_megabytes() - before, 1),
        }


def _p95(taken: list[float]) -> float:
    return round(sorted(taken)[int(len(taken) * 0.95) - 1], 1)


def _megabytes() -> float:
    """The most that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
