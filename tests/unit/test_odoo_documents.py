"""Orders become rows for `load`; lock dates and journals are read as Odoo gives them."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from suture.canonical.records import Payment
from suture.connectors.odoo.documents.document_rows import Document, invoices, table
from suture.connectors.odoo.documents.entries import accrual, payment
from suture.connectors.odoo.documents.matching import Item
from suture.connectors.odoo.documents.posting import Locks, parse_day, read_locks
from suture.connectors.odoo.records.articles import Article
from suture.connectors.odoo.records.company_config import CompanyConfig, Stock, choose_journals
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.setup.prepare import product_columns, product_row
from suture.connectors.odoo.stock.transfers import picking
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import PlannedProduct
from suture.core.failure import Rejected
from suture_lab.conformance.orders import PAYER, a_kit, an_accrual, an_invoice, billed_to_payer, usd

SETTING = CompanyConfig(
    company=1,
    company_currency=2,
    cash_basis=False,
    currency="USD",
    currencies={"USD": 2},
    journals={"sale": 11, "bank": 12, "general": 13},
    accounts={
        "income_account": 21,
        "compensation_expense_account": 22,
        "compensation_liability_account": 23,
        "clearing_account": 24,
    },
    adjustments={"CO-45": 41, "CO": 42, "OA": None},
    plans={},
    stock=Stock(outgoing_type=31, incoming_type=32, warehouse_location=33, consumption_location=34),
)


def rows_of(document: Document) -> list[dict[str, object]]:
    fields, rows = table([document])
    return [dict(zip(fields, row, strict=True)) for row in rows]


def test_an_invoices_first_row_carries_its_head_and_each_line_an_external_id() -> None:
    first, second = rows_of(*invoices(an_invoice("A1"), SETTING, {"5,6": 100}, {}, "clinic"))
    assert first["id"] == "suture.invoice_A1"
    assert (first["ref"], first["invoice_origin"]) == ("A1", "Suture invoice (clinic)")
    assert second["id"] == ""
    assert [row["invoice_line_ids/id"] for row in (first, second)] == ["suture.invoice_A1_1", "suture.invoice_A1_2"]
    assert (
        first["invoice_line_ids/name"]
        == f"Visit, 30 minutes\nsuture-test-north, Dr Test, {an_invoice('A1').invoice_date}"
    )
    assert second["invoice_line_ids/quantity"] == "2.5"
    assert msgspec.json.decode(str(first["invoice_line_ids/analytic_distribution"])) == {"5,6": 100}


def test_invoice_lines_say_which_taxes_they_have_and_that_they_have_none() -> None:
    articles = {"SUTURE-TEST-LAB": Article(product=3, taxes=(7, 8))}
    rows = rows_of(*invoices(an_invoice("A1"), SETTING, {}, articles, "c"))
    assert [row["invoice_line_ids/tax_ids/.id"] for row in rows] == ["", "7,8"]


def test_what_the_patient_owes_is_taken_off_the_payers_invoice_and_put_on_the_patients() -> None:
    payers, patients = invoices(billed_to_payer("A1", share="30.00"), SETTING, {}, {}, "clinic")
    assert (payers.name, patients.name) == ("suture.invoice_A1", "suture.invoice_patient_A1")
    assert payers.lines[-1]["price_unit"] == "-30.00"
    assert [line["price_unit"] for line in patients.lines] == ["30.00"]
    assert (payers.values["partner_id/id"], patients.values["partner_id/id"]) == (
        external_id("partner", PAYER.reference),
        external_id("partner", "Patient/A1"),
    )
    assert payers.columns == patients.columns


@pytest.mark.parametrize(("code", "account"), [("CO-45", 41), ("CO-97", 42), ("OA-23", None)])
def test_the_most_exact_reason_decides_an_adjustments_account(code: str, account: int | None) -> None:
    assert SETTING.adjustment(code) == account


def test_a_reason_that_the_catalogue_does_not_know_is_refused_with_a_remedy() -> None:
    with pytest.raises(Rejected) as failure:
        SETTING.adjustment("PI-16")
    assert (failure.value.code, "PI-16" in failure.value.remedy) == ("adjustment_unmapped", True)


def test_an_accrual_balances_and_only_its_expense_is_analytic() -> None:
    expense, liability = rows_of(accrual(an_accrual("A1"), SETTING, {"5,6": 100}, 9, "clinic"))
    assert (expense["line_ids/account_id/.id"], expense["line_ids/amount_currency"]) == (22, "70.00")
    assert (liability["line_ids/account_id/.id"], liability["line_ids/amount_currency"]) == (23, "-70.00")
    assert {line["line_ids/partner_id/.id"] for line in (expense, liability)} == {9}
    assert expense["line_ids/analytic_distribution"]
    assert not liability["line_ids/analytic_distribution"]


def test_a_payment_clears_the_invoices_own_receivable() -> None:
    received = Payment(payment="P1", charge="C", appointment="A1", amount=usd("50"), received_on=date(2026, 3, 2))
    item = Item(
        line=1, move=2, account=7, partner=8, currency=2, amount=Decimal(200), residual=Decimal(200), posted=True,
        settled=False, matched=False, mark="", label="",
    )  # fmt: skip
    clearing, receivable = rows_of(payment(received, item, 9, SETTING, "clinic"))
    assert (clearing["line_ids/account_id/.id"], clearing["line_ids/amount_currency"]) == (24, "50.00")
    assert (receivable["line_ids/account_id/.id"], receivable["line_ids/amount_currency"]) == (7, "-50.00")
    assert {line["line_ids/partner_id/.id"] for line in (clearing, receivable)} == {9}  # who paid, whoever owes


@pytest.mark.parametrize(("version", "named"), [(17, True), (19, False)])
def test_a_stock_move_has_a_name_on_17_only(version: int, named: bool) -> None:
    first, _ = rows_of(picking(a_kit("A1"), SETTING, 40, version, {}))
    assert ("move_ids/name" in first) is named
    assert (first["location_id/.id"], first["location_dest_id/.id"]) == (40, 34)


@pytest.mark.parametrize("version", [17, 19])
def test_a_product_row_fits_its_columns(version: int) -> None:
    row = product_row(PlannedProduct(code="G", name="Gloves", stocked=True), SETTING, version)
    columns = product_columns(version)
    assert len(row) == len(columns)
    assert dict(zip(columns, row, strict=True))["taxes_id/.id"] == ""


@pytest.mark.parametrize(
    ("value", "day"), [(False, date.min), ("1-01-01", date.min), ("2026-02-28", date(2026, 2, 28)), (None, date.min)]
)
def test_odoos_dates(value: object, day: date) -> None:
    assert parse_day(value) == day


def test_sales_are_locked_by_either_lock_date() -> None:
    company = {"id": 1, "user_fiscalyear_lock_date": "2026-01-31", "user_sale_lock_date": "2026-03-31"}
    locks = read_locks(company)
    assert locks == Locks(everything=date(2026, 1, 31), sales=date(2026, 3, 31))
    assert locks.binding(a_move("out_invoice")) == date(2026, 3, 31)
    assert locks.binding(a_move("entry")) == date(2026, 1, 31)


def test_what_is_taxed_is_locked_by_the_tax_lock_date_as_well() -> None:
    locks = read_locks({"id": 1, "fiscalyear_lock_date": "2026-01-31", "tax_lock_date": "2026-02-28"})
    assert locks.binding(a_move("out_invoice", untaxed=100.0)) == date(2026, 2, 28)
    assert locks.binding(a_move("out_invoice")) == locks.binding(a_move("entry", untaxed=0.0)) == date(2026, 1, 31)


def a_move(kind: str, *, untaxed: float = 115.0) -> Row:
    return {"move_type": kind, "amount_total": 115.0, "amount_untaxed": untaxed}


def test_journals_are_found_by_code_or_as_the_first_of_their_type() -> None:
    rows = [
        {"id": 1, "code": "INV", "type": "sale"},
        {"id": 2, "code": "CLIN", "type": "sale"},
        {"id": 3, "code": "MISC", "type": "general"},
        {"id": 4, "code": "STJ", "type": "general"},
    ]
    assert choose_journals(rows, {"sale": "CLIN", "general": "", "bank": ""}) == {"sale": 2, "general": 3}


def test_amounts_are_never_written_in_scientific_notation() -> None:
    order = an_invoice("A1")
    tiny = msgspec.structs.replace(order.lines[0], quantity=Decimal("1E-7"))
    rows = rows_of(*invoices(msgspec.structs.replace(order, lines=(tiny,)), SETTING, {}, {}, "c"))
    assert rows[0]["invoice_line_ids/quantity"] == "0.0000001"
