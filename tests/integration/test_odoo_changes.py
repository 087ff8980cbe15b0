"""What people do in Odoo comes back as events, and where it concerns what we wrote, in front of a person: once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from suture.catalogue import Catalogue
from suture.connectors.http import HttpClient
from suture.connectors.odoo.ledger import OdooLedger
from suture.connectors.odoo.reading import changes
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport import paging
from suture.connectors.odoo.transport.client import JsonRpc, Odoo
from suture.connectors.port import ChangePage
from suture.core.clock import SystemClock
from suture.core.failure import Retriable
from suture.ingest.ingester import Ingester
from suture.ingest.polling import Poller
from suture.processes.definitions import ROUTES
from suture.store import cursors, exceptions
from suture.store.crosswalk import Crosswalk
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.inbox import Inbox, InboxFull, Receipt
from suture.store.parties import Parties
from suture.store.recorder import Recorder
from suture_lab.conformance.orders import DAY, PLAN, VISIT, a_payment, an_invoice, posted_invoice, usd
from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.serving import serving

INTERFACE = "odoo-changes"


class Clinic:
    """A simulated Odoo with our hands and a person's in it, and the platform's side that listens."""

    def __init__(self, url: str, database: Database, vault: Vault, catalogue: Catalogue) -> None:
        self.url, self.database = url, database
        self.ledger = OdooLedger.connect(
            name="odoo",
            url=url,
            database="suture",
            api_key="ours",
            login="suture-bot",
            organisation="conformance",
            plan=PLAN,
            crosswalk=Crosswalk(database, vault, "odoo", SystemClock()),
        )
        self.http = HttpClient("odoo", url, headers={})
        self.person = Odoo(JsonRpc(self.http, "suture", "ada", "theirs"), 19, 1)
        self.inbox = Inbox(database, vault)
        self.poller = self.a_poller()
        self.ingester = Ingester(
            database=database,
            vault=vault,
            parties=Parties(database, vault),
            recorder=Recorder(ROUTES),
            catalogue=catalogue,
            clock=SystemClock(),
        )

    def a_poller(self, every: float = 60.0) -> Poller:
        return Poller(
            system="odoo",
            database=self.database,
            inbox=self.inbox,
            interface=INTERFACE,
            ledgers={"": self.ledger},
            every=every,
            clock=SystemClock(),
        )

    async def look(self) -> None:
        await self.poller.poll("")
        while await self.ingester.ingest_batch():
            pass

    async def events(self) -> list[tuple[str, str]]:
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT type, subject FROM event WHERE type NOT LIKE '%exception%' ORDER BY seq"
            )
        return [(row["type"].removeprefix("suture.").removesuffix(".v1"), row["subject"]) for row in rows]

    async def troubles(self) -> list[tuple[str, str | None, int]]:
        async with self.database.connection() as connection:
            return sorted((one.code, one.subject, one.count) for one in await exceptions.open_exceptions(connection))

    async def close(self) -> None:
        await self.ledger.close()
        await self.http.close()


@pytest.fixture
async def clinic(database: Database, vault: Vault, catalogue: Catalogue) -> AsyncIterator[Clinic]:
    app = create_app(version=19, api_keys={"ours": "suture-bot", "theirs": "ada"})
    async with serving(app) as url:
        clinic = Clinic(url, database, vault, catalogue)
        await clinic.ledger.prepare(PLAN)
        await clinic.look()
        yield clinic
        await clinic.close()


async def invoice_of(clinic: Clinic, key: str) -> int:
    (row,) = await clinic.person.search("account.move", [["ref", "=", key], ["move_type", "=", "out_invoice"]], ["id"])
    return int(row["id"])


async def test_our_own_work_is_no_change(clinic: Clinic) -> None:
    await posted_invoice(clinic.ledger, "A1")
    await clinic.ledger.apply_payment(a_payment("A1", "200.00"))
    await clinic.look()
    assert await clinic.events() == []


async def test_what_people_do_is_told_once_and_needs_somebody(clinic: Clinic) -> None:
    for key in ("A1", "A2", "A3"):
        await posted_invoice(clinic.ledger, key)
    await clinic.person.do("account.move", "button_cancel", [await invoice_of(clinic, "A1")])
    second = await invoice_of(clinic, "A2")
    await clinic.person.do("account.move", "button_draft", [second])
    await clinic.person.do("account.move", "unlink", [second])
    partner = (await clinic.ledger.register(an_invoice("A3").partner)).partner
    await clinic.person.do("res.partner", "write", [partner], vals={"street": "9 Other Way"})
    for _ in range(4):  # the search for deleted records takes turns with the models
        await clinic.look()
    assert sorted(await clinic.events()) == [
        ("discrepancy.found", "Patient/A3"),
        ("invoice.changed_by_person", "Appointment/A1"),
        ("invoice.changed_by_person", "Appointment/A2"),
    ]
    assert await clinic.troubles() == [
        ("changed_in_odoo", "Appointment/A1", 1),
        ("changed_in_odoo", "Patient/A3", 1),
        ("deleted_in_odoo", "Appointment/A2", 1),
    ]


async def test_a_payment_that_a_person_enters_settles_the_invoice(clinic: Clinic) -> None:
    await posted_invoice(clinic.ledger, "A1")
    (line,) = await clinic.person.search(
        "account.move.line",
        [["move_id", "=", await invoice_of(clinic, "A1")], ["account_type", "=", "asset_receivable"]],
        ["account_id", "partner_id"],
    )
    (bank,) = await clinic.person.search("account.journal", [["type", "=", "bank"]], ["default_account_id"])
    head = ["id", "move_type", "journal_id/.id"]
    lines = [f"line_ids/{column}" for column in ("id", "account_id/.id", "partner_id/.id", "debit", "credit")]
    own = ["ada.pay", "entry", bank["id"]]
    rows = [
        [*own, "ada.pay_1", bank["default_account_id"], line["partner_id"], "200", "0"],
        ["", "", "", "ada.pay_2", line["account_id"], line["partner_id"], "0", "200"],
    ]
    (entry,) = await clinic.person.upsert("account.move", [*head, *lines], rows)
    await clinic.person.do("account.move", "action_post", [entry])
    paid = [["move_id", "=", entry], ["account_type", "=", "asset_receivable"]]
    (other,) = await clinic.person.search("account.move.line", paid, ["id"])
    await clinic.person.do("account.move.line", "reconcile", [line["id"], other["id"]])
    await clinic.look()
    assert await clinic.events() == [("invoice.settled", "Appointment/A1")]
    assert await clinic.troubles() == []


async def test_a_twin_by_hand_needs_somebody(clinic: Clinic) -> None:
    await posted_invoice(clinic.ledger, "A1")
    partner = (await clinic.ledger.register(an_invoice("A1").partner)).partner
    columns = ["id", "move_type", "ref", "partner_id/.id", "invoice_line_ids/name", "invoice_line_ids/price_unit"]
    (twin,) = await clinic.person.upsert(
        "account.move", columns, [["ada.twin", "out_invoice", "A1", partner, "By hand", "200"]]
    )
    await clinic.person.do("account.move", "action_post", [twin])
    await clinic.look()
    assert [code for code, _, _ in await clinic.troubles()] == ["twin_in_odoo"]


async def test_a_twin_that_is_paid_is_told_once(clinic: Clinic) -> None:
    await posted_invoice(clinic.ledger, "A1")
    partner = (await clinic.ledger.register(an_invoice("A1").partner)).partner
    columns = ["id", "move_type", "ref", "partner_id/.id", "invoice_line_ids/name", "invoice_line_ids/price_unit"]
    (twin,) = await clinic.person.upsert(
        "account.move", columns, [["ada.twin", "out_invoice", "A1", partner, "By hand", "200"]]
    )
    await clinic.person.do("account.move", "action_post", [twin])
    await clinic.look()
    await clinic.person.do("account.move", "write", [twin], vals={"invoice_date_due": "2030-01-01"})
    await clinic.look()
    assert await clinic.troubles() == [("twin_in_odoo", "Appointment/A1", 1)]


async def test_a_customers_new_name_on_what_is_paid_settles_nothing(clinic: Clinic) -> None:
    await posted_invoice(clinic.ledger, "A1")
    await clinic.ledger.apply_payment(a_payment("A1", "200.00"))
    partner = (await clinic.ledger.register(an_invoice("A1").partner)).partner
    await clinic.person.do("res.partner", "write", [partner], vals={"name": "Zebedee Renamed"})
    await clinic.person.do("account.move", "write", [await invoice_of(clinic, "A1")], vals={"ref": "edited"})
    await clinic.look()
    assert await clinic.events() == [("discrepancy.found", "Patient/A1")]


async def test_our_own_credit_is_no_further_change_of_an_invoice_that_somebody_changed(clinic: Clinic) -> None:
    await posted_invoice(clinic.ledger, "A1")
    invoice = await invoice_of(clinic, "A1")
    await clinic.person.do("account.move", "button_draft", [invoice])
    await clinic.person.do("account.move", "write", [invoice], vals={"invoice_date": "2026-01-02"})
    await clinic.person.do("account.move", "action_post", [invoice])
    await clinic.look()
    assert await clinic.ledger.cancel_invoice("A1", DAY)
    await clinic.look()
    assert await clinic.events() == [("invoice.changed_by_person", "Appointment/A1")]
    assert await clinic.troubles() == [("changed_in_odoo", "Appointment/A1", 1)]


async def test_what_odoos_own_module_reads_back_in_its_transaction_is_no_change(
    database: Database, vault: Vault, catalogue: Catalogue
) -> None:
    """17 answers amounts unrounded there."""
    app = create_app(version=17, api_keys={"ours": "suture-bot", "theirs": "ada"}, connects=True)
    async with serving(app) as url:
        clinic = Clinic(url, database, vault, catalogue)
        await clinic.ledger.prepare(PLAN)
        await clinic.look()
        await posted_invoice(clinic.ledger, "A1")
        await clinic.ledger.apply_payment(a_payment("A1", "200.00"))
        await clinic.look()
        assert await clinic.events() == []
        await clinic.close()


@pytest.mark.parametrize("knows", [True, False], ids=["known", "asked"])
async def test_an_archived_product_is_archived_and_not_deleted(clinic: Clinic, knows: bool) -> None:
    (product,) = await clinic.person.search("product.product", [["default_code", "=", VISIT]], ["name"])
    await clinic.person.do("product.product", "write", [product["id"]], vals={"active": False})
    session = await clinic.ledger._server.session(None)
    if not knows:
        session.finder.forget([external_id("product", VISIT)])
    (found,) = [one async for one in clinic.ledger.master_data() if one.reference == VISIT]
    assert (found.state, found.record) == ("archived", product["id"])


async def test_nothing_is_lost_when_a_look_breaks_off_in_the_middle(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await posted_invoice(clinic.ledger, "A1")
    await clinic.person.do("account.move", "button_cancel", [await invoice_of(clinic, "A1")])

    async def never(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as broken:
        broken.setattr(cursors, "advance", never)
        with pytest.raises(ConnectionResetError):
            await clinic.look()
    clinic.poller = clinic.a_poller()
    await clinic.look()
    assert await clinic.events() == [("invoice.changed_by_person", "Appointment/A1")]


async def import_suppliers(clinic: Clinic, count: int) -> None:
    """Somebody imports suppliers, far more than a page of changes holds."""
    columns = ["id", "name", "supplier_rank"]
    rows = [[f"ada.supplier_{number}", f"Supplier {number}", "1"] for number in range(count)]
    await clinic.person.upsert("res.partner", columns, rows)


async def test_an_import_by_others_is_told_page_by_page(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE", 50)
    monkeypatch.setattr(changes, "PAGE", 50)
    await import_suppliers(clinic, 230)
    sizes: list[int] = []
    read = clinic.ledger.changes

    async def measured(cursor: str | None) -> ChangePage:
        page = await read(cursor)
        sizes.append(len(page.changes))
        return page

    monkeypatch.setattr(clinic.ledger, "changes", measured)
    await clinic.look()
    assert max(sizes) <= 100, "no page holds more than the rows of two models' pages"
    assert len(sizes) >= 3
    assert len(await clinic.events()) == 230
    await clinic.look()
    assert len(await clinic.events()) == 230, "told again under the same version, it is known"


async def test_a_look_that_broke_off_goes_on_at_its_page(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAGE", 50)
    await import_suppliers(clinic, 120)
    page = await clinic.ledger.changes(await cursor_of(clinic))
    assert page.more
    assert msgspec.json.decode(page.cursor, type=changes.Cursor).reading is not None
    await clinic.look()
    assert len(await clinic.events()) == 120


async def test_an_inbox_that_is_full_is_tried_later(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    await import_suppliers(clinic, 30)
    accept, full = clinic.inbox.accept, True

    async def crowded(*delivery: Any) -> Receipt:
        if full:
            raise InboxFull
        return await accept(*delivery)

    monkeypatch.setattr(clinic.inbox, "accept", crowded)
    task = asyncio.create_task(clinic.a_poller(every=0.05).run())
    try:
        await asyncio.sleep(0.2)
        assert not task.done(), "a poller that waits is no reason to end the worker"
        full = False

        async def told() -> bool:
            while await clinic.ingester.ingest_batch():
                pass
            return len(await clinic.events()) == 30

        await eventually(told)
    finally:
        task.cancel()


async def cursor_of(clinic: Clinic) -> str:
    async with clinic.database.connection() as connection:
        return str(await connection.fetchval("SELECT cursor FROM change_cursor WHERE interface = $1", INTERFACE))


async def test_a_ledger_that_is_away_is_asked_again(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    asked = 0
    real = clinic.ledger.changes

    async def away(cursor: str | None) -> object:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Retriable("unreachable", "odoo can't be reached")
        return await real(cursor)

    monkeypatch.setattr(clinic.ledger, "changes", away)
    task = asyncio.create_task(clinic.a_poller(every=0.05).run())

    async def twice() -> bool:
        return asked >= 3

    await eventually(twice)
    task.cancel()


async def test_a_hint_is_a_look_at_once_and_many_are_one(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    looks: list[timedelta] = []

    async def note(company: str, gap: timedelta = timedelta(0)) -> int:
        looks.append(gap)
        return 0

    poller = clinic.a_poller(every=3600)
    monkeypatch.setattr(poller, "poll", note)
    task = asyncio.create_task(poller.run())

    async def looked(times: int) -> None:
        async def enough() -> bool:
            return len(looks) >= times

        await eventually(enough)

    await looked(1)
    for _ in range(20):
        poller.hint()
    await looked(2)
    await asyncio.sleep(0.7)
    assert len(looks) == 2
    task.cancel()


async def test_of_two_workers_one_looks(clinic: Clinic) -> None:
    gap = timedelta(seconds=30)
    async with clinic.database.connection() as connection:
        first = await cursors.claim(connection, "other", SystemClock().now(), gap)
        second = await cursors.claim(connection, "other", SystemClock().now(), gap)
    assert (first, second) == ("", None)


async def test_a_draft_that_a_person_posts_is_found_posted(clinic: Clinic) -> None:
    await clinic.ledger.draft_invoice(an_invoice("A1"))
    await clinic.person.do("account.move", "action_post", [await invoice_of(clinic, "A1")])
    await clinic.look()
    assert await clinic.events() == [("invoice.changed_by_person", "Appointment/A1")]
    assert (await clinic.ledger.post_invoice("A1", usd("200.00"))).number
