"""Sums by group, as clients see them: `read_group`, and since 19 `formatted_read_group`."""

from datetime import UTC, datetime

import pytest

from suture_lab.simulators.odoo.errors import PythonError, ServerError

from .test_odoo_simulator import Desk, desk

__all__ = ["desk"]

POSTED = [["parent_state", "=", "posted"]]
LINE = "account.move.line"


@pytest.fixture
def books(desk: Desk) -> Desk:
    desk.invoice(100)
    desk.invoice(50, invoice_date="2026-02-02")
    desk.invoice(7, posted=False)
    return desk


def test_a_lazy_group_is_by_its_first_field(books: Desk) -> None:
    groups = books(LINE, "read_group", POSTED, ["debit", "credit"], ["account_id", "date:month"])
    assert [(g["account_id"][1], g["account_id_count"], g["debit"], g["credit"]) for g in groups] == [
        ("121000 Customers", 2, 150.0, 0.0),
        ("400000 Sales", 2, 0.0, 150.0),
    ]
    assert groups[0]["__context"] == {"group_by": ["date:month"]}
    assert books(LINE, "search_count", groups[0]["__domain"]) == 2


def test_an_eager_group_is_by_all(books: Desk) -> None:
    fields = ["debit:sum", "most:max(debit)", "n:count(id)"]
    groups = books(LINE, "read_group", POSTED, fields, ["date:month", "account_id"], lazy=False)
    assert [(g["date:month"], g["debit"], g["most"], g["n"], g["__count"]) for g in groups] == [
        ("February 2026", 50.0, 50.0, 1, 1),
        ("February 2026", 0.0, 0.0, 1, 1),
        ("March 2026", 100.0, 100.0, 1, 1),
        ("March 2026", 0.0, 0.0, 1, 1),
    ]
    assert groups[0]["__range"] == {"date:month": {"from": "2026-02-01", "to": "2026-03-01"}}


def test_order_limit_and_no_group_at_all(books: Desk) -> None:
    (group,) = books(LINE, "read_group", POSTED, ["debit"], ["date:day"], limit=1, orderby="debit desc")
    assert (group["date:day"], group["date_count"]) == ("02 Mar 2026", 2)
    (whole,) = books(LINE, "read_group", POSTED, ["debit"], [])
    assert (whole["__count"], whole["debit"]) == (4, 150.0)


def test_19_formats_groups(books: Desk) -> None:
    if books.version == 17:
        assert books.server.method_kind(LINE, "formatted_read_group") == ""
        return
    groups = books(LINE, "formatted_read_group", POSTED, ["account_id", "date:month"], ["debit:sum", "__count"])
    assert groups[0] == {
        "account_id": [books.account("121000"), "121000 Customers"],
        "date:month": ["2026-02-01", "February 2026"],
        "__extra_domain": [
            ["account_id", "=", books.account("121000")],
            ["date", ">=", "2026-02-01"],
            ["date", "<", "2026-03-01"],
        ],
        "debit:sum": 50.0,
        "__count": 1,
    }
    kept = books(LINE, "formatted_read_group", POSTED, ["account_id"], ["debit:sum"], having=[["debit:sum", ">", 0]])
    assert [group["debit:sum"] for group in kept] == [150.0]
    (whole,) = books(LINE, "formatted_read_group", POSTED, [], ["debit:sum", "account_id:count_distinct"])
    assert whole == {"__extra_domain": [[1, "=", 1]], "debit:sum": 150.0, "account_id:count_distinct": 2}


@pytest.mark.parametrize(("fields", "by"), [(["nothing"], ["account_id"]), (["debit"], ["nothing"])])
def test_an_unknown_field_is_an_error(books: Desk, fields: list[str], by: list[str]) -> None:
    with pytest.raises(PythonError, match="Invalid field 'nothing'"):
        books(LINE, "read_group", POSTED, fields, by)


def test_what_is_computed_is_no_condition(desk: Desk) -> None:
    """17 passes over it and finds all, 19 refuses it."""
    product = desk("product.product", "create", {"name": "Gauze"})
    (place,) = desk.ids("stock.location", [["usage", "=", "internal"]])
    rule = desk("stock.warehouse.orderpoint", "create", {"product_id": product, "location_id": place})
    domain = [["qty_forecast", "<", -5]]
    if desk.version == 17:
        assert desk.ids("stock.warehouse.orderpoint", domain) == [rule]
    else:
        with pytest.raises(ServerError, match="not stored"):
            desk.ids("stock.warehouse.orderpoint", domain)


def test_thirty_thousand_lines_are_read_by_pages(desk: Desk) -> None:
    lines = [{"account_id": "121000", "debit": 1.0}, {"account_id": "400000", "credit": 1.0}]
    account, sales = desk.account("121000"), desk.account("400000")
    commands = [[0, 0, {**lines[0], "account_id": account}], [0, 0, {**lines[1], "account_id": sales}]]
    desk("account.move", "create", [{"move_type": "entry", "line_ids": commands * 50} for _ in range(300)])
    began = datetime.now(UTC)
    last = read = 0
    while page := desk(
        LINE,
        "search_read",
        [["id", ">", last], ["account_type", "=", "asset_receivable"]],
        ["debit"],
        order="id",
        limit=500,
    ):
        last, read = page[-1]["id"], read + len(page)
    assert read == 15_000
    assert (datetime.now(UTC) - began).total_seconds() < 3
