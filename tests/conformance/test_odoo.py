"""The ledger's conformance suite on simulated Odoo 17 and 19, and on a real server where one is named.

SUTURE_TEST_ODOO_URL, _DB, _API_KEY and, for JSON-RPC, _LOGIN and _TRANSPORT name it; `make conformance` sets them.
"""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from suture.connectors.http import HttpClient
from suture.connectors.odoo import OdooLedger
from suture.connectors.odoo.client import Json2, JsonRpc, Odoo, server_version
from suture.connectors.odoo.names import external_id
from suture.connectors.port import Ledger, LedgerPlan
from suture.connectors.testing import (
    DAY,
    PLAN,
    LedgerConformance,
    a_payment,
    an_accrual,
    an_invoice,
    facts_of,
    failure_of,
    posted_invoice,
    settled,
    usd,
    whole_visit,
)
from suture.core.failure import Fatal, Rejected, Unknown
from suture.simulators.odoo import create_app
from suture.simulators.serving import serving

KEY, LOGIN = "simulated-key", "suture-bot"


@dataclass(frozen=True)
class Target:
    """An Odoo to talk to. `version` is the simulated one's."""

    transport: str | None
    version: int = 0
    url: str = ""
    database: str = "suture"
    api_key: str = KEY
    login: str | None = LOGIN


SIMULATED = {
    "sim19-json2": Target("json2", 19),
    "sim19-jsonrpc": Target("jsonrpc", 19),
    "sim17-jsonrpc": Target("jsonrpc", 17),
}


def real_server() -> dict[str, Target]:
    named = {name: os.environ.get(f"SUTURE_TEST_ODOO_{name}", "") for name in ("URL", "DB", "API_KEY", "LOGIN")}
    if not named["URL"]:
        return {}
    transport = os.environ.get("SUTURE_TEST_ODOO_TRANSPORT") or None
    target = Target(
        transport, url=named["URL"], database=named["DB"], api_key=named["API_KEY"], login=named["LOGIN"] or None
    )
    return {"real": target}


TARGETS = {**SIMULATED, **real_server()}


@pytest.fixture(params=TARGETS, ids=str)
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    chosen = TARGETS[request.param]
    if chosen.url:
        yield chosen
        return
    app = create_app(database=chosen.database, version=chosen.version, api_keys={KEY: LOGIN})
    async with serving(app) as url:
        yield Target(chosen.transport, chosen.version, url)


@pytest.fixture
def connect(target: Target) -> Callable[[], Ledger]:
    return lambda: OdooLedger.connect(
        name="odoo",
        url=target.url,
        database=target.database,
        api_key=target.api_key,
        login=target.login,
        transport=target.transport,
        organisation="conformance",
        plan=PLAN,
    )


@pytest.fixture
async def odoo(target: Target) -> AsyncIterator[Odoo]:
    """A second pair of hands in the same database: a person, or another integration."""
    async with HttpClient("odoo", target.url, headers={}) as http:
        _, major = await server_version(http)
        if target.transport == "json2" or (target.transport is None and major >= 19):
            yield Odoo(Json2(http, target.database, target.api_key), major, 1)
        else:
            yield Odoo(JsonRpc(http, target.database, target.login or "", target.api_key), major, 1)


class TestOdoo(LedgerConformance):
    async def test_an_invoice_is_analytic_taxless_and_says_no_more_than_it_must(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        fields = ["name", "tax_ids", "analytic_distribution", "quantity", "price_unit"]
        domain = [["move_id", "=", drafted.invoice], ["display_type", "=", "product"]]
        lines = await odoo.search("account.move.line", domain, fields)
        assert [line["name"] for line in lines] == ["Visit, 30 minutes", "Laboratory panel"]
        assert [line["tax_ids"] for line in lines] == [[], []]
        (distribution,) = {str(line["analytic_distribution"]) for line in lines}
        assert distribution.count(",") == 1
        assert "100" in distribution

    async def test_a_partner_follows_its_source(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        order = an_invoice(key)
        await ledger.draft_invoice(order)
        moved = msgspec.structs.replace(order.partner, city="Birch", street=None)
        await ledger.draft_invoice(msgspec.structs.replace(order, partner=moved))
        (partner,) = await odoo.search("res.partner", [["ref", "=", moved.reference]], ["city", "street"])
        assert partner == {"id": partner["id"], "city": "Birch", "street": False}

    async def test_a_strangers_twin_is_a_second_fact(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        await posted_invoice(ledger, key)
        (ours,) = await odoo.search("account.move", [["ref", "=", key]], ["partner_id"])
        columns = ["id", "move_type", "ref", "partner_id/.id", "invoice_date"]
        line = ["invoice_line_ids/name", "invoice_line_ids/price_unit", "invoice_line_ids/tax_ids"]
        twin = [f"stranger.{key}", "out_invoice", key, ours["partner_id"], DAY.isoformat(), "Twin", "1.00", ""]
        (made,) = await odoo.upsert("account.move", [*columns, *line], [twin])
        await odoo.do("account.move", "action_post", [made])
        assert [fact.kind for fact in await facts_of(ledger, key)] == ["invoice", "invoice"]

    async def test_a_deleted_draft_is_drafted_anew(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        first = await ledger.draft_invoice(an_invoice(key))
        await odoo.do("account.move", "unlink", [first.invoice])
        second = await ledger.draft_invoice(an_invoice(key))
        assert second.invoice != first.invoice
        assert (await ledger.post_invoice(key, usd("200.00"))).invoice == second.invoice

    async def test_a_deleted_partner_is_made_anew(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        first = await ledger.draft_invoice(an_invoice(key))
        await odoo.do("account.move", "unlink", [first.invoice])
        (partner,) = await odoo.search("res.partner", [["ref", "=", f"Patient/{key}"]], ["ref"])
        await odoo.do("res.partner", "unlink", [partner["id"]])
        assert (await ledger.draft_invoice(an_invoice(key))).total == usd("200.00")

    async def test_a_reference_edited_by_a_person_misleads_nobody(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        await odoo.do("account.move", "write", [drafted.invoice], vals={"ref": f"{key}-edited"})
        other = connect()
        assert (await other.post_invoice(key, usd("200.00"))).invoice == drafted.invoice
        await other.close()

    async def test_a_payment_clears_the_receivable_through_the_clearing_account(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        await posted_invoice(ledger, key)
        await ledger.apply_payment(a_payment(key, "50.00"))
        (entry,) = await odoo.search("account.move", [["ref", "=", f"{key}-p1"]], ["state"])
        lines = await odoo.search(
            "account.move.line", [["move_id", "=", entry["id"]]], ["debit", "credit", "reconciled"]
        )
        assert [(line["debit"], line["credit"]) for line in lines] == [(50.0, 0.0), (0.0, 50.0)]
        assert lines[1]["reconciled"]

    async def test_a_second_load_adds_no_line(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        name = external_id("invoice", key)
        columns = ["id", "invoice_line_ids/id", "invoice_line_ids/name"]
        await odoo.upsert("account.move", columns, [[name, f"{name}_1", "Changed"]])
        lines = await odoo.search(
            "account.move.line", [["move_id", "=", drafted.invoice], ["display_type", "=", "product"]], ["name"]
        )
        assert [line["name"] for line in lines] == ["Changed", "Laboratory panel"]


@pytest.fixture(params=SIMULATED, ids=str)
async def simulated(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    """Lock dates and credentials are for simulated servers: a real one's company isn't ours to change."""
    chosen = SIMULATED[request.param]
    app = create_app(database=chosen.database, version=chosen.version, api_keys={KEY: LOGIN})
    async with serving(app) as url:
        yield Target(chosen.transport, chosen.version, url)


def connector(
    target: Target, *, api_key: str = KEY, database: str = "suture", plan: LedgerPlan | None = PLAN
) -> OdooLedger:
    return OdooLedger.connect(
        name="odoo",
        url=target.url,
        database=database,
        api_key=api_key,
        login=LOGIN,
        transport=target.transport,
        organisation="conformance",
        plan=plan,
    )


async def lock(target: Target, until: str | bool) -> None:
    async with HttpClient("odoo", target.url, headers={}) as http:
        odoo = Odoo(JsonRpc(http, target.database, LOGIN, KEY), target.version, 1)
        await odoo.do("res.company", "write", [1], vals={"fiscalyear_lock_date": until})


async def test_nothing_is_posted_into_a_locked_period(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await lock(simulated, DAY.isoformat())
    await ledger.draft_invoice(an_invoice("locked"))
    try:
        failures = [
            await failure_of(ledger.post_invoice("locked", usd("200.00"))),
            await failure_of(ledger.accrue_compensation(an_accrual("locked"))),
        ]
    finally:
        await lock(simulated, False)
        await ledger.close()
    assert [failure.code for failure in failures] == ["period_locked", "period_locked"]
    assert await facts_of_new(simulated, "locked") == []


async def test_a_lock_that_comes_between_is_seen_by_the_date_that_moved(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await posted_invoice(ledger, "before-lock")  # the lock dates are known now, for a minute
    await lock(simulated, DAY.isoformat())
    await ledger.draft_invoice(an_invoice("moved"))
    try:
        failure = await failure_of(ledger.post_invoice("moved", usd("200.00")))
    finally:
        await lock(simulated, False)
        await ledger.close()
    assert isinstance(failure, Rejected)
    assert failure.code == "date_moved"
    assert f"dated {DAY}" in str(failure)


class LosingAnswers:
    """Does the work of each changing call and, the first time, gives no answer to it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lost: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        called = next((m for m in CHANGING if scope["path"].endswith(f"/{m}") or f'"{m}",' in body), None)

        async def again() -> Message:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        if called is None or called in self.lost:
            await self._app(scope, again, send)
            return
        self.lost.add(called)
        await self._app(scope, again, _unheard)
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b""})


CHANGING = ("load", "action_post", "reconcile", "button_validate", "button_cancel")


async def _whole_body(receive: Receive) -> str:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body.decode()


async def _unheard(message: Message) -> None:
    pass


@pytest.mark.parametrize("name", SIMULATED)
async def test_work_whose_answer_was_lost_is_unknown_and_never_done_twice(name: str) -> None:
    chosen = SIMULATED[name]
    app = LosingAnswers(create_app(database=chosen.database, version=chosen.version, api_keys={KEY: LOGIN}))
    async with serving(app) as url:
        ledger = connector(Target(chosen.transport, chosen.version, url))
        await settled(lambda: ledger.prepare(PLAN))
        app.lost.clear()
        assert isinstance(await failure_of(ledger.draft_invoice(an_invoice("lost"))), Unknown)
        await whole_visit(ledger, "lost")
        facts = await facts_of(ledger, "lost")
        await ledger.close()
    assert app.lost == {"load", "action_post", "reconcile", "button_validate"}
    assert sorted(fact.kind for fact in facts) == ["accrual", "invoice", "payment", "stock_move"]


async def test_a_worker_that_was_told_no_plan_finds_journals_by_type(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await ledger.close()
    other = connector(simulated, plan=None)
    await posted_invoice(other, "planless")
    failure = await failure_of(other.accrue_compensation(an_accrual("planless")))
    await other.close()
    assert failure.code == "not_prepared"


async def test_accounts_that_the_chart_lacks_are_made_and_found_by_any_worker(simulated: Target) -> None:
    plan = msgspec.structs.replace(
        PLAN,
        income_account="400901",
        compensation_expense_account="630901",
        compensation_liability_account="230901",
        clearing_account="101901",
    )
    ledger = connector(simulated, plan=plan)
    created = await ledger.prepare(plan)
    assert [words for words in created if words.startswith("account ")] == [
        "account 400901: Patient services",
        "account 630901: Practitioners' compensation",
        "account 230901: Compensation payable",
        "account 101901: Payments clearing",
    ]
    assert await ledger.prepare(plan) == []
    await ledger.close()
    other = connector(simulated, plan=None)
    await whole_visit(other, "own-accounts")
    await other.close()


async def facts_of_new(target: Target, key: str) -> list[object]:
    ledger = connector(target)
    try:
        return list(await facts_of(ledger, key))
    finally:
        await ledger.close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"api_key": "nonsense"}, "credentials_refused"), ({"database": "nowhere"}, "wrong_database")],
    ids=["key", "database"],
)
async def test_a_wrong_setting_is_fatal_with_a_remedy(simulated: Target, wrong: dict[str, str], code: str) -> None:
    ledger = connector(simulated, **wrong)
    failure = await failure_of(ledger.draft_invoice(an_invoice("never")))
    health = await ledger.health()
    await ledger.close()
    assert isinstance(failure, Fatal)
    assert failure.remedy
    assert code == "wrong_database" or failure.code == code
    assert health.remedies
