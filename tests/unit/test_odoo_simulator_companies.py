"""Two companies in one database: whose records a call sees, and what may not be mixed."""

import pytest

from suture_lab.simulators.odoo.errors import AccessError, OdooUserError, ServerError, ValidationError

from .test_odoo_simulator import RECEIVABLE, Desk, desk

__all__ = ["desk"]


@pytest.fixture
def elsewhere(desk: Desk) -> int:
    """An invoice of the other company, seen from the first."""
    desk.companies = [2]
    invoice = desk.invoice()
    desk.companies = [1]
    return invoice


def test_each_company_has_books_of_its_own(desk: Desk, elsewhere: int) -> None:
    here = desk.invoice()
    assert desk.ids("account.move", []) == [here]
    desk.companies = [1, 2]
    assert desk.ids("account.move", []) == [elsewhere, here]
    row = desk("account.move", "read", [elsewhere], ["name", "company_id"])[0]
    assert (row["name"], row["company_id"]) == ("INV/2026/00001", [2, "West Clinic"])


@pytest.mark.parametrize("method", ["read", "unlink", "action_post", "button_draft"])
def test_another_companys_records_are_closed(desk: Desk, elsewhere: int, method: str) -> None:
    with pytest.raises(AccessError):
        desk("account.move", method, [elsewhere])
    assert desk("account.move", "get_external_id", [elsewhere]) == {str(elsewhere): ""}


def test_another_companys_external_id_is_an_error_in_load(desk: Desk) -> None:
    columns, row = ["id", "move_type", "partner_id/.id"], ["x.i", "out_invoice", desk.partner()]
    desk.companies = [2]
    desk("account.move", "load", columns, [row])
    desk.companies = [1]
    for context in ({}, {"mode": "update", "noupdate": True}):
        answer = desk("account.move", "load", columns, [row], context=context)
        assert answer["ids"] is False
        assert "access" in answer["messages"][0]["message"]


def test_only_companies_that_the_user_may_work_in(desk: Desk) -> None:
    desk.companies = [3]
    with pytest.raises(AccessError, match="unauthorized"):
        desk.ids("account.move", [])
    assert desk.server.run(desk.db.users["bot"], "res.company", "search", [[]], {}) == [1, 2]


def test_a_move_takes_its_journals_company(desk: Desk) -> None:
    desk.companies = [2]
    (journal,) = desk.ids("account.journal", [["code", "=", "INV"]])
    desk.companies = [1, 2]
    assert desk.read("account.move", desk.invoice(journal_id=journal), "company_id")["company_id"] == 2
    assert desk.read("account.move", desk.invoice(company_id=2), "journal_id")["journal_id"] == journal
    desk.companies = [1]
    with pytest.raises(AccessError):
        desk.invoice(journal_id=journal)


def test_companies_are_not_mixed(desk: Desk) -> None:
    desk.companies = [2]
    account, tax = desk.account("450000"), desk.tax(10)
    desk.companies = [1, 2]
    for line in ({"account_id": account, "price_unit": 1}, {"tax_ids": [tax], "price_unit": 1}):
        with pytest.raises(OdooUserError, match="belongs to another company"):
            desk.invoice(line)
    with pytest.raises(OdooUserError, match="belongs to another company"):
        desk.invoice(company_id=2, journal_id=1)


def test_codes_are_each_companys(desk: Desk) -> None:
    """From 18 on an account has a code for each company: read for another, it has none."""
    here = desk.account(RECEIVABLE)
    desk.companies = [2]
    there = desk.account(RECEIVABLE)
    desk.companies = [1, 2]
    codes = {row["id"]: row["code"] for row in desk("account.account", "read", [here, there], ["code"])}
    assert here != there
    assert codes == {here: RECEIVABLE, there: RECEIVABLE if desk.version == 17 else False}
    desk.companies = [1]
    with pytest.raises(ValidationError, match="unique"):
        desk("account.account", "create", {"code": RECEIVABLE, "name": "Again", "account_type": "asset_receivable"})


def test_a_product_is_everybodys_and_its_account_and_taxes_each_companys(desk: Desk) -> None:
    product = desk("product.product", "create", {"name": "Visit", "taxes_id": []})
    desk("product.product", "write", [product], {"property_account_income_id": desk.account("450000")})
    assert desk.read("product.product", product, "taxes_id")["taxes_id"] == []
    desk.companies = [2]
    row = desk.read("product.product", product, "taxes_id", "property_account_income_id")
    assert len(row["taxes_id"]) == 1  # every other company's default comes with it
    assert row["property_account_income_id"] is False


def test_a_contact_has_each_companys_receivable(desk: Desk) -> None:
    found = []
    for company in (1, 2):
        desk.companies = [company]
        row = desk.read("res.partner", desk.partner(), "property_account_receivable_id")
        found.append((row["property_account_receivable_id"], desk.account(RECEIVABLE)))
    assert all(own == account for own, account in found)


def test_items_of_two_companies_are_not_reconciled(desk: Desk, elsewhere: int) -> None:
    here = desk.paying(100)
    desk.companies = [1, 2]
    with pytest.raises(ServerError):
        desk.match(here, elsewhere)
