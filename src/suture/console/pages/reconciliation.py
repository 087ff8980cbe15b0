"""Reconciliation: what differs between the sides, by rule, by day, and one by one with the evidence of both."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.acting.actor import NotPossible
from suture.catalogue.days import Days
from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.store.discrepancies import DiscrepancySelection
from suture.views import discrepancies
from suture.views.daily import daily

_PAGE = 50
_DAYS = 14
_STATES = ("open", "repaired", "accepted")


async def _list(ask: PageRequest) -> Response:
    desk = ask.house.desk
    chosen = selection(ask)
    found = await discrepancies.page(desk.database, chosen, ask.since("before"), _PAGE + 1)
    today = Days(desk.catalogue).last_begun(desk.clock.now())
    return await ask.page(
        "reconciliation.html",
        chosen=chosen,
        states=_STATES,
        summary=await discrepancies.summary(desk.database),
        found=found[:_PAGE],
        more=found[_PAGE - 1].number if len(found) > _PAGE else None,
        runs=await discrepancies.newest(desk.database, 5),
        days=daily(await discrepancies.days(desk.database, today - timedelta(days=_DAYS - 1), today)),
        rules={rule.name: rule for rule in desk.catalogue.reconciliation.standing},
    )


def selection(ask: PageRequest) -> DiscrepancySelection:
    """Which differences a list's address names."""
    state = ask.query("state", "open")
    if state not in _STATES:
        raise HTTPException(404)
    return DiscrepancySelection(state=state, rule=ask.query("rule"), owner=ask.query("owner"))


async def _one(ask: PageRequest) -> Response:
    number = ask.number("number")
    try:
        told = await discrepancies.account(ask.house.desk, number)
    except NotPossible as error:
        raise HTTPException(404, f"There is no discrepancy {number}.") from error
    return await ask.page("discrepancy.html", told=told, one=told.discrepancy)


PAGES = (Page("/reconciliation", _list), Page("/reconciliation/{number}", _one))
