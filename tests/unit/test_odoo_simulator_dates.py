"""On which day a document is booked, and under what name: lock dates, vendor bills, futures, sequences."""

import pytest

from suture_lab.simulators.odoo.errors import OdooUserError, RedirectWarning, ValidationError
from suture_lab.simulators.odoo.numbers import numbered

from .test_odoo_simulator import Desk, desk

__all__ = ["desk"]

LOCKED = "2026-01-31"
DATED = "2026-01-15"


def booked(desk: Desk, move: int) -> tuple[str, str]:
    row = desk.read("account.move", move, "date", "name")
    return row["date"], row["name"]


def lock(desk: Desk, **until: str | bool) -> None:
    desk("res.company", "write", [1], until)


LOCKS = [
    # what is locked, versions, and what happens to an invoice, an entry and a bill of January
    ("fiscalyear_lock_date", (17, 19), ("2026-03-10", "2026-02-28", "2026-02-28")),
    ("period_lock_date", (17,), ("2026-03-10", "2026-02-28", "2026-02-28")),
    ("hard_lock_date", (19,), ("2026-03-10", "2026-02-28", "2026-02-28")),
    ("sale_lock_date", (19,), ("2026-03-10", DATED, LOCKED)),
    ("purchase_lock_date", (19,), (DATED, DATED, "2026-02-28")),
    ("tax_lock_date", (17, 19), (DATED, DATED, LOCKED)),
]


@pytest.mark.parametrize(("field", "versions", "days"), LOCKS)
def test_what_is_locked_is_posted_later_without_a_word(
    desk: Desk, field: str, versions: tuple[int, ...], days: tuple[str, str, str]
) -> None:
    if desk.version not in versions:
        return
    desk.invoice()  # the journal counts by years
    lock(desk, **{field: LOCKED})
    moves = [
        desk.invoice(invoice_date=DATED),
        desk.paying(5, date=DATED, journal_id=desk.ids("account.journal", [["code", "=", "MISC"]])[0]),
        desk.invoice(kind="in_invoice", invoice_date=DATED),
    ]
    assert tuple(booked(desk, move)[0] for move in moves) == days
    assert desk.read("account.move", moves[0], "invoice_date")["invoice_date"] == DATED


def test_a_tax_lock_is_for_what_is_taxed(desk: Desk) -> None:
    desk.invoice()
    lock(desk, tax_lock_date=LOCKED)
    taxed = desk.invoice({"price_unit": 1, "tax_ids": [desk.tax(10)]}, invoice_date=DATED)
    assert booked(desk, taxed)[0] == "2026-03-10"


def test_a_draft_keeps_its_day_until_it_is_posted(desk: Desk) -> None:
    lock(desk, fiscalyear_lock_date=LOCKED)
    assert booked(desk, desk.invoice(invoice_date=DATED, posted=False))[0] == DATED


def test_what_is_locked_stays_posted(desk: Desk) -> None:
    entry = desk.paying(5, date=DATED)
    lock(desk, fiscalyear_lock_date=LOCKED)
    with pytest.raises(OdooUserError, match="lock date"):
        desk("account.move", "button_draft", [entry])


def test_locks_of_one_company_are_no_others(desk: Desk) -> None:
    lock(desk, fiscalyear_lock_date=LOCKED)
    desk.companies = [2]
    assert booked(desk, desk.invoice(invoice_date=DATED))[0] == DATED


def test_17_closes_no_period_with_drafts(desk: Desk) -> None:
    desk.invoice(invoice_date=DATED, posted=False)
    if desk.version == 17:
        with pytest.raises(RedirectWarning):
            lock(desk, fiscalyear_lock_date=LOCKED)
    else:
        lock(desk, fiscalyear_lock_date=LOCKED)


def test_19_opens_nothing_that_was_closed_for_good(desk: Desk) -> None:
    if desk.version == 19:
        lock(desk, hard_lock_date=LOCKED)
        row = desk.read("res.company", 1, "user_hard_lock_date", "user_sale_lock_date")
        assert (row["user_hard_lock_date"], row["user_sale_lock_date"]) == (LOCKED, "1-01-01")
        with pytest.raises(OdooUserError, match="cannot be removed"):
            lock(desk, hard_lock_date=False)


def test_a_bill_is_booked_at_its_months_end_or_today(desk: Desk) -> None:
    days = {
        day: booked(desk, desk.invoice(kind="in_invoice", invoice_date=day))[0] for day in ("2025-12-03", "2026-03-02")
    }
    assert days == {"2025-12-03": "2025-12-31", "2026-03-02": "2026-03-10"}


def test_the_future_is_posted_at_once_unless_it_was_scheduled(desk: Desk) -> None:
    soon = "2026-04-20"
    assert booked(desk, desk.invoice(invoice_date=soon))[0] == soon
    with pytest.raises(OdooUserError, match="auto-posted on"):
        desk.paying(5, date=soon, auto_post="at_date")
    assert (
        desk.read("account.move", desk.paying(5, auto_post="at_date", date="2026-03-01"), "state")["state"] == "posted"
    )


def test_names_count_by_year_or_month(desk: Desk) -> None:
    """Sales, bank and cash by year, all others by month; a period that is over goes on counting."""
    bank = desk.ids("account.journal", [["code", "=", "BNK1"]])[0]
    moves = [
        *(desk.invoice(invoice_date=day) for day in ("2026-03-02", "2025-05-05", "2026-01-05", "2025-06-06")),
        *(desk.paying(1, date=day) for day in ("2026-03-02", "2026-02-02", "2026-03-03")),
        desk.paying(1, journal_id=bank),
    ]
    assert [booked(desk, move)[1] for move in moves] == [
        *("INV/2026/00001", "INV/2025/00001", "INV/2026/00002", "INV/2025/00002"),
        *("MISC/2026/03/0001", "MISC/2026/02/0001", "MISC/2026/03/0002"),
        "BNK1/2026/00001",
    ]


def test_17_names_the_first_draft_of_a_period(desk: Desk) -> None:
    names = [booked(desk, desk.invoice(posted=False))[1] for _ in range(2)]
    assert names == (["INV/2026/00001", "/"] if desk.version == 17 else [False, False])
    assert booked(desk, desk.invoice())[1] == ("INV/2026/00002" if desk.version == 17 else "INV/2026/00001")


def test_a_deleted_last_number_is_given_again(desk: Desk) -> None:
    desk.invoice()
    last = desk.invoice()
    desk("account.move", "button_draft", [last])
    desk("account.move", "unlink", [last])
    assert booked(desk, desk.invoice())[1] == "INV/2026/00002"


def test_resetting_to_draft_keeps_the_number_and_undoes_matches(desk: Desk) -> None:
    invoice = desk.invoice()
    desk.match(invoice, desk.paying(100))
    desk("account.move", "button_draft", [invoice])
    assert (booked(desk, invoice)[1], desk.paid(invoice)) == ("INV/2026/00001", ("not_paid", 100.0))
    desk("account.move", "button_cancel", [invoice])
    assert desk.read("account.move", invoice, "state")["state"] == "cancel"


def test_first_drafts_that_come_at_once_get_one_number_on_17_and_one_of_them_is_posted(desk: Desk) -> None:
    unnumbered = numbered(desk.db)
    bot, values = (
        desk.db.users["bot"],
        {"move_type": "out_invoice", "invoice_date": DATED, "partner_id": desk.partner()},
    )
    line = {"invoice_line_ids": [(0, 0, {"name": "Visit", "price_unit": 1})]}
    first, second = (
        desk.server.run(bot, "account.move", "create", [values | line], {}, numbers=unnumbered) for _ in range(2)
    )
    names = [desk.read("account.move", move, "name")["name"] for move in (first, second)]
    assert names == (["INV/2026/00001"] * 2 if desk.version == 17 else [False] * 2)
    desk("account.move", "action_post", [first])
    if desk.version == 17:
        with pytest.raises(ValidationError):
            desk("account.move", "action_post", [second])
        desk("account.move", "write", [second], {"name": "/"})
    desk("account.move", "action_post", [second])
    assert booked(desk, second) == (DATED, "INV/2026/00002")
