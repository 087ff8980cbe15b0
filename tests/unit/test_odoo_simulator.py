"""The simulator's own ground: rows that can be undone, domains, and `load`. Its accounting, stock and so on are in the
modules beside this one, which work at the same `Desk`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from suture.core.clock import ManualClock
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.errors import OdooUserError, PythonError, ServerError
from suture_lab.simulators.odoo.seed import seed
from suture_lab.simulators.odoo.server import Server

COMPANIES = ("My Company", "West Clinic")
TODAY = "2026-03-10"
RECEIVABLE, CLEARING, SALES = "121000", "101403", "400000"
Row = dict[str, Any]


class Desk:
    """Calls one simulated Odoo as its user does, in one company unless `companies` says otherwise."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.clock = ManualClock(datetime(2026, 3, 10, 9, 30, 15, 123456, tzinfo=UTC))
        self.db = SimulatedDatabase("test", version, {"key": "bot"}, self.clock)
        seed(self.db, {"bot"}, COMPANIES)
        self.server = Server(self.db)
        self.companies: list[int] = [1]

    def __call__(self, model: str, method: str, *positional: Any, context: Row | None = None, **named: Any) -> Any:
        told = {"allowed_company_ids": self.companies, **(context or {})}
        return self.server.run(self.db.users["bot"], model, method, positional, {**named, "context": told})

    def ids(self, model: str, domain: Sequence[Any]) -> list[int]:
        found: list[int] = self(model, "search", domain, order="id")
        return found

    def read(self, model: str, identifier: int, *fields: str) -> Row:
        rows: list[Row] = self(model, "read", [identifier], list(fields), load="")
        return rows[0]

    def account(self, code: str) -> int:
        return self.ids("account.account", [["code", "=", code]])[0]

    def partner(self, name: str = "Ann") -> int:
        found = self.ids("res.partner", [["name", "=", name]])
        return found[0] if found else int(self("res.partner", "create", {"name": name}))

    def tax(self, rate: float, **values: Any) -> int:
        return int(self("account.tax", "create", {"name": f"{rate}%", "amount": rate, **values}))

    def included(self, rate: float) -> int:
        if self.version == 17:
            return self.tax(rate, price_include=True)
        return self.tax(rate, price_include_override="tax_included")

    def invoice(self, *lines: Any, kind: str = "out_invoice", posted: bool = True, **values: Any) -> int:
        """Each line is a price, or its values."""
        given = [line if isinstance(line, dict) else {"price_unit": line} for line in lines or (100,)]
        commands = [[0, 0, {"name": "Visit", "tax_ids": [], **line}] for line in given]
        head = {"move_type": kind, "partner_id": self.partner(), "invoice_date": "2026-03-02"}
        made = int(self("account.move", "create", {**head, "invoice_line_ids": commands, **values}))
        return self.post(made) if posted else made

    def entry(self, *lines: Row, posted: bool = True, **values: Any) -> int:
        """Lines name their account by its code."""
        commands = [[0, 0, {**line, "account_id": self.account(line["account_id"])}] for line in lines]
        made = int(self("account.move", "create", {"move_type": "entry", "line_ids": commands, **values}))
        return self.post(made) if posted else made

    def paying(self, amount: float, *, posted: bool = True, mark: str = "", **values: Any) -> int:
        """Money that clears against the receivable."""
        return self.entry(
            {"account_id": CLEARING, "debit": amount},
            {"account_id": RECEIVABLE, "credit": amount, "partner_id": self.partner(), "matching_number": mark},
            posted=posted,
            **values,
        )

    def post(self, *moves: int) -> int:
        self("account.move", "action_post", list(moves))
        return moves[0]

    def open_line(self, move: int) -> int:
        """A move's line on the receivable."""
        return self.ids("account.move.line", [["move_id", "=", move], ["account_type", "=", "asset_receivable"]])[0]

    def match(self, *moves: int, **context: Any) -> None:
        self("account.move.line", "reconcile", [self.open_line(move) for move in moves], context=context)

    def paid(self, move: int) -> tuple[str, float]:
        row = self.read("account.move", move, "payment_state", "amount_residual")
        return row["payment_state"], row["amount_residual"]


@pytest.fixture(params=[17, 19])
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


@pytest.fixture
def server(desk: Desk) -> Server:
    return desk.server


def call(server: Server, model: str, method: str, *positional: Any, **named: Any) -> Any:
    return server.run(server.db.users["bot"], model, method, positional, named)


def make_partner(server: Server, name: str, reference: str) -> int:
    return int(call(server, "res.partner", "create", {"name": name, "ref": reference}))


def test_a_failed_call_leaves_nothing(server: Server) -> None:
    make_partner(server, "One", "a")
    with pytest.raises(OdooUserError):
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
    rows = call(server, "res.partner", "search_read", domain, ["ref"], order="id")
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


def test_a_line_without_a_word_about_taxes_gets_the_products(server: Server) -> None:
    call(server, "res.partner", "load", ["id", "name"], [["x.one", "One"]])
    call(server, "product.product", "load", ["id", "name"], [["x.visit", "Visit"]])
    columns = ["id", "move_type", "partner_id/id", "invoice_line_ids/product_id/id", "invoice_line_ids/price_unit"]
    (move,) = call(server, "account.move", "load", columns, [["x.i", "out_invoice", "x.one", "x.visit", "10"]])["ids"]
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
    except ServerError:
        assert not known


def test_pages_are_read_in_the_order_of_ids(desk: Desk) -> None:
    made = [desk("res.partner", "create", {"name": f"{n}", "ref": "page"}) for n in range(5)]
    desk("res.partner", "unlink", [made[2]])
    page = desk("res.partner", "search", [["id", ">", made[0]], ["ref", "=", "page"]], order="id", limit=2)
    assert page == [made[1], made[3]]


def test_archived_records_are_hidden_unless_asked_for(desk: Desk) -> None:
    partner = desk.partner()
    desk("res.partner", "action_archive", [partner])
    domain = [["name", "=", "Ann"]]
    assert desk.ids("res.partner", domain) == []
    assert desk.ids("res.partner", [*domain, ["active", "=", False]]) == [partner]
    assert desk("res.partner", "search", domain, context={"active_test": False}) == [partner]
    desk("res.partner", "action_unarchive", [partner])
    assert desk.ids("res.partner", domain) == [partner]


def test_who_changed_a_record_and_when_is_noted(desk: Desk) -> None:
    """All rows of a call share its time; clients see whole seconds of it."""
    invoice = desk.invoice()
    made = desk("account.move", "read", [invoice], ["create_uid", "write_uid", "write_date"])[0]
    assert made["create_uid"] == made["write_uid"] == [desk.db.users["bot"], "bot"]
    assert made["write_date"] == "2026-03-10 09:30:15"
    desk.clock.advance(timedelta(minutes=1))
    desk.match(invoice, desk.paying(40))
    assert desk.read("account.move", invoice, "write_date")["write_date"] == "2026-03-10 09:31:15"


def test_17_compares_times_as_stored_and_19_by_seconds(desk: Desk) -> None:
    partner = desk.partner()
    told = desk.read("res.partner", partner, "write_date")["write_date"]
    after = desk.ids("res.partner", [["id", "=", partner], ["write_date", ">", told]])
    at = desk.ids("res.partner", [["id", "=", partner], ["write_date", "=", told]])
    assert (after, at) == (([partner], []) if desk.version == 17 else ([], [partner]))


def test_external_ids_are_told_and_go_with_their_record(desk: Desk) -> None:
    (partner,) = desk("res.partner", "load", ["id", "name"], [["x.one", "One"]])["ids"]
    (told,) = desk("res.partner", "get_metadata", [partner])
    assert (told["xmlid"], told["noupdate"]) == ("x.one", False)
    assert desk("ir.model.data", "check_object_reference", "x", "one") == ["res.partner", partner]
    desk("res.partner", "unlink", [partner])
    with pytest.raises(PythonError, match="External ID not found"):
        desk("ir.model.data", "check_object_reference", "x", "one")


def test_lines_load_three_deep(desk: Desk) -> None:
    """A picking's moves and their lines; a row with only a line adds to the move above it."""
    named = ["move_ids/name"] if desk.version == 17 else []
    (product,) = desk("product.product", "load", ["id", "name"], [["x.gauze", "Gauze"]])["ids"]
    (kind,) = desk.ids("stock.picking.type", [["code", "=", "outgoing"]])
    columns = ["id", "picking_type_id/.id", "move_ids/product_id/.id", "move_ids/product_uom_qty"]
    lines = ["move_ids/move_line_ids/product_id/.id", "move_ids/move_line_ids/quantity"]
    first = ["x.out", kind, product, 3, *(["Use"] if named else []), product, 1]
    second = ["", "", "", "", *([""] if named else []), product, 2]
    (picking,) = desk("stock.picking", "load", [*columns, *named, *lines], [first, second])["ids"]
    (move,) = desk("stock.move", "search_read", [["picking_id", "=", picking]], ["quantity", "move_line_ids"])
    assert (move["quantity"], len(move["move_line_ids"])) == (3.0, 2)
    assert desk.ids("stock.move.line", [["picking_id", "=", picking]]) == []  # a line within a move has no transfer


def test_fields_are_described(desk: Desk) -> None:
    told = desk("account.move", "fields_get", ["state", "partner_id", "nothing"], ["type", "relation", "selection"])
    assert told["partner_id"] == {"type": "many2one", "relation": "res.partner"}
    assert [value for value, _ in told["state"]["selection"]] == ["draft", "posted", "cancel"]
    assert sorted(told) == ["partner_id", "state"]


def test_what_a_change_writes_besides_itself(desk: Desk) -> None:
    """As seen on real servers: a match writes the invoice and its lines, but not the entry's head."""
    invoice, entry = desk.invoice(), desk.paying(100)
    heads = {"invoice": invoice, "entry": entry}

    def written() -> set[str]:
        stamp = desk.db.now()[:19]
        moves = {name for name, i in heads.items() if desk.read("account.move", i, "write_date")["write_date"] == stamp}
        lines = desk("account.move.line", "search_read", [], ["write_date", "move_id"], load="")
        named = {move: name for name, move in heads.items()}
        touched = [named[line["move_id"]] for line in lines if line["write_date"] == stamp]
        return moves | {f"{touched.count(name)} lines of {name}" for name in touched}

    seen = {}
    for what, change in {
        "matched": lambda: desk.match(invoice, entry),
        "entry's line renamed": lambda: desk("account.move.line", "write", [desk.open_line(entry)], {"name": "n"}),
        "reference": lambda: desk("account.move", "write", [invoice], {"ref": "r"}),
        "customer renamed": lambda: desk("res.partner", "write", [desk.partner()], {"name": "Anne"}),
    }.items():
        desk.clock.advance(timedelta(minutes=1))
        change()
        seen[what] = written()
    assert seen == {
        "matched": {"invoice", "2 lines of invoice", "1 lines of entry"},
        "entry's line renamed": {"1 lines of entry"},
        "reference": {"invoice", "2 lines of invoice"},
        "customer renamed": {"invoice"},
    }
