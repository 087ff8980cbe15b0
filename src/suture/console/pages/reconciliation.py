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


async def _list(request: PageRequest) -> Response:
    context = request.context
    chosen = selection(request)
    found = await discrepancies.page(context.database, chosen, request.since("before"), _PAGE + 1)
    today = Days(context.catalogue).last_begun(context.clock.now())
    return await request.page(
        "reconciliation.html",
        chosen=chosen,
        states=_STATES,
        summary=await discrepancies.summary(context.database),
        found=found[:_PAGE],
        more=found[_PAGE - 1].number if len(found) > _PAGE else None,
        runs=await discrepancies.newest(context.database, 5),
        days=daily(await discrepancies.days(context.database, today - timedelta(days=_DAYS - 1), today)),
        rules={rule.name: rule for rule in context.catalogue.reconciliation.standing},
    )


def selection(request: PageRequest) -> DiscrepancySelection:
    """Which differences a list's address names."""
    state = request.query("state", "open")
    if state not in _STATES:
        raise HTTPException(404)
    return DiscrepancySelection(state=state, rule=request.query("rule"), owner=request.query("owner"))


async def _one(request: PageRequest) -> Response:
    number = request.number("number")
    try:
        told = await discrepancies.account(request.context, number)
    except NotPossible as error:
        raise HTTPException(404, f"There is no discrepancy {number}.") from error
    return await request.page("discrepancy.html", told=told, one=told.discrepancy)


PAGES = (Page("/reconciliation", _list), Page("/reconciliation/{number}", _one))
