"""What is matched with what: reconciling, temporary marks, matching numbers, payment states, exchange differences."""

import pytest

from suture_lab.simulators.odoo.errors import OdooUserError, ValidationError

from .test_odoo_simulator import CLEARING, RECEIVABLE, SALES, Desk, desk

__all__ = ["desk"]


def number(desk: Desk, move: int) -> str:
    return str(desk.read("account.move.line", desk.open_line(move), "matching_number")["matching_number"])


def test_parts_pay_the_whole(desk: Desk) -> None:
    invoice = desk.invoice()
    desk.match(invoice, desk.paying(60))
    assert desk.paid(invoice) == ("partial", 40.0)
    assert number(desk, invoice) == "P1"
    desk.match(invoice, desk.paying(40))
    assert desk.paid(invoice) == ("paid", 0.0)
    full = desk.read("account.move.line", desk.open_line(invoice), "full_reconcile_id", "matched_credit_ids")
    assert number(desk, invoice) == str(full["full_reconcile_id"])
    assert len(full["matched_credit_ids"]) == 2


def test_taking_one_match_back_leaves_the_others(desk: Desk) -> None:
    invoice, first, second = desk.invoice(), desk.paying(60), desk.paying(40)
    desk.match(invoice, first)
    desk.match(invoice, second)
    desk("account.move.line", "remove_move_reconcile", [desk.open_line(second)])
    assert desk.paid(invoice) == ("partial", 40.0)
    assert (number(desk, first), number(desk, second)) == ("P1", "False")
    partials = desk.ids("account.partial.reconcile", [["debit_move_id.move_id", "=", invoice]])
    desk("account.partial.reconcile", "unlink", partials)
    assert desk.paid(invoice) == ("not_paid", 100.0)


def test_what_cannot_be_reconciled(desk: Desk) -> None:
    invoice, paying = desk.invoice(), desk.paying(100)
    with pytest.raises(OdooUserError, match="posted"):
        desk.match(invoice, desk.paying(1, posted=False))
    desk.match(invoice, paying)
    with pytest.raises(OdooUserError, match="already reconciled"):
        desk.match(invoice, paying)
    product = desk.ids("account.move.line", [["move_id", "=", invoice], ["display_type", "=", "product"]])
    with pytest.raises(OdooUserError, match="same account"):
        desk("account.move.line", "reconcile", [*product, desk.open_line(desk.paying(1))])


@pytest.mark.parametrize(
    ("credits", "paid", "state"),
    [
        ([30], 0, ("partial", 70.0)),
        ([30, 70], 0, ("reversed", 0.0)),
        ([130], 0, ("reversed", 0.0)),
        ([40], 60, ("reversed", 0.0)),
    ],
)
def test_credit_notes_take_what_they_can(desk: Desk, credits: list[int], paid: float, state: tuple[str, float]) -> None:
    invoice = desk.invoice()
    if paid:
        desk.match(invoice, desk.paying(paid))
    notes = [desk.invoice(amount, kind="out_refund", reversed_entry_id=invoice) for amount in credits]
    assert desk.paid(invoice) == state
    assert desk.paid(notes[0]) == (("partial", 30.0) if credits == [130] else ("paid", 0.0))


def test_a_credit_note_that_was_paid_out_reads_reversed(desk: Desk) -> None:
    note = desk.invoice(30, kind="out_refund")
    out = {"account_id": RECEIVABLE, "debit": 30, "partner_id": desk.partner()}
    desk.match(note, desk.entry({"account_id": CLEARING, "credit": 30}, out))
    assert desk.paid(note) == ("reversed", 0.0)


def test_what_is_due_first_is_paid_first(desk: Desk) -> None:
    late, soon = (desk.invoice(10, invoice_date_due=day) for day in ("2026-12-10", "2026-11-30"))
    desk.match(late, soon, desk.paying(10))
    assert (desk.paid(late), desk.paid(soon)) == (("not_paid", 10.0), ("paid", 0.0))


def test_a_reversing_entry_is_matched_where_the_account_allows_it(desk: Desk) -> None:
    first = desk.entry({"account_id": CLEARING, "debit": 60}, {"account_id": SALES, "credit": 60})
    second = desk.entry(
        {"account_id": CLEARING, "credit": 60}, {"account_id": SALES, "debit": 60}, reversed_entry_id=first
    )
    domain = [["move_id", "in", [first, second]], ["reconciled", "=", True]]
    assert {row["account_id"][1] for row in desk("account.move.line", "search_read", domain, ["account_id"])} == {
        "101403 Receipts under way"
    }


def test_an_invoice_of_nothing_is_paid(desk: Desk) -> None:
    assert desk.paid(desk.invoice(0)) == ("paid", 0.0)


def test_marked_lines_are_matched_once_all_of_them_are_posted(desk: Desk) -> None:
    """A mark is loaded into posted lines as well; the entry that bears it, too, matches while it is posted."""
    first, second = desk.invoice(10), desk.invoice(20, posted=False)
    rows = [[desk.open_line(move), "Ibatch"] for move in (first, second)]
    assert desk("account.move.line", "load", [".id", "matching_number"], rows)["messages"] == []
    paying = desk.paying(30, mark="Ibatch")
    assert number(desk, paying) == number(desk, first) == "Ibatch"
    desk.post(second)
    assert [desk.paid(move) for move in (first, second)] == [("paid", 0.0)] * 2
    assert number(desk, paying) == number(desk, second) == "1"


def test_a_mark_of_one_account_matches_no_other(desk: Desk) -> None:
    desk.entry(
        {"account_id": CLEARING, "debit": 5, "matching_number": "I1"},
        {"account_id": RECEIVABLE, "credit": 5, "matching_number": "I1"},
    )
    assert desk.ids("account.partial.reconcile", []) == []


def test_a_number_that_is_given_becomes_a_mark(desk: Desk) -> None:
    line = desk.open_line(desk.invoice())
    desk("account.move.line", "write", [line], {"matching_number": "foo"})
    assert desk.read("account.move.line", line, "matching_number")["matching_number"] == "Ifoo"


def test_what_is_matched_takes_no_mark(desk: Desk) -> None:
    invoice = desk.invoice()
    desk.match(invoice, desk.paying(60))
    line = desk.open_line(invoice)
    with pytest.raises(ValidationError, match="temporary number"):
        desk("account.move.line", "write", [line], {"matching_number": "I2"})
    answer = desk("account.move.line", "load", [".id", "matching_number"], [[line, "I2"]])
    assert (answer["ids"], "temporary number" in answer["messages"][0]["message"]) == (False, True)


EURO = 2  # 0.8 for a dollar


def test_a_foreign_invoice_is_booked_at_the_days_rate(desk: Desk) -> None:
    desk("res.currency.rate", "create", {"currency_id": EURO, "name": "2026-03-02", "rate": 0.5})
    invoice = desk.invoice(100, currency_id=EURO)
    line = desk.read("account.move.line", desk.open_line(invoice), "debit", "amount_currency", "amount_residual")
    assert (line["debit"], line["amount_currency"], line["amount_residual"]) == (200.0, 100.0, 200.0)
    row = desk.read("account.move", invoice, "amount_total", "amount_total_signed", "amount_residual")
    assert (row["amount_total"], row["amount_total_signed"], row["amount_residual"]) == (100.0, 200.0, 100.0)


def in_euros(desk: Desk, amount: float, balance: float) -> int:
    return desk.entry(
        {"account_id": CLEARING, "amount_currency": amount, "balance": balance, "currency_id": EURO},
        {"account_id": RECEIVABLE, "amount_currency": -amount, "balance": -balance, "currency_id": EURO},
    )


def test_euros_pay_euros_and_the_difference_is_booked(desk: Desk) -> None:
    invoice = desk.invoice(100, currency_id=EURO)  # 125.00 dollars
    desk.match(invoice, in_euros(desk, 60, 75))
    assert desk.paid(invoice) == ("partial", 40.0)
    desk.match(invoice, in_euros(desk, 40, 48))
    assert desk.paid(invoice) == ("paid", 0.0)
    (entry,) = desk.ids("account.move", [["journal_id.code", "=", "EXCH"]])
    loss = desk(
        "account.move.line", "search_read", [["move_id", "=", entry], ["debit", ">", 0]], ["account_id", "debit"]
    )
    assert [(line["account_id"][1], line["debit"]) for line in loss] == [("641000 Exchange losses", 2.0)]


def test_the_context_leaves_a_difference_alone(desk: Desk) -> None:
    invoice = desk.invoice(100, currency_id=EURO)
    desk.match(invoice, in_euros(desk, 100, 120), no_exchange_difference=True)
    assert desk.ids("account.move", [["journal_id.code", "=", "EXCH"]]) == []
    fields = ["amount_residual", "reconciled", "matching_number"]
    line = desk.read("account.move.line", desk.open_line(invoice), *fields)
    assert [line[field] for field in fields] == [5.0, False, "1"]


def test_inactive_currencies_are_not_found(desk: Desk) -> None:
    assert [row["name"] for row in desk("res.currency", "search_read", [], ["name"])] == ["USD", "EUR"]
