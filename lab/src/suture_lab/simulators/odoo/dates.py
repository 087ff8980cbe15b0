"""When a document is booked: lock dates, and where Odoo moves a date that one of them forbids."""

from calendar import monthrange
from datetime import date, timedelta

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.documents import PURCHASES, SALES, lines_of
from suture_lab.simulators.odoo.numbers import is_monthly
from suture_lab.simulators.odoo.store import Row

_ALWAYS = ("fiscalyear_lock_date", "period_lock_date", "hard_lock_date")


def locked_until(env: Call, move: Row) -> date:
    """The last day that the company's lock dates forbid to a move (`res.company`). The period's lock date of 17 binds
    all but accounting's administrators, and so the integration's user."""
    company = env.db.row("res.company", move["company_id"])
    journal = env.db.row("account.journal", move["journal_id"])["type"]
    names = [*_ALWAYS, *(f"{kind}_lock_date" for kind in ("sale", "purchase") if kind == journal)]
    if any(line.get("tax_ids") or line.get("tax_line_id") for line in lines_of(env, move)):
        names.append("tax_lock_date")
    return max((date.fromisoformat(company[name]) for name in names if company.get(name)), default=date.min)


def accounting_date(env: Call, move: Row, day: date) -> date:
    """The day that Odoo books a document on which is dated `day`.

    Without a word it is the first free day's period's end, a month or a year as the journal counts, but not after
    today. A vendor bill, and what was locked of other entries, goes to its month's end or, in this month, to today.
    """
    locked = locked_until(env, move)
    free = day if day > locked else locked + timedelta(days=1)
    monthly = is_monthly(env, move)
    if move["move_type"] in SALES:
        if day > locked:
            return day
        return min(env.today, _month_end(free) if monthly else date(free.year, 12, 31))
    if monthly:
        past = (env.today.year, env.today.month) > (free.year, free.month)
        return _month_end(free) if past else max(free, env.today)
    return date(free.year, 12, 31) if env.today.year > free.year else max(free, env.today)


def drafted_on(env: Call, move: Row) -> date:
    """A draft's accounting date: an invoice's own, a bill's by the rule above."""
    if not move.get("invoice_date"):
        return date.fromisoformat(move["date"])
    day = date.fromisoformat(move["invoice_date"])
    return accounting_date(env, move, day) if move["move_type"] in PURCHASES else day


def posted_on(env: Call, move: Row) -> date:
    """The day a draft is posted on: its own, unless it is locked."""
    day = date.fromisoformat(move["date"])
    if day > locked_until(env, move):
        return day
    return accounting_date(env, move, date.fromisoformat(move.get("invoice_date") or move["date"]))


def _month_end(day: date) -> date:
    return date(day.year, day.month, monthrange(day.year, day.month)[1])
