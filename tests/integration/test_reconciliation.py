"""Every kind of gap is found, named rightly and repaired; a day without faults yields none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.integration import by_hand
from tests.integration.clinic import Clinic, clinic

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.catalogue import Catalogue
from suture.commands import exception_queue, reconciliation, repairs
from suture.connectors.port import LedgerPartner
from suture.core.clock import SystemClock
from suture.core.trouble import Trouble
from suture.store import audit, exceptions
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.discrepancies import Discrepancy
from suture.store.exceptions import OpenException
from suture.views import discrepancies
from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay

pytestmark = pytest.mark.timeout(180)

ADA = Actor("ada", "the sides differ", (ADMINISTRATOR,))


@pytest.fixture
async def it(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, database, vault, SystemClock()) as made:
        yield made


def a_visit(it: Clinic, *, payments: int = 0) -> AppointmentPlan:
    """A completed visit with a payer and so many payments to come."""
    return next(
        plan
        for plan in it.day.appointments
        if plan.story[-1] == "completed" and plan.payer and len(plan.payments) == payments and plan.eligible == "active"
    )


async def the_one(it: Clinic) -> Discrepancy:
    """Reconcile, and expect one discrepancy."""
    await it.reconcile()
    found = await it.discrepancies()
    assert len(found) == 1, [(one.rule, one.what, one.key, one.evidence) for one in found]
    return found[0]


async def repaired(it: Clinic, found: Discrepancy) -> str:
    """Repair as proposed, let the work flow, look again: both sides agree then, and so does the next run."""
    words = await repairs.repair(it.bench, ADA, found.number)
    await it.settled()
    after = await repairs.verify(it.bench, found.number)
    assert after.state == "repaired", (words, after.evidence)
    assert after.closed_by == "ada"
    assert after.proof
    await it.reconcile()
    assert await it.discrepancies() == []
    return words


async def acts(it: Clinic, number: int) -> list[str]:
    async with it.base.database.connection() as connection:
        return [entry.action for entry in await audit.newest(connection, discrepancies.subject(number))]


async def test_a_day_without_faults_yields_nothing(it: Clinic) -> None:
    await it.play()
    run = await it.reconcile()
    assert await it.discrepancies() == []
    assert (run.state, run.found) == ("done", 0)
    assert run.documents > 100
    tallies = await discrepancies.days(it.base.database, run.days[0], run.days[-1])
    assert {tally.count for tally in tallies if tally.book == "billing.charge"} == {
        tally.count for tally in tallies if tally.book == "ledger.invoice"
    }
    hashes = {
        book: {(t.facility, t.hash) for t in tallies if t.book == book}
        for book in ("billing.payment", "ledger.payment")
    }
    assert hashes["billing.payment"] == hashes["ledger.payment"], "a hash tells that both sides hold the same"


async def test_a_lost_webhook(it: Clinic) -> None:
    visit = a_visit(it)
    it.lossy.lost.add(f"{visit.id}-v{len(visit.story)}")
    await it.play()
    found = await the_one(it)
    assert (found.rule, found.what, found.key) == ("visit_not_told", "missing", visit.id)
    assert (found.owner, found.repair, found.facility) == ("clinic operations", "fetch", visit.facility)
    assert [one["state"] for one in found.evidence["compared"]["scheduling.appointment"]] == ["fulfilled"]
    assert "told" in await repaired(it, found)
    assert await acts(it, found.number) == ["discrepancy.repair"]


async def test_a_lost_payment_s_webhook(it: Clinic) -> None:
    await it.play()
    payment = next(one for one in (await it.call("billing", "/v1/payments", method="GET"))["payments"])
    async with it.base.database.transaction() as connection:
        await connection.execute("DELETE FROM event WHERE subject = $1", f"Payment/{payment['id']}")
        await connection.execute("DELETE FROM process WHERE key = $1", f"posted_payment:{payment['id']}")
    found = await the_one(it)
    assert (found.rule, found.what, found.key) == ("payment_not_told", "missing", payment["id"])
    assert found.money is not None
    await repaired(it, found)


async def test_a_deleted_charge(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    await it.call("billing", "/control/lose", {"external_id": visit.id})
    found = await the_one(it)
    assert (found.rule, found.what, found.key, found.owner) == ("charge_gone", "missing", visit.id, "revenue cycle")
    assert "capture_charge" in await repaired(it, found)


async def test_a_claim_that_was_never_made_is_for_a_person(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    await it.call("billing", "/control/lose", {"external_id": visit.id, "what": "claim"})
    found = await the_one(it)
    assert (found.rule, found.what, found.repair) == ("charge_not_claimed", "missing", "by_hand")
    with pytest.raises(NotPossible, match="mend it in billing"):
        await repairs.repair(it.bench, ADA, found.number)
    with pytest.raises(NotPossible, match="give your reason"):
        await reconciliation.accept(it.desk, Actor("ada", roles=(ADMINISTRATOR,)), [found.number])
    assert await reconciliation.accept(
        it.desk, Actor("ada", "the payer went out of business", (ADMINISTRATOR,)), [found.number]
    ) == [1]
    await it.reconcile()
    assert await it.discrepancies() == [], "what was accepted as it is stays accepted"
    (closed,) = await it.discrepancies("accepted")
    assert (closed.reason, closed.closed_by) == ("the payer went out of business", "ada")


async def test_an_invoice_edited_by_hand(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    invoice = await by_hand.the_move(it, visit.id, "out_invoice")
    await by_hand.repriced(it, invoice, 50)
    found = await the_one(it)
    assert (found.rule, found.what, found.key) == ("invoice_changed", "differs", visit.id)
    assert (str(found.money), found.currency, found.owner) == ("50.00", "USD", "finance")
    assert "credit note" in await repaired(it, found)


async def test_an_invoice_deleted_by_hand(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    invoice = await by_hand.the_move(it, visit.id, "out_invoice")
    await it.by_hand("account.move", "button_draft", [invoice["id"]])
    await it.by_hand("account.move", "unlink", [invoice["id"]])
    found = await the_one(it)
    assert (found.rule, found.what) == ("invoice_changed", "missing")
    assert "draft_invoice" in await repaired(it, found)


async def test_a_payment_posted_twice(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it, payments=1)
    (payment,) = (await it.call("billing", f"/v1/payments?charge_external_id={visit.id}", method="GET"))["payments"]
    ours = await by_hand.the_move(it, payment["id"], "entry")
    await by_hand.copied(it, ours, ref=payment["id"])
    found = await the_one(it)
    assert (found.rule, found.what, found.key) == ("payment_not_applied", "twice", payment["id"])
    assert found.money == msgspec.convert(payment["amount"], type=type(found.money), strict=False)
    assert found.appointment == visit.id
    assert "was reversed" in await repaired(it, found)


async def test_a_supplier_renamed(it: Clinic) -> None:
    await it.systems.ledger.register(
        LedgerPartner(reference="Supplier/S1", name="Glove Works", is_company=True, role="supplier")
    )
    await it.play()
    (supplier,) = await by_hand.found(it, "res.partner", [["ref", "=", "Supplier/S1"]], ["name"])
    await it.by_hand("res.partner", "write", [supplier["id"]], vals={"name": "Glove Works & Sons"})
    found = await the_one(it)
    assert (found.rule, found.what, found.key) == ("master_data", "changed", "Supplier/S1")
    assert [one["detail"] for one in found.evidence["compared"]["ledger.master_data"]] == ["name"]
    assert "Glove" not in msgspec.json.encode(found.evidence).decode(), "what changed is named, not said"
    assert "taken as it is in Odoo" in await repaired(it, found)


async def test_a_correction_reads_both_sides_right_before_it_credits(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    invoice = await by_hand.the_move(it, visit.id, "out_invoice")
    await by_hand.repriced(it, invoice, 50)
    found = await the_one(it)
    await by_hand.repriced(it, invoice, -20)
    with pytest.raises(NotPossible, match="has changed since"):
        await repairs.repair(it.bench, ADA, found.number)
    (now,) = await it.discrepancies()
    assert (now.number, str(now.money), now.state) == (found.number, "30.00", "open")
    await by_hand.repriced(it, invoice, -30)
    assert await repairs.repair(it.bench, ADA, found.number) == "it had been mended outside"
    domain = [["reversed_entry_id", "=", invoice["id"]]]
    assert await by_hand.found(it, "account.move", domain, ["name"]) == [], "nothing was credited"


async def test_a_twin_that_is_credited_in_part_is_not_mended(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    invoice = await by_hand.the_move(it, visit.id, "out_invoice")
    line, *_ = await by_hand.product_lines(it, invoice["id"], ["product_id"])
    values = {"move_type": "out_invoice", "partner_id": invoice["partner_id"], "ref": visit.id}
    of = {"product_id": line["product_id"], "quantity": 1, "price_unit": 219.75, "tax_ids": [[6, 0, []]]}
    twin = await by_hand.posted(it, values | {"invoice_date": invoice["date"]}, [of], "invoice_line_ids")
    found = await the_one(it)
    assert (found.what, str(found.money)) == ("twice", "219.75")
    made = {"id": twin, "partner_id": invoice["partner_id"], "date": invoice["date"]}
    await by_hand.credit_note(it, made, 25.0, reversed_entry_id=twin)
    after = await repairs.verify(it.bench, found.number)
    assert (after.state, after.what, str(after.money)) == ("open", "twice", "194.75")
    await by_hand.credit_note(it, made, 194.75, reversed_entry_id=twin)
    assert (await repairs.verify(it.bench, found.number)).state == "repaired"


async def test_a_document_entered_by_hand_is_told_until_it_is_credited(it: Clinic) -> None:
    await it.play()
    invoice = await by_hand.the_move(it, a_visit(it).id, "out_invoice")
    line, *_ = await by_hand.product_lines(it, invoice["id"], ["product_id"])
    values = {"move_type": "out_invoice", "partner_id": invoice["partner_id"], "invoice_date": invoice["date"]}
    of = {"product_id": line["product_id"], "quantity": 1, "price_unit": 99.0, "tax_ids": [[6, 0, []]]}
    entered = await by_hand.posted(it, values, [of], "invoice_line_ids")
    found = await the_one(it)
    assert (found.rule, found.what, str(found.money)) == ("entered_by_hand", "by_hand", "99.00")
    assert found.party.startswith("Payer/")
    with pytest.raises(NotPossible, match="credit it in Odoo"):
        await repairs.repair(it.bench, ADA, found.number)
    await by_hand.credit_note(it, {**invoice, "id": entered}, 99.0, reversed_entry_id=entered)
    assert await repairs.repair(it.bench, ADA, found.number) == "it had been mended outside"


async def test_a_visit_that_was_cancelled_in_silence_is_told_as_such_and_fetched(
    tmp_path: Path, database: Database, vault: Vault
) -> None:
    chosen: list[AppointmentPlan] = []

    def cancelled_later(day: ClinicDay) -> ClinicDay:
        plan = next(one for one in day.appointments if one.story[-1] == "completed" and one.eligible == "active")
        chosen.append(msgspec.structs.replace(plan, story=(*plan.story, "cancelled"), payments=()))
        told = tuple(chosen[0] if one is plan else one for one in day.appointments)
        return msgspec.structs.replace(day, appointments=told)

    async with clinic(tmp_path, database, vault, SystemClock(), alter=cancelled_later) as it:
        visit = chosen[0]
        it.lossy.lost.add(f"{visit.id}-v{len(visit.story)}")
        await it.play()
        found = await the_one(it)
        assert (found.rule, found.what, found.key) == ("visit_not_told", "not_completed", visit.id)
        assert found.repair == "fetch"
        await repaired(it, found)


async def noticed(it: Clinic, code: str) -> list[OpenException]:
    """Wait until the reader of Odoo's changes has told it."""
    async with asyncio.timeout(60):
        while True:
            async with it.base.database.connection() as connection:
                found = await exceptions.select(connection, exceptions.ExceptionSelection(code=code))
            if found:
                return found
            await asyncio.sleep(0.2)


async def test_what_is_mended_closes_the_exception_that_told_it_too(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    trouble = Trouble(
        code="changed_in_odoo",
        outcome="rejected",
        reason=f"somebody changed the invoice of {visit.id} in Odoo (amount_total, amount_untaxed)",
        remedy="Put it back.",
        owner="finance",
        interface="odoo",
        delivery=1,
        subject=f"Appointment/{visit.id}",
    )
    other = msgspec.structs.replace(trouble, delivery=2, reason=trouble.reason.replace("(amount_total", "(journal_id"))
    await by_hand.repriced(it, await by_hand.the_move(it, visit.id, "out_invoice"), 50)
    async with it.base.database.transaction() as connection:
        for one in (trouble, other):
            await it.desk.recorder.open_exception(connection, one, it.base.clock.now())
    found = await the_one(it)
    assert "credit note" in await repaired(it, found)
    (left,) = [one for one in await noticed(it, "changed_in_odoo") if one.state == "open"]
    assert "journal_id" in left.reason, "of what no rule compares nothing is proved"


async def test_an_exception_that_a_person_closes_has_its_discrepancy_looked_at(it: Clinic) -> None:
    await it.play()
    visit = a_visit(it)
    invoice = await by_hand.the_move(it, visit.id, "out_invoice")
    await by_hand.repriced(it, invoice, 50)
    found = await the_one(it)
    trouble = Trouble(
        code="changed_in_odoo",
        outcome="rejected",
        reason="somebody changed it (amount_total)",
        remedy="Put it back.",
        owner="finance",
        delivery=1,
        subject=f"Appointment/{visit.id}",
    )
    async with it.base.database.transaction() as connection:
        await it.desk.recorder.open_exception(connection, trouble, it.base.clock.now())
    (told,) = await noticed(it, "changed_in_odoo")
    await by_hand.repriced(it, invoice, -50)
    await exception_queue.discard(it.desk, ADA, told.number)
    async with asyncio.timeout(30):
        while await it.discrepancies():
            await asyncio.sleep(0.1)
    (closed,) = await it.discrepancies("repaired")
    assert closed.number == found.number


async def test_a_run_at_once_asks_without_the_waiting_times(tmp_path: Path, database: Database, vault: Vault) -> None:
    def patient(catalogue: Catalogue) -> Catalogue:
        waiting = msgspec.structs.replace(catalogue.reconciliation, rules=None)
        return msgspec.structs.replace(catalogue, reconciliation=waiting)

    today = SystemClock().now().date()
    async with clinic(tmp_path, database, vault, SystemClock(), day=today, change=patient) as it:
        await it.play()
        await by_hand.repriced(it, await by_hand.the_move(it, a_visit(it).id, "out_invoice"), 50)
        await it.reconcile()
        assert await it.discrepancies() == [], "it is too young to be asked about"
        asked = await reconciliation.request(it.desk, ADA, at_once=True)
        async with asyncio.timeout(60):
            while (await discrepancies.progress(it.base.database, asked.id)).state != "done":
                await asyncio.sleep(0.05)
        assert [one.rule for one in await it.discrepancies()] == ["invoice_changed"]
