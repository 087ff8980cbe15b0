"""Each simulated system tells what happened to it: all that took effect, in order, and nothing that was rolled back."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

from suture.connectors.odoo.ledger import OdooLedger
from suture.core.clock import ManualClock
from suture_lab.conformance.orders import DAY, PLAN, a_kit, a_payment, an_accrual, posted_invoice, whole_visit
from suture_lab.simulators.billing.book import Book
from suture_lab.simulators.billing.messages import ChargeRequest, RequestedLine
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.faults import PRESETS, FaultInjection, Faults
from suture_lab.simulators.observed import Journal, Observed, Standing
from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.errors import ServerError
from suture_lab.simulators.odoo.seed import seed
from suture_lab.simulators.odoo.server import Server
from suture_lab.simulators.scheduling.register import Register
from suture_lab.simulators.scheduling.story import happenings
from suture_lab.simulators.serving import serving

CLINIC = generate(seed=7, appointments=40, day=date(2025, 3, 3))


def told(journal: Journal) -> list[tuple[str, str]]:
    return [(effect.what, effect.key) for effect in journal.since()]


def test_scheduling_tells_each_step() -> None:
    register = Register(CLINIC)
    before = time.monotonic()
    for happening in happenings(CLINIC):
        register.record(happening)
    seen = register.journal.since()
    assert [(effect.what, effect.key, effect.number) for effect in seen] == [
        (f"appointment.{happening.step}", happening.plan.id, str(happening.version)) for happening in happenings(CLINIC)
    ]
    assert before <= seen[0].at <= seen[-1].at <= time.monotonic()


def request_for(key: str) -> ChargeRequest:
    line = RequestedLine(CLINIC.services[0].code, Decimal(1))
    return ChargeRequest(key, "P", "D", "MAIN", CLINIC.day, (line,), None)


def test_billing_tells_a_charge_once_and_its_payments() -> None:
    book = Book(CLINIC)
    plan = next(plan for plan in CLINIC.appointments if plan.payments)
    charge, _ = book.capture(request_for(plan.id))
    book.capture(request_for(plan.id))
    payments = book.adjudicate(charge.id)
    book.adjudicate(charge.id)
    assert told(book.journal) == [
        ("charge.captured", plan.id),
        *(("payment.posted", payment.id) for payment in payments),
    ]
    captured, paid, *_ = book.journal.since()
    assert (captured.number, captured.amount, captured.of) == (charge.id, charge.total, "")
    assert (paid.amount, paid.of) == (payments[0].amount, plan.id)


def test_billing_tells_a_void_once() -> None:
    book = Book(CLINIC)
    charge, _ = book.capture(request_for("A1"))
    book.void(charge.id)
    book.void(charge.id)
    assert told(book.journal) == [("charge.captured", "A1"), ("charge.voided", "A1")]


class Bench:
    """A simulated Odoo over a socket, the connector that writes to it, and what it tells."""

    def __init__(self, url: str, version: int) -> None:
        transport: Any = "json2" if version == 19 else "jsonrpc"
        self._url = url
        self.ledger = OdooLedger.connect(
            name="odoo",
            url=url,
            database="suture",
            api_key="key",
            login="bot",
            transport=transport,
            organisation="unit",
            plan=PLAN,
        )

    async def told(self, path: str) -> Any:
        async with aiohttp.ClientSession(self._url) as client, client.get(path) as response:
            return await response.json()

    async def observed(self) -> list[Observed]:
        return msgspec.convert(await self.told("/control/observed"), list[Observed])

    async def standing(self) -> dict[str, Standing]:
        documents = msgspec.convert(await self.told("/control/standing"), list[Standing])
        assert len({document.kind for document in documents}) == len(documents)
        return {document.kind: document for document in documents}


@pytest.fixture(params=[17, 19])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    app = create_app(version=request.param, api_keys={"key": "bot"})
    async with serving(FaultInjection(app, Faults())) as url:
        bench = Bench(url, request.param)
        await bench.ledger.prepare(PLAN)
        yield bench
        await bench.ledger.close()


async def test_odoo_tells_a_visit_in_the_order_of_its_effects(bench: Bench) -> None:
    await whole_visit(bench.ledger, "A-1")
    await whole_visit(bench.ledger, "A-1")
    seen = await bench.observed()
    assert [(effect.what, effect.key, effect.amount, effect.of) for effect in seen] == [
        ("invoice.drafted", "A-1", Decimal("200.00"), ""),
        ("stock.done", "A-1", None, ""),
        ("accrual.posted", "A-1", Decimal("70.00"), ""),
        ("invoice.posted", "A-1", Decimal("200.00"), ""),
        ("payment.posted", "A-1-p1", Decimal("200.00"), ""),
        ("payment.reconciled", "A-1-p1", Decimal("200.00"), "A-1"),
    ]
    assert [effect.at for effect in seen] == sorted(effect.at for effect in seen)
    assert all(effect.external_id.startswith("suture.") and effect.system == "odoo" for effect in seen)
    assert await bench.told("/control/observed?after=5") == (await bench.told("/control/observed"))[5:]


async def test_odoo_tells_what_stands_in_the_end(bench: Bench) -> None:
    await posted_invoice(bench.ledger, "A-1")
    await bench.ledger.apply_payment(a_payment("A-1", "50.00"))
    stands = await bench.standing()
    invoice, payment = stands["invoice"], stands["payment"]
    assert (invoice.amount, invoice.residual, invoice.payment_state) == (Decimal(200), Decimal(150), "partial")
    assert (payment.key, payment.state, payment.residual) == ("A-1-p1", "posted", Decimal(0))


async def test_odoo_tells_an_undoing(bench: Bench) -> None:
    await whole_visit_unpaid(bench)
    await bench.ledger.reverse_compensation("A-1", DAY)
    await bench.ledger.return_stock("A-1")
    await bench.ledger.cancel_invoice("A-1", DAY)
    seen = [(effect.what, effect.key) for effect in (await bench.observed())[-3:]]
    assert seen == [("accrual_reversal.posted", "A-1"), ("stock.returned", "A-1"), ("credit.posted", "A-1")]
    stands = await bench.standing()
    assert stands["stock"].moved == stands["stock_return"].moved
    assert stands["stock"].moved == {"SUTURE-TEST-GLOVES": Decimal(2), "SUTURE-TEST-SYRINGE": Decimal(1)}
    assert (stands["invoice"].residual, stands["invoice"].payment_state) == (Decimal(0), "reversed")
    assert stands["credit"].amount == stands["invoice"].amount


async def whole_visit_unpaid(bench: Bench) -> None:
    await bench.ledger.consume_stock(a_kit("A-1"))
    await bench.ledger.accrue_compensation(an_accrual("A-1"))
    await posted_invoice(bench.ledger, "A-1")


async def test_what_is_known_so_far_is_a_whole_number(bench: Bench) -> None:
    assert (await bench.told("/control/observed?after=-1"))["error"]["code"] == "invalid"


async def test_a_storm_leaves_the_witness_alone() -> None:
    app = create_app(api_keys={"key": "bot"})
    async with serving(FaultInjection(app, Faults(PRESETS["storm"]))) as url, aiohttp.ClientSession(url) as client:
        for _ in range(50):
            async with client.get("/control/observed") as response:
                assert (response.status, await response.json()) == (200, [])


@pytest.fixture
def server() -> Server:
    db = SimulatedDatabase("test", 19, {"key": "bot"}, ManualClock(datetime(2026, 3, 10, tzinfo=UTC)))
    seed(db, {"bot"})
    return Server(db)


def call(server: Server, model: str, method: str, *positional: Any) -> Any:
    return server.run(server.db.users["bot"], model, method, positional, {})


def make_invoice(server: Server, reference: str) -> int:
    partner = call(server, "res.partner", "create", {"name": "Payer"})
    line = {"name": "Visit", "price_unit": 10.0, "tax_ids": []}
    values = {"move_type": "out_invoice", "partner_id": partner, "ref": reference}
    return int(call(server, "account.move", "create", {**values, "invoice_line_ids": [(0, 0, line)]}))


def test_a_call_that_fails_leaves_no_trace(server: Server) -> None:
    good, posted = make_invoice(server, "A1"), make_invoice(server, "A2")
    call(server, "account.move", "action_post", [posted])
    before = told(server.witness.journal)
    with pytest.raises(ServerError):
        call(server, "account.move", "action_post", [good, posted])
    with pytest.raises(ServerError):
        call(server, "account.move", "create", [{"move_type": "out_invoice", "ref": "A3"}, {"nonsense": 1}])
    assert told(server.witness.journal) == before
    call(server, "account.move", "action_post", [good])
    assert told(server.witness.journal) == [*before, ("invoice.posted", "A1")]


def test_an_import_that_fails_leaves_no_trace(server: Server) -> None:
    columns = ["id", "move_type", "ref", "invoice_line_ids/name", "invoice_line_ids/account_id/.id"]
    rows = [["x.a", "out_invoice", "A1", "Visit", 10], ["x.b", "entry", "A2", "No account", ""]]
    assert call(server, "account.move", "load", columns, rows)["ids"] is False
    assert told(server.witness.journal) == []


def test_a_document_that_is_not_ours_is_told_with_its_reference(server: Server) -> None:
    call(server, "account.move", "action_post", [make_invoice(server, "A1")])
    drafted, posted = server.witness.journal.since()
    assert (drafted.what, posted.what, posted.key, posted.external_id) == (
        "invoice.drafted",
        "invoice.posted",
        "A1",
        "",
    )
    (document,) = server.witness.standing()
    assert (document.kind, document.residual, document.external_id) == ("invoice", Decimal("10.00"), "")


def test_a_posted_invoice_that_is_cancelled_is_told_as_cancelled(server: Server) -> None:
    invoice = make_invoice(server, "A1")
    call(server, "account.move", "action_post", [invoice])
    call(server, "account.move", "button_cancel", [invoice])
    assert told(server.witness.journal)[-1] == ("invoice.cancelled", "A1")
