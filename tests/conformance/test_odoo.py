"""The ledger's conformance suite on simulated Odoo 17 and 19, and on a real server where one is named.

SUTURE_TEST_ODOO_URL, _DB, _API_KEY and, for JSON-RPC, _LOGIN and _TRANSPORT name it; `make conformance` sets them.
"""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import pytest

from suture.connectors.http import HttpClient
from suture.connectors.odoo import OdooLedger
from suture.connectors.odoo.client import Json2, JsonRpc, Odoo, server_version
from suture.connectors.odoo.names import external_id
from suture.connectors.port import Ledger
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
    usd,
)
from suture.core.failure import Fatal, Rejected
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
        line = {"name": "Twin", "quantity": 1, "price_unit": 1.0, "tax_ids": [[6, 0, []]]}
        (ours,) = await odoo.search("account.move", [["ref", "=", key]], ["partner_id"])
        twin = {"move_type": "out_invoice", "ref": key, "partner_id": ours["partner_id"]}
        values = {**twin, "invoice_date": DAY.isoformat(), "invoice_line_ids": [[0, 0, line]]}
        (made,) = await odoo.ask("account.move", "create", vals_list=[values])
        await odoo.do("account.move", "action_post", [made])
        assert [fact.kind for fact in await facts_of(ledger, key)] == ["invoice", "invoice"]

    async def test_a_deleted_draft_is_drafted_anew(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        first = await ledger.draft_invoice(an_invoice(key))
        await odoo.do("account.move", "unlink", [first.invoice])
        second = await ledger.draft_invoice(an_invoice(key))
        assert second.invoice != first.invoice
        assert (await ledger.post_invoice(key, usd("200.00"))).invoice == second.invoice

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


def connector(target: Target, *, api_key: str = KEY, database: str = "suture") -> OdooLedger:
    return OdooLedger.connect(
        name="odoo",
        url=target.url,
        database=database,
        api_key=api_key,
        login=LOGIN,
        transport=target.transport,
        organisation="conformance",
        plan=PLAN,
    )


async def lock(target: Target, until: str | bool) -> None:
    async with HttpClient("odoo", target.url, headers={}) as http:
        odoo = Odoo(JsonRpc(http, target.database, LOGIN, KEY), target.version, 1)
        await odoo.do("res.company", "write", [1], vals={"fiscalyear_lock_date": until})


async def test_nothing_is_posted_into_a_locked_period(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await ledger.draft_invoice(an_invoice("locked"))
    await lock(simulated, DAY.isoformat())
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
    await ledger.draft_invoice(an_invoice("moved"))
    await lock(simulated, DAY.isoformat())
    try:
        failure = await failure_of(ledger.post_invoice("moved", usd("200.00")))
    finally:
        await lock(simulated, False)
        await ledger.close()
    assert isinstance(failure, Rejected)
    assert failure.code == "date_moved"
    assert (DAY + timedelta(days=2)).isoformat() in str(failure)


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
