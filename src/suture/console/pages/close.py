"""The month-end close: which months are open, how far a close is, who signed, and its report."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from suture.acting.actor import NotPossible
from suture.commands import month_end
from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.processes.definitions.month_end_close import DEFINITION
from suture.views import month_close
from suture.views.report import MOST, CloseReport, gather, page

_STEPS = tuple(step.name for step in DEFINITION.leaves())


async def _list(request: PageRequest) -> Response:
    today = request.context.clock.now().astimezone(request.console.zone).date()
    last = f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
    months = await month_close.months(request.context)
    standing = {one.month: one.state for one in months}
    return await request.page("close.html", months=months, last=last, standing=standing.get(last, "open"))


async def _month(request: PageRequest) -> Response:
    """How far it is; and while it is to be signed, the figures that one signs."""
    month = request.path("month")
    try:
        told = await month_close.status(request.context, month)
    except NotPossible as error:
        raise HTTPException(404, str(error)) from error
    figures = await gather(request.context, month) if told.stage in month_end.SIGNING else None
    return await request.page("close_month.html", told=told, steps=_STEPS, figures=figures, most=MOST)


async def _report(request: PageRequest) -> Response:
    """The report as it is kept: a document of its own, with its styles in it."""
    report = await reported(request)
    response = HTMLResponse(page(report, request.console.zone))
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response


async def reported(request: PageRequest) -> CloseReport:
    """The report of the month that a page's path names."""
    try:
        return await gather(request.context, request.path("month"))
    except NotPossible as error:
        raise HTTPException(404, str(error)) from error


PAGES = (Page("/close", _list), Page("/close/{month}", _month), Page("/close/{month}/report", _report))
