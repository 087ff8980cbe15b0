"""Whose change it was: what others did to our documents, contacts and products, and nothing of our own."""

from decimal import Decimal
from typing import Any

import pytest

from suture.connectors.odoo.documents.posting import MOVE_FINGERPRINTED
from suture.connectors.odoo.reading.change_origin import deleted, of_move, of_partner, of_product, of_receipt
from suture.connectors.odoo.records.crosswalk import Memory
from suture.connectors.odoo.records.parties import PARTNER_FINGERPRINTED
from suture.core.money import Money
from suture.store.crosswalk import Known

US, THEM = 6, 2
PAID = {"payment_state": "paid", "amount_residual": 0.0}
MEMORY = Memory()
POSTED: dict[str, Any] = {
    "id": 7,
    "state": "posted",
    "name": "INV/1",
    "date": "2026-03-02",
    "invoice_date": "2026-03-02",
    "amount_total": 200.0,
    "amount_untaxed": 200.0,
    "partner_id": 4,
    "journal_id": 1,
    "move_type": "out_invoice",
    "ref": "A1",
    "payment_state": "not_paid",
    "amount_residual": 200.0,
    "currency_id": 2,
    "write_date": "2026-03-02 10:00:00",
    "create_date": "2026-03-02 09:00:00",
    "write_uid": US,
    "create_uid": US,
}


def fingerprints(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, str]:
    return MEMORY.fingerprints({field: row[field] for field in fields})


def ours(name: str = "suture.invoice_A1", *, posted: bool = True) -> Known:
    left = fingerprints(POSTED, MOVE_FINGERPRINTED) if posted else {}
    return Known(name=name, key="A1", model="account.move", record=7, fingerprints=left)


@pytest.mark.parametrize(
    ("known", "now", "told"),
    [
        (ours(), {}, None),
        (ours(), PAID | {"write_uid": THEM}, ("invoice", "paid", "A1", ())),
        (ours(), PAID | {"write_uid": US}, None),
        (ours(), {"amount_total": 190.0}, ("invoice", "changed", "A1", ("amount_total",))),
        (ours(), {"state": "cancel", "write_uid": THEM}, ("invoice", "cancelled", "A1", ("state",))),
        (ours(), {"state": "draft", "write_uid": THEM}, ("invoice", "reopened", "A1", ("state",))),
        (ours(), {"ref": "edited", "amount_total": 1.0}, ("invoice", "changed", "A1", ("amount_total",))),
        (ours(posted=False), {"state": "draft", "write_uid": THEM}, None),
        (ours(posted=False), {"write_uid": THEM}, ("invoice", "posted", "A1", ())),
        (ours(posted=False), {}, None),
        (ours("suture.payment_P1"), {"date": "2026-03-03"}, ("entry", "changed", "A1", ("date",))),
        (ours("suture.payment_P1"), {"payment_state": "paid", "write_uid": THEM}, None),
        (None, {}, None),
        (None, {"create_uid": THEM}, ("invoice", "posted", "odoo/account.move/7", ())),
        (None, {"create_uid": THEM, "state": "draft"}, None),
        (None, {"create_uid": THEM, "move_type": "entry"}, None),
    ],
)
def test_moves(known: Known | None, now: dict[str, Any], told: tuple[object, ...] | None) -> None:
    row = POSTED | now
    change = of_move(row, known, fingerprints(row, MOVE_FINGERPRINTED), us=US, currency="USD", settled_by=[31])
    assert (change and (change.kind, change.what, change.reference, change.fields)) == told
    if change is not None:
        assert change.residual == Money(Decimal(str(row["amount_residual"])).quantize(Decimal("0.01")), "USD")


def test_a_twin_is_told_with_the_visit_that_it_doubles() -> None:
    change = of_move(POSTED | {"create_uid": THEM}, None, {}, us=US, currency="USD", twin_of="A1")
    assert change is not None
    assert (change.reference, change.what, change.fields) == ("A1", "posted", ("ref",))


def test_each_state_of_a_record_has_its_own_version_also_within_a_second() -> None:
    versions = {
        change.version
        for amount in (1.0, 2.0)
        if (change := of_move(row := POSTED | {"amount_total": amount}, ours(),
                              fingerprints(row, MOVE_FINGERPRINTED), us=US, currency="USD"))
    }  # fmt: skip
    assert len(versions) == 2


@pytest.mark.parametrize("then", [PAID, {"ref": "edited"}, {"write_date": "2026-03-09 08:00:00"}])
@pytest.mark.parametrize(
    ("known", "now"),
    [(ours(), {"amount_total": 250.0, "write_uid": THEM}), (None, {"create_uid": THEM, "write_uid": THEM})],
    ids=["changed", "twin"],
)
def test_what_follows_from_a_change_tells_the_same_change(
    known: Known | None, now: dict[str, Any], then: dict[str, Any]
) -> None:
    versions = {
        change.version
        for row in (POSTED | now, POSTED | now | then)
        if (change := of_move(row, known, fingerprints(row, MOVE_FINGERPRINTED), us=US, currency="USD", twin_of="A1"))
    }
    assert len(versions) == 1


def test_an_invoice_that_somebody_wrote_on_is_settled_by_nobody() -> None:
    row = POSTED | PAID | {"write_uid": THEM}
    assert of_move(row, ours(), fingerprints(row, MOVE_FINGERPRINTED), us=US, currency="USD") is None


CONTACT: dict[str, Any] = {
    "id": 4,
    "name": "Zebedee Quillfeather",
    "ref": "Patient/p1",
    "is_company": False,
    "street": "1 Way",
    "city": "Ash",
    "zip": False,
    "state_id": False,
    "country_id": 1,
    "supplier_rank": 0,
    "write_date": "2026-03-02 10:00:00",
    "create_date": "2026-03-01 10:00:00",
    "write_uid": THEM,
    "create_uid": US,
}


@pytest.mark.parametrize(
    ("known", "now", "told"),
    [
        (True, {}, None),
        (True, {"street": "9 Way"}, ("patient", "changed", "Patient/p1", ("street",))),
        (True, {"street": "9 Way", "write_uid": US}, None),
        (False, {}, None),
        (False, {"supplier_rank": 1}, ("supplier", "updated", "odoo/res.partner/4", ())),
        (
            False,
            {"supplier_rank": 1, "create_date": CONTACT["write_date"]},
            ("supplier", "registered", "odoo/res.partner/4", ()),
        ),
    ],
)
def test_contacts_are_told_without_a_word_of_what_is_in_them(
    known: bool, now: dict[str, Any], told: tuple[object, ...] | None
) -> None:
    left = Known(
        name="suture.partner_p1",
        key="Patient/p1",
        model="res.partner",
        record=4,
        fingerprints=fingerprints(CONTACT, PARTNER_FINGERPRINTED),
    )
    row = CONTACT | now
    change = of_partner(row, left if known else None, fingerprints(row, PARTNER_FINGERPRINTED), us=US)
    assert (change and (change.kind, change.what, change.reference, change.fields)) == told
    assert not any(part in repr(change) for part in ("Zebedee", "Quillfeather", "Way"))


def test_only_our_products_and_others_receipts_are_told() -> None:
    product = {"id": 3, "default_code": "OV", "write_date": "2026-03-02 10:00:00", "write_uid": THEM}
    assert of_product(product, "suture.product_OV", us=US) is not None
    assert of_product(product, "", us=US) is None
    assert of_product(product | {"write_uid": US}, "suture.product_OV", us=US) is None
    receipt = {"id": 5, "name": "WH/IN/1", "location_id": 8, "create_uid": THEM, "write_date": "2026-03-02 10:00:00"}
    told = of_receipt(receipt, {"OV": Decimal(7)}, us=US, ours=34)
    assert told is not None
    assert (told.number, told.quantities) == ("WH/IN/1", {"OV": Decimal(7)})
    assert of_receipt(receipt | {"location_id": 34}, {}, us=US, ours=34) is None


def test_a_deletion_is_one_change_however_often_it_is_found() -> None:
    from datetime import UTC, datetime

    first, again = (deleted(ours(), datetime(2026, 3, day, tzinfo=UTC)) for day in (2, 3))
    assert (first.kind, first.what, first.reference) == ("invoice", "deleted", "A1")
    assert first.version == again.version
