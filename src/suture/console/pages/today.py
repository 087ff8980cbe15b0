"""Today: how far the day came, what fell out on the way, and whether everything flows."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.console.funnel import slices
from suture.console.pages.page import Page
from suture.console.plot import day_bars, plot
from suture.console.progress import subject_link
from suture.console.request import PageRequest, cursor, place
from suture.store.journeys import FunnelStage
from suture.views.exception_groups import causes_of
from suture.views.interfaces import interfaces
from suture.views.today import of_stage, today, waits

_PAGE = 100


async def _today(request: PageRequest) -> Response:
    console = request.console
    database, now = console.base.database, console.base.clock.now()
    day = await today(database, now, console.zone)
    known = await interfaces(database, console.base.catalogue.interfaces)
    return await request.page(
        "today.html",
        day=day,
        slices=slices(day.funnel),
        plot=plot(day.postings, day.span, day.since, now),
        causes=causes_of(day.stuck),
        stuck_paths={subject_link(item) for item in day.stuck},
        interfaces=known,
        held_up=[one for one in known if not one.gate.flowing],
        objectives={one.interface: one for one in await console.objectives.get()},
        waits=await waits(database, now),
        days=day_bars(await console.days.get()),
    )


async def _stage(request: PageRequest) -> Response:
    """The journeys behind one figure of the day."""
    try:
        stage = FunnelStage(request.query("stage", FunnelStage.SEEN))
    except ValueError as error:
        raise HTTPException(404) from error
    console = request.console
    found = await of_stage(
        console.base.database,
        console.base.clock.now(),
        console.zone,
        stage,
        after=place(request.query("after")),
        most=_PAGE + 1,
    )
    shown, last = found.journeys[:_PAGE], found.journeys[_PAGE - 1 : _PAGE]
    more = cursor(last[0].updated_at, last[0].appointment) if found.journeys[_PAGE:] and last[0].updated_at else ""
    return await request.page("stage.html", found=found, journeys=shown, more=more)


PAGES = (Page("/", _today), Page("/journeys", _stage))
