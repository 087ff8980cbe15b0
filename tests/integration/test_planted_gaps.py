"""Every kind of gap, planted at once in the outside systems: each is found, named rightly, priced, and offered only
what can succeed; and nothing else is told.

The table is by document and by what people do to it. `APART` says where the rest of the table is held, so that no cell
is forgotten.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration import by_hand
from tests.integration.clinic import Clinic, clinic

from suture.connectors.port import LedgerPartner
from suture.core.clock import SystemClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.discrepancies import Discrepancy
from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay

pytestmark = pytest.mark.timeout(180)

DOCUMENTS = ("appointment", "charge", "claim", "invoice", "payment", "stock move", "accrual", "contact", "product")
DEEDS = (
    *("gone", "doubled", "amount", "party", "date", "facility", "credited partly", "credited wholly"),
    *("cancelled", "draft", "archived", "renamed", "by hand", "reference"),
)

Planting = Callable[[Clinic, AppointmentPlan], Awaitable[str]]


class Gap(msgspec.Struct, frozen=True):
    """A gap planted at a visit of its own with so many `payments`; `plant` answers the key that is told."""

    plant: Planting
    rule: str
    what: str
    repair: str = "by_hand"
    payments: int = 0


async def _invoice(it: Clinic, visit: AppointmentPlan) -> Any:
    return await by_hand.the_move(it, visit.id, "out_invoice")


async def _payment(it: Clinic, visit: AppointmentPlan) -> tuple[str, Any]:
    (paid,) = (await it.call("billing", f"/v1/payments?charge_external_id={visit.id}", method="GET"))["payments"]
    return paid["id"], await by_hand.the_move(it, paid["id"], "entry")


async def lose_appointment(it: Clinic, visit: AppointmentPlan) -> str:
    await it.call("scheduling", "/control/lose", {"appointment": visit.id})
    return visit.id


async def lose_charge(it: Clinic, visit: AppointmentPlan) -> str:
    await it.call("billing", "/control/lose", {"external_id": visit.id})
    return visit.id


async def lose_claim(it: Clinic, visit: AppointmentPlan) -> str:
    await it.call("billing", "/control/lose", {"external_id": visit.id, "what": "claim"})
    return visit.id


async def void_charge(it: Clinic, visit: AppointmentPlan) -> str:
    (charge,) = (await it.call("billing", f"/v1/charges?external_id={visit.id}", method="GET"))["charges"]
    await it.call("billing", f"/v1/charges/{charge['id']}/void", {})
    return visit.id


async def amend_charge(it: Clinic, visit: AppointmentPlan) -> str:
    await it.call("billing", "/control/amend", {"external_id": visit.id, "total": "7.00"})
    return visit.id


async def move_charge(it: Clinic, visit: AppointmentPlan) -> str:
    other = next(one.code for one in it.day.facilities if one.code != visit.facility)
    await it.call("billing", "/control/amend", {"external_id": visit.id, "facility": other})
    return visit.id


async def key_charge(it: Clinic, visit: AppointmentPlan) -> str:
    """Somebody walks in, and is keyed at billing alone."""
    line = {"code": visit.lines[0].code, "quantity": "1"}
    told = {"external_id": "WALKIN1", "patient": visit.patient, "practitioner": visit.practitioner}
    await it.call(
        "billing",
        "/v1/charges",
        told | {"facility": visit.facility, "service_date": visit.start.date().isoformat(), "lines": [line]},
    )
    return "WALKIN1"


async def delete_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    invoice = await _invoice(it, visit)
    await it.by_hand("account.move", "button_draft", [invoice["id"]])
    await it.by_hand("account.move", "unlink", [invoice["id"]])
    return visit.id


async def double_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    invoice = await _invoice(it, visit)
    line, *_ = await by_hand.product_lines(it, invoice["id"], ["product_id"])
    values = {"move_type": "out_invoice", "partner_id": invoice["partner_id"], "ref": visit.id}
    of = {"product_id": line["product_id"], "quantity": 1, "price_unit": 219.75, "tax_ids": [[6, 0, []]]}
    twin = await by_hand.posted(it, values | {"invoice_date": invoice["date"]}, [of], "invoice_line_ids")
    made = {"id": twin, "partner_id": invoice["partner_id"], "date": invoice["date"]}
    await by_hand.credit_note(it, made, 25.0, reversed_entry_id=twin)
    return visit.id


async def raise_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    await by_hand.repriced(it, await _invoice(it, visit), 50)
    return visit.id


async def lower_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    await by_hand.repriced(it, await _invoice(it, visit), -10)
    return visit.id


async def other_partner(it: Clinic, visit: AppointmentPlan) -> str:
    invoice = await _invoice(it, visit)
    (other,) = await it.by_hand("res.partner", "create", vals_list=[{"name": "Somebody else"}])

    async def change() -> None:
        await it.by_hand("account.move", "write", [invoice["id"]], vals={"partner_id": other})

    await by_hand.edited(it, invoice, change)
    return visit.id


async def other_facility(it: Clinic, visit: AppointmentPlan) -> str:
    return await _move_lines(it, visit, await _invoice(it, visit))


async def other_facility_of_share(it: Clinic, visit: AppointmentPlan) -> str:
    return await _move_lines(it, visit, await by_hand.the_move(it, visit.id, "entry"))


async def _move_lines(it: Clinic, visit: AppointmentPlan, move: Any) -> str:
    """One line's analytic account is another facility's."""
    other = next(one.code for one in it.day.facilities if one.code != visit.facility)
    (account,) = await by_hand.found(it, "account.analytic.account", [["code", "=", other]], ["code"])
    line = next(
        one
        for one in await by_hand.found(
            it, "account.move.line", [["move_id", "=", move["id"]]], ["analytic_distribution"]
        )
        if one["analytic_distribution"]
    )
    spread = {str(account["id"]): 100}
    await it.by_hand("account.move.line", "write", [line["id"]], vals={"analytic_distribution": spread})
    return visit.id


async def credit_part(it: Clinic, visit: AppointmentPlan) -> str:
    invoice = await _invoice(it, visit)
    await by_hand.credit_note(it, invoice, 5.0, reversed_entry_id=invoice["id"])
    return visit.id


async def credit_whole(it: Clinic, visit: AppointmentPlan) -> str:
    invoice = await _invoice(it, visit)
    await by_hand.credit_note(it, invoice, invoice["amount_total"], reversed_entry_id=invoice["id"])
    return visit.id


async def credit_by_reference(it: Clinic, visit: AppointmentPlan) -> str:
    """It names no invoice as reversed, only the visit."""
    invoice = await _invoice(it, visit)
    await by_hand.credit_note(it, invoice, invoice["amount_total"], ref=visit.id)
    return visit.id


async def credit_by_matching(it: Clinic, visit: AppointmentPlan) -> str:
    """It names nothing; a person reconciled it with the invoice."""
    invoice = await _invoice(it, visit)
    note = await by_hand.credit_note(it, invoice, 5.0)
    domain = [["move_id", "in", [invoice["id"], note]], ["account_type", "=", "asset_receivable"]]
    lines = [one["id"] for one in await by_hand.found(it, "account.move.line", domain, [])]
    await it.by_hand("account.move.line", "reconcile", lines)
    return visit.id


async def credit_beside(it: Clinic, visit: AppointmentPlan) -> str:
    """It names nothing, and is matched with nothing."""
    invoice = await _invoice(it, visit)
    return await _number(it, await by_hand.credit_note(it, invoice, invoice["amount_total"]))


async def cancel_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    await it.by_hand("account.move", "button_cancel", [(await _invoice(it, visit))["id"]])
    return visit.id


async def reset_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    await it.by_hand("account.move", "button_draft", [(await _invoice(it, visit))["id"]])
    return visit.id


async def enter_invoice(it: Clinic, visit: AppointmentPlan) -> str:
    invoice = await _invoice(it, visit)
    line, *_ = await by_hand.product_lines(it, invoice["id"], ["product_id"])
    values = {"move_type": "out_invoice", "partner_id": invoice["partner_id"], "invoice_date": invoice["date"]}
    of = {"product_id": line["product_id"], "quantity": 1, "price_unit": 99.0, "tax_ids": [[6, 0, []]]}
    return await _number(it, await by_hand.posted(it, values, [of], "invoice_line_ids"))


async def rename_reference(it: Clinic, visit: AppointmentPlan) -> str:
    await it.by_hand("account.move", "write", [(await _invoice(it, visit))["id"]], vals={"ref": "see phone call"})
    return visit.id


async def _number(it: Clinic, move: int) -> str:
    (row,) = await by_hand.found(it, "account.move", [["id", "=", move]], ["name"])
    return str(row["name"])


async def delete_payment(it: Clinic, visit: AppointmentPlan) -> str:
    key, move = await _payment(it, visit)
    await it.by_hand("account.move", "button_draft", [move["id"]])
    await it.by_hand("account.move", "unlink", [move["id"]])
    return key


async def double_payment(it: Clinic, visit: AppointmentPlan) -> str:
    key, move = await _payment(it, visit)
    await by_hand.copied(it, move, ref=key)
    return key


async def reverse_payment(it: Clinic, visit: AppointmentPlan) -> str:
    key, move = await _payment(it, visit)
    await by_hand.reversed_entry(it, move)
    return key


async def cancel_payment(it: Clinic, visit: AppointmentPlan) -> str:
    key, move = await _payment(it, visit)
    await it.by_hand("account.move", "button_cancel", [move["id"]])
    return key


async def reset_payment(it: Clinic, visit: AppointmentPlan) -> str:
    key, move = await _payment(it, visit)
    await it.by_hand("account.move", "button_draft", [move["id"]])
    return key


async def rename_payment(it: Clinic, visit: AppointmentPlan) -> str:
    key, move = await _payment(it, visit)
    await it.by_hand("account.move", "write", [move["id"]], vals={"ref": "cheque in the drawer"})
    return key


async def reverse_share(it: Clinic, visit: AppointmentPlan) -> str:
    await by_hand.reversed_entry(it, await by_hand.the_move(it, visit.id, "entry"))
    return visit.id


async def delete_share(it: Clinic, visit: AppointmentPlan) -> str:
    entry = await by_hand.the_move(it, visit.id, "entry")
    await it.by_hand("account.move", "button_draft", [entry["id"]])
    await it.by_hand("account.move", "unlink", [entry["id"]])
    return visit.id


async def cancel_share(it: Clinic, visit: AppointmentPlan) -> str:
    await it.by_hand("account.move", "button_cancel", [(await by_hand.the_move(it, visit.id, "entry"))["id"]])
    return visit.id


async def rename_contact(it: Clinic, _: AppointmentPlan) -> str:
    return await _contact(it, "Supplier/S1", {"name": "Glove Works & Sons"})


async def archive_patient(it: Clinic, visit: AppointmentPlan) -> str:
    return await _contact(it, "Supplier/S2", {"active": False})


async def _contact(it: Clinic, reference: str, values: dict[str, Any]) -> str:
    (partner,) = await by_hand.found(it, "res.partner", [["ref", "=", reference]], ["name"])
    await it.by_hand("res.partner", "write", [partner["id"]], vals=values)
    return reference


async def delete_contact(it: Clinic, _: AppointmentPlan) -> str:
    (partner,) = await by_hand.found(it, "res.partner", [["ref", "=", "Supplier/S3"]], ["name"])
    await it.by_hand("res.partner", "unlink", [partner["id"]])
    return "Supplier/S3"


async def rename_product(it: Clinic, _: AppointmentPlan) -> str:
    return await _product(it, 0, {"name": "Consultation, long"})


async def archive_product(it: Clinic, _: AppointmentPlan) -> str:
    return await _product(it, 1, {"active": False})


async def _product(it: Clinic, number: int, values: dict[str, Any]) -> str:
    code = it.day.services[number].code
    (row,) = await by_hand.found(it, "product.product", [["default_code", "=", code]], ["name"])
    await it.by_hand("product.product", "write", [row["id"]], vals=values)
    return code


GAPS: dict[tuple[str, str], tuple[Gap, ...]] = {
    ("appointment", "gone"): (Gap(lose_appointment, "visit_not_told", "gone"),),
    ("charge", "gone"): (Gap(lose_charge, "charge_gone", "missing", "redo"),),
    ("charge", "amount"): (Gap(amend_charge, "charge_gone", "differs"),),
    ("charge", "facility"): (Gap(move_charge, "charge_gone", "facility_changed"),),
    ("charge", "cancelled"): (Gap(void_charge, "charge_gone", "voided"),),
    ("charge", "by hand"): (Gap(key_charge, "charge_gone", "walk_in"),),
    ("claim", "gone"): (Gap(lose_claim, "charge_not_claimed", "missing"),),
    ("invoice", "gone"): (Gap(delete_invoice, "invoice_changed", "missing", "redo"),),
    ("invoice", "doubled"): (Gap(double_invoice, "invoice_changed", "twice"),),
    ("invoice", "amount"): (
        Gap(raise_invoice, "invoice_changed", "differs", "correct"),
        Gap(lower_invoice, "invoice_changed", "differs"),
    ),
    ("invoice", "party"): (Gap(other_partner, "document_altered", "party_changed"),),
    ("invoice", "facility"): (Gap(other_facility, "invoice_changed", "facility_changed"),),
    ("invoice", "credited partly"): (
        Gap(credit_part, "invoice_changed", "partly_credited"),
        Gap(credit_by_matching, "invoice_changed", "partly_credited"),
    ),
    ("invoice", "credited wholly"): (
        Gap(credit_whole, "invoice_changed", "credited"),
        Gap(credit_by_reference, "invoice_changed", "credited"),
        Gap(credit_beside, "entered_by_hand", "by_hand"),
    ),
    ("invoice", "cancelled"): (Gap(cancel_invoice, "invoice_changed", "cancelled"),),
    ("invoice", "draft"): (Gap(reset_invoice, "invoice_changed", "draft", "redo"),),
    ("invoice", "by hand"): (Gap(enter_invoice, "entered_by_hand", "by_hand"),),
    ("invoice", "reference"): (Gap(rename_reference, "document_altered", "reference_changed"),),
    ("payment", "gone"): (Gap(delete_payment, "payment_not_applied", "missing", "redo", 1),),
    ("payment", "doubled"): (Gap(double_payment, "payment_not_applied", "twice", "correct", 1),),
    ("payment", "credited wholly"): (Gap(reverse_payment, "payment_not_applied", "reversed", "by_hand", 1),),
    ("payment", "cancelled"): (Gap(cancel_payment, "payment_not_applied", "cancelled", "by_hand", 1),),
    ("payment", "draft"): (Gap(reset_payment, "payment_not_applied", "draft", "redo", 1),),
    ("payment", "reference"): (Gap(rename_payment, "document_altered", "reference_changed", "by_hand", 1),),
    ("accrual", "gone"): (Gap(delete_share, "share_not_accrued", "missing", "redo"),),
    ("accrual", "facility"): (Gap(other_facility_of_share, "share_not_accrued", "facility_changed"),),
    ("accrual", "credited wholly"): (Gap(reverse_share, "share_not_accrued", "reversed"),),
    ("accrual", "cancelled"): (Gap(cancel_share, "share_not_accrued", "cancelled"),),
    ("contact", "renamed"): (Gap(rename_contact, "master_data", "changed", "adopt"),),
    ("contact", "archived"): (Gap(archive_patient, "master_data", "archived"),),
    ("contact", "gone"): (Gap(delete_contact, "master_data", "deleted"),),
    ("product", "renamed"): (Gap(rename_product, "master_data", "renamed"),),
    ("product", "archived"): (Gap(archive_product, "master_data", "archived"),),
}

_PAID = 9

APART: dict[tuple[str, str], str] = {
    ("appointment", "cancelled"): "test_reconciliation.py: a visit that was cancelled in silence",
    ("stock move", "gone"): "tests/spec/test_rules.py: supplies not taken",
    ("stock move", "amount"): "tests/spec/test_rules.py: too few supplies",
    ("stock move", "credited wholly"): "tests/spec/test_rules.py: supplies put back",
    ("payment", "party"): "tests/spec/test_rules.py: totals differ where payments are another payer's",
    ("payment", "amount"): "tests/spec/test_rules.py: payment of another amount",
    ("payment", "credited partly"): "tests/spec/test_rules.py: payment of another amount",
    ("accrual", "amount"): "tests/spec/test_rules.py: another share",
    ("accrual", "draft"): "tests/spec/test_rules.py: share reset to draft",
    ("accrual", "doubled"): "tests/spec/test_rules.py: share accrued twice",
    ("payment", "by hand"): "tests/spec/test_rules.py: payment only in Odoo",
}
"""Held elsewhere."""

IMPOSSIBLE: dict[str, tuple[str, ...]] = {
    "appointment": (
        *("doubled", "amount", "party", "facility", "date", "credited partly", "credited wholly", "draft", "archived"),
        *("renamed", "by hand", "reference"),
    ),
    "charge": ("doubled", "party", "date", *DEEDS[6:8], "draft", "archived", "renamed", "reference"),
    "claim": (*DEEDS[1:8], "cancelled", "draft", "archived", "renamed", "by hand", "reference"),
    "invoice": ("date", "archived", "renamed"),
    "payment": ("date", "facility", "archived", "renamed"),
    "stock move": (
        *("doubled", "party", "date", "facility", "credited partly", "cancelled", "draft", "archived", "renamed"),
        *("by hand", "reference"),
    ),
    "accrual": ("party", "date", "credited partly", "archived", "renamed", "by hand", "reference"),
    "contact": (*DEEDS[1:10], "by hand", "reference"),
    "product": ("gone", *DEEDS[1:10], "by hand", "reference"),
}
"""What can't be done to a document (an entry isn't archived, a number given once can't be given twice), what is told to
Suture as an ordinary version, and dates, which the rule on dates compares."""


def some_visits(it: Clinic) -> dict[int, list[AppointmentPlan]]:
    """Completed visits with a payer, by how many payments they have."""
    found: dict[int, list[AppointmentPlan]] = {0: [], 1: []}
    for plan in it.day.appointments:
        if plan.story[-1] == "completed" and plan.payer and plan.eligible == "active" and len(plan.payments) in found:
            found[len(plan.payments)].append(plan)
    return found


@pytest.fixture
async def it(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, database, vault, SystemClock(), appointments=70, alter=mostly_unpaid) as made:
        yield made


def mostly_unpaid(day: ClinicDay) -> ClinicDay:
    """As many visits as there are gaps to plant: of some one payment comes, of the others none."""
    paid = [plan for plan in day.appointments if plan.payments][:_PAID]
    told = {plan.id: msgspec.structs.replace(plan, payments=plan.payments[:1]) for plan in paid}
    rest = (msgspec.structs.replace(plan, payments=()) for plan in day.appointments)
    return msgspec.structs.replace(day, appointments=tuple(told.get(plan.id, plan) for plan in rest))


async def test_every_kind_of_gap_is_found_and_named_rightly_and_nothing_else(it: Clinic) -> None:
    for number in (1, 2, 3):
        contact = LedgerPartner(
            reference=f"Supplier/S{number}", name=f"Glove Works {number}", is_company=True, role="supplier"
        )
        await it.systems.ledger.register(contact)
    await it.play()
    visits = some_visits(it)
    wanted: dict[tuple[str, str], tuple[str, str]] = {}
    for cell, gaps in GAPS.items():
        for gap in gaps:
            key = await gap.plant(it, visits[gap.payments].pop())
            assert (gap.rule, key) not in wanted, f"{cell} needs a visit of its own"
            wanted[gap.rule, key] = gap.what, gap.repair
    await it.reconcile()
    found = {(one.rule, one.key): one for one in await it.discrepancies()}
    told = {key: (one.what, one.repair) for key, one in found.items() if one.rule != "payer_totals"}
    assert told == wanted
    assert all(_shows_both_sides(one) for one in found.values())
    partly = [one.money for one in found.values() if one.what == "partly_credited"]
    assert partly == [Decimal("5.00")] * 2, "what was credited is at stake, not the whole invoice"


def _shows_both_sides(one: Discrepancy) -> bool:
    return any(one.evidence["compared"].values()) or bool(one.evidence["also"])


def test_no_document_and_no_deed_is_forgotten() -> None:
    held = GAPS.keys() | APART.keys()
    impossible = {(document, deed) for document, deeds in IMPOSSIBLE.items() for deed in deeds}
    assert not held & impossible
    assert held | impossible == set(product(DOCUMENTS, DEEDS))
