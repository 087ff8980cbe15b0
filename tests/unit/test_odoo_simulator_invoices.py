"""Simulated invoices, bills and entries: amounts as real 17.0 and 19.0 servers compute them."""

from typing import Any

import pytest

from suture_lab.simulators.odoo.errors import OdooUserError, ServerError, ValidationError

from .test_odoo_simulator import CLEARING, RECEIVABLE, SALES, Desk, desk

__all__ = ["desk"]

PER_LINE, GLOBALLY = "round_per_line", "round_globally"
TEN, EIGHT, INCLUDED = "10%", "8.25%", "21% included"

# Lines as (price, quantity, taxes); untaxed, tax and total by version and rounding, as seen on real servers.
CASES: list[tuple[list[tuple[float, float, list[str]]], dict[tuple[int, str], tuple[float, float]]]] = [
    (
        [(10.33, 1, [TEN])] * 3,
        {(17, PER_LINE): (30.99, 3.09), (17, GLOBALLY): (30.99, 3.10), (19, GLOBALLY): (30.99, 3.10)},
    ),
    (
        [(9.99, 3, [EIGHT]), (0.05, 1, [EIGHT])],
        {(17, PER_LINE): (30.02, 2.47), (17, GLOBALLY): (30.02, 2.48), (19, GLOBALLY): (30.02, 2.48)},
    ),
    (
        [(99.99, 1, [INCLUDED]), (33.33, 1, [INCLUDED]), (10.01, 3, [INCLUDED])],
        {(17, PER_LINE): (135.01, 28.34), (17, GLOBALLY): (135.01, 28.34), (19, GLOBALLY): (135.00, 28.35)},
    ),
    (
        [(100, 1, [TEN, EIGHT]), (50, 1, [])],
        {(17, PER_LINE): (150.0, 18.25), (17, GLOBALLY): (150.0, 18.25), (19, GLOBALLY): (150.0, 18.25)},
    ),
    (
        [(0.33, 0.5, []), (0.33, 0.5, [])],
        {
            (17, PER_LINE): (0.34, 0.0),
            (17, GLOBALLY): (0.34, 0.0),
            (19, PER_LINE): (0.34, 0.0),
            (19, GLOBALLY): (0.33, 0),
        },
    ),
    (
        [(0.33, 0.5, [TEN])] * 5,
        {(17, PER_LINE): (0.85, 0.10), (17, GLOBALLY): (0.85, 0.09), (19, GLOBALLY): (0.83, 0.08)},
    ),
    (
        [(12.1, 1, [INCLUDED, TEN]), (5.55, 1, [INCLUDED])],
        {(17, PER_LINE): (14.59, 4.06), (17, GLOBALLY): (14.59, 4.06), (19, GLOBALLY): (14.59, 4.06)},
    ),
    (
        [(0.04, 1, [INCLUDED])] * 3,
        {(17, PER_LINE): (0.09, 0.03), (17, GLOBALLY): (0.09, 0.03), (19, GLOBALLY): (0.10, 0.02)},
    ),
]


@pytest.mark.parametrize(("lines", "expected"), CASES)
def test_taxes_come_to_what_the_real_one_says(
    desk: Desk, lines: list[tuple[float, float, list[str]]], expected: dict[tuple[int, str], tuple[float, float]]
) -> None:
    taxes = {TEN: desk.tax(10), EIGHT: desk.tax(8.25), INCLUDED: desk.included(21)}
    for (version, method), (untaxed, tax) in expected.items():
        if version == desk.version:
            desk("res.company", "write", [1], {"tax_calculation_rounding_method": method})
            rows = [{"price_unit": p, "quantity": q, "tax_ids": [taxes[name] for name in of]} for p, q, of in lines]
            row = desk.read("account.move", desk.invoice(*rows), "amount_untaxed", "amount_tax", "amount_total")
            assert (row["amount_untaxed"], row["amount_tax"]) == (untaxed, tax)
            assert row["amount_total"] == round(untaxed + tax, 2)


def test_17_rounds_per_line_and_19_globally_unless_the_company_says_otherwise(desk: Desk) -> None:
    method = desk.read("res.company", 1, "tax_calculation_rounding_method")["tax_calculation_rounding_method"]
    assert method == (PER_LINE if desk.version == 17 else GLOBALLY)


def test_a_posted_invoice_balances_and_names_its_taxes(desk: Desk) -> None:
    tax = desk.tax(10)
    invoice = desk.invoice({"price_unit": 10.33, "tax_ids": [tax]}, {"price_unit": -0.02})
    fields = ["display_type", "balance", "tax_line_id", "account_id"]
    lines = desk("account.move.line", "search_read", [["move_id", "=", invoice]], fields, order="id", load="")
    assert [(line["display_type"], line["balance"], line["tax_line_id"]) for line in lines] == [
        ("product", -10.33, False),
        ("product", 0.02, False),
        ("tax", -1.03, tax),
        ("payment_term", 11.34, False),
    ]
    assert lines[2]["account_id"] == desk.account(SALES)  # the tax has none of its own


@pytest.mark.parametrize(
    ("line", "subtotal"),
    [
        ({"price_unit": 33.335, "quantity": 2}, 66.68),
        ({"price_unit": 9.99, "quantity": 3, "discount": 12.5}, 26.22),
        ({"price_unit": 5, "quantity": 0}, 0.0),
        ({"price_unit": -0.02}, -0.02),
    ],
)
def test_a_lines_amount(desk: Desk, line: dict[str, Any], subtotal: float) -> None:
    invoice = desk.invoice(100, line)
    (_, row) = desk(
        "account.move.line", "search_read", [["display_type", "=", "product"]], ["price_subtotal"], order="id"
    )
    assert row["price_subtotal"] == subtotal
    assert desk.read("account.move", invoice, "amount_total")["amount_total"] == round(100 + subtotal, 2)


def test_a_line_may_name_its_account(desk: Desk) -> None:
    desk.invoice(100, {"price_unit": 0.01, "account_id": desk.account("450000")})
    assert len(desk.ids("account.move.line", [["account_id.code", "=", "450000"]])) == 1


def test_a_product_brings_its_name_price_account_and_taxes(desk: Desk) -> None:
    product = desk("product.product", "create", {"name": "Visit", "default_code": "V", "list_price": 20})
    desk("product.product", "write", [product], {"property_account_income_id": desk.account("450000")})
    commands = [[0, 0, {"product_id": product}]]
    head = {"move_type": "out_invoice", "partner_id": desk.partner()}
    move = desk("account.move", "create", {**head, "invoice_line_ids": commands})
    (line,) = desk("account.move.line", "search_read", [["product_id", "=", product]], ["name", "account_id"])
    assert (line["name"], line["account_id"][1]) == ("[V] Visit", "450000 Other income")
    assert desk.read("account.move", move, "amount_total")["amount_total"] == 23.0


def test_amounts_change_with_a_line(desk: Desk) -> None:
    invoice = desk.invoice(100, 50, posted=False)
    (first, second) = desk.ids("account.move.line", [["display_type", "=", "product"]])
    desk("account.move.line", "write", [first], {"quantity": 3})
    desk("account.move", "write", [invoice], {"invoice_line_ids": [[2, second]]})
    assert desk.read("account.move", invoice, "amount_total", "amount_residual")["amount_total"] == 300.0
    assert desk.read("account.move.line", desk.open_line(invoice), "debit")["debit"] == 300.0


@pytest.mark.parametrize(
    ("kind", "named", "signed"),
    [
        ("out_invoice", "INV/2026/00001", 100.0),
        ("out_refund", "RINV/2026/00001", -100.0),
        ("in_invoice", "BILL/2026/03/0001", -100.0),
        ("in_refund", "RBILL/2026/03/0001", 100.0),
    ],
)
def test_every_kind_of_document(desk: Desk, kind: str, named: str, signed: float) -> None:
    move = desk.invoice(kind=kind)
    row = desk.read("account.move", move, "name", "amount_total", "amount_total_signed", "amount_residual", "state")
    assert row == {
        "id": move,
        "name": named,
        "amount_total": 100.0,
        "amount_total_signed": signed,
        "amount_residual": 100.0,
        "state": "posted",
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"partner_id": False}, "Customer"),
        ({"invoice_line_ids": [[0, 0, {"name": "x", "price_unit": -5, "tax_ids": []}]]}, "negative total"),
        ({"invoice_line_ids": []}, "nothing|add a line"),
        ({"auto_post": "at_date", "invoice_date": "2026-04-01"}, "auto-posted"),
    ],
)
def test_what_cannot_be_posted(desk: Desk, values: dict[str, Any], words: str) -> None:
    with pytest.raises(OdooUserError, match=words):
        desk.invoice(100, **values)


def test_17_wants_a_bills_date(desk: Desk) -> None:
    bill = desk.invoice(kind="in_invoice", invoice_date=False, posted=False)
    if desk.version == 17:
        with pytest.raises(OdooUserError, match="date"):
            desk.post(bill)
    else:
        desk.post(bill)


def test_an_entry_balances_or_is_refused(desk: Desk) -> None:
    with pytest.raises(OdooUserError, match="balanced"):
        desk.entry({"account_id": "600000", "debit": 5}, {"account_id": SALES, "credit": 4})
    with pytest.raises(ValidationError, match="Missing required account"):
        desk("account.move", "create", {"move_type": "entry", "line_ids": [[0, 0, {"debit": 5}]]})


def test_a_sale_needs_a_sale_journal(desk: Desk) -> None:
    (journal,) = desk.ids("account.journal", [["code", "=", "MISC"]])
    with pytest.raises(ValidationError, match="sale document"):
        desk.invoice(journal_id=journal)


def test_a_posted_entry_cannot_be_deleted_and_a_used_contact_neither(desk: Desk) -> None:
    entry = desk.paying(5)
    with pytest.raises(OdooUserError, match="posted"):
        desk("account.move", "unlink", [entry])
    with pytest.raises(OdooUserError, match="used in Accounting"):
        desk("res.partner", "unlink", [desk.partner()])
    desk("account.move", "button_draft", [entry])
    desk("account.move", "unlink", [entry])
    desk("res.partner", "unlink", [desk.partner()])
    assert desk.ids("account.move.line", []) == []


def test_what_may_be_written_into_a_posted_invoice(desk: Desk) -> None:
    """17 only guards what is matched, 19 names the fields that are closed; both let lines be renamed."""
    invoice, other = desk.invoice(), desk.partner("Bob")
    desk.match(invoice, desk.paying(100))
    line = desk.ids("account.move.line", [["move_id", "=", invoice], ["display_type", "=", "product"]])[0]
    desk("account.move.line", "write", [line], {"name": "Renamed"})
    refused = []
    for field, value in (("ref", "a"), ("date", "2026-03-01"), ("partner_id", other), ("journal_id", 3)):
        try:
            desk("account.move", "write", [invoice], {field: value})
        except ServerError:
            refused.append(field)
    assert refused == (["partner_id", "journal_id"] if desk.version == 17 else ["date", "partner_id", "journal_id"])


def test_an_entrys_receivable_is_its_partners(desk: Desk) -> None:
    entry = desk.entry(
        {"account_id": CLEARING, "debit": 5}, {"account_id": RECEIVABLE, "credit": 5}, partner_id=desk.partner()
    )
    partners = desk("account.move.line", "search_read", [["move_id", "=", entry]], ["partner_id"], load="")
    assert {line["partner_id"] for line in partners} == {desk.partner()}


def test_a_posted_lines_price_changes_the_invoice_on_17_only(desk: Desk) -> None:
    """19 takes the price into the line, and refuses lines that are written by their invoice."""
    invoice = desk.invoice()
    (line,) = desk.ids("account.move.line", [["display_type", "=", "product"]])
    desk("account.move.line", "write", [line], {"price_unit": 20})
    assert desk.paid(invoice) == ("not_paid", 20.0 if desk.version == 17 else 100.0)
    change = {"invoice_line_ids": [[1, line, {"name": "Renamed"}]]}
    if desk.version == 17:
        desk("account.move", "write", [invoice], change)
    else:
        with pytest.raises(OdooUserError, match="readonly fields on a posted move: invoice_line_ids"):
            desk("account.move", "write", [invoice], change)
