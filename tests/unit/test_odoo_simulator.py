"""The simulator's own ground: rows that can be undone, domains, and `load`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from suture.core.clock import ManualClock
from suture.simulators.odoo.database import Database
from suture.simulators.odoo.errors import OdooError, PythonError, UserError
from suture.simulators.odoo.seed import seed
from suture.simulators.odoo.server import Server


@pytest.fixture(params=[17, 19])
def server(request: pytest.FixtureRequest) -> Server:
    db = Database("test", request.param, {"key": "bot"}, ManualClock(datetime(2026, 3, 10, tzinfo=UTC)))
    seed(db, {"bot"})
    return Server(db)


def call(server: Server, model: str, method: str, *positional: Any, **named: Any) -> Any:
    return server.run(server.db.users["bot"], model, method, positional, named)


def make_partner(server: Server, name: str, reference: str) -> int:
    return int(call(server, "res.partner", "create", {"name": name, "ref": reference}))


def test_a_failed_call_leaves_nothing(server: Server) -> None:
    make_partner(server, "One", "a")
    with pytest.raises(UserError):
        call(server, "res.partner", "create", [{"name": "Two", "ref": "b"}, {"name": ""}])
    assert call(server, "res.partner", "search_count", []) == 1
    assert call(server, "res.partner", "search", [["ref", "=", "b"]]) == []


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ([], ["a", "b", "c"]),
        ([["ref", "in", ["a", "c"]]], ["a", "c"]),
        ([["ref", "!=", "a"]], ["b", "c"]),
        (["|", ["ref", "=", "a"], ["name", "=", "Three"]], ["a", "c"]),
        (["!", ["ref", "=", "a"]], ["b", "c"]),
        ([["name", "ilike", "t%"]], ["b", "c"]),
        ([["country_id.code", "=", "US"]], []),
        ([["id", ">", 0], ["ref", "not in", ["a"]]], ["b", "c"]),
        ([["company_id", "=", False]], ["a", "b", "c"]),
    ],
)
def test_domains(server: Server, domain: list[Any], found: list[str]) -> None:
    for name, reference in (("One", "a"), ("Two", "b"), ("Three", "c")):
        make_partner(server, name, reference)
    rows = call(server, "res.partner", "search_read", domain, ["ref"])
    assert [row["ref"] for row in rows] == found


def test_a_condition_on_an_unknown_field_is_an_error(server: Server) -> None:
    with pytest.raises(PythonError, match="Invalid field"):
        call(server, "res.partner", "search_count", [["shoe_size", "=", 43]])


def test_load_is_all_or_nothing_and_fails_as_a_success(server: Server) -> None:
    rows = [["x.one", "One"], ["x.two", ""]]
    answer = call(server, "res.partner", "load", ["id", "name"], rows)
    assert answer["ids"] is False
    assert answer["messages"][0]["record"] == 1
    assert call(server, "res.partner", "search_count", []) == 0


def test_loading_again_updates_unless_it_may_only_create(server: Server) -> None:
    create_only = {"mode": "update", "noupdate": True}
    first = call(server, "res.partner", "load", ["id", "name"], [["x.one", "One"]], context=create_only)
    second = call(server, "res.partner", "load", ["id", "name"], [["x.one", "Changed"]], context=create_only)
    assert first["ids"] == second["ids"]
    assert call(server, "res.partner", "read", first["ids"], ["name"])[0]["name"] == "One"
    call(server, "res.partner", "load", ["id", "name"], [["x.one", "Changed"]])
    assert call(server, "res.partner", "read", first["ids"], ["name"])[0]["name"] == "Changed"


def test_lines_without_external_ids_double_on_a_second_load(server: Server) -> None:
    call(server, "res.partner", "load", ["id", "name"], [["x.one", "One"]])
    columns = ["id", "move_type", "partner_id/id", "invoice_line_ids/name", "invoice_line_ids/price_unit"]
    row = ["x.invoice", "out_invoice", "x.one", "Visit", "10"]
    (move,) = call(server, "account.move", "load", columns, [row])["ids"]
    call(server, "account.move", "load", columns, [row])
    assert len(call(server, "account.move", "read", [move], ["invoice_line_ids"])[0]["invoice_line_ids"]) == 2


def test_a_line_without_a_word_about_taxes_gets_the_default(server: Server) -> None:
    call(server, "res.partner", "load", ["id", "name"], [["x.one", "One"]])
    columns = ["id", "move_type", "partner_id/id", "invoice_line_ids/name", "invoice_line_ids/price_unit"]
    (move,) = call(server, "account.move", "load", columns, [["x.i", "out_invoice", "x.one", "Visit", "10"]])["ids"]
    assert call(server, "account.move", "read", [move], ["amount_total"])[0]["amount_total"] == 11.5


def test_an_entry_must_balance(server: Server) -> None:
    columns = ["id", "move_type", "line_ids/account_id", "line_ids/debit"]
    answer = call(server, "account.move", "load", columns, [["x.e", "entry", "Salaries", "5"]])
    assert answer["ids"] is False
    assert "balanced" in answer["messages"][0]["message"]


def test_posting_into_a_locked_period_moves_the_date_without_a_word(server: Server) -> None:
    call(server, "res.company", "write", [1], {"fiscalyear_lock_date": "2026-01-31"})
    columns = ["id", "move_type", "date", "line_ids/account_id", "line_ids/amount_currency"]
    rows = [["x.e", "entry", "2026-01-15", "Salaries", "5"], ["", "", "", "Salaries payable", "-5"]]
    (entry,) = call(server, "account.move", "load", columns, rows)["ids"]
    call(server, "account.move", "action_post", [entry])
    assert call(server, "account.move", "read", [entry], ["date"])[0]["date"] == "2026-02-28"


@pytest.mark.parametrize("field", ["reversal_move_ids", "reversal_move_id"])
def test_a_field_of_another_version_is_unknown(server: Server, field: str) -> None:
    known = (server.db.version == 19) is field.endswith("ids")
    try:
        call(server, "account.move", "search_read", [], [field])
        assert known
    except OdooError:
        assert not known
