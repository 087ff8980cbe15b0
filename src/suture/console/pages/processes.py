"""Processes: what is under way, what waits and why, and one with its steps."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.acting.actor import NotPossible
from suture.commands.process_commands import EFFECTS
from suture.console.pages.page import Page
from suture.console.progress import process_steps
from suture.console.request import PageRequest, cursor, place
from suture.views import processes
from suture.views.journey import in_order

_PAGE = 50
_STATES = ("", "running", "waiting", "parked", "stuck", "compensating", "done", "compensated", "cancelled")


async def _list(request: PageRequest) -> Response:
    state, definition = request.query("state"), request.query("definition")
    if state not in _STATES or (definition and definition not in EFFECTS):
        raise HTTPException(404)
    database = request.context.database
    found = await processes.page(database, state, definition, place(request.query("after")), _PAGE + 1)
    shown = found[:_PAGE]
    return await request.page(
        "processes.html",
        processes=shown,
        unsettled=await processes.unsettled(database),
        state=state,
        definition=definition,
        states=_STATES,
        definitions=sorted(EFFECTS),
        more=cursor(shown[-1].started_at, shown[-1].key) if len(found) > _PAGE else "",
    )


async def _one(request: PageRequest) -> Response:
    key = request.path("key")
    try:
        told = await processes.process(request.context.database, key)
    except NotPossible as error:
        raise HTTPException(404, f"There is no process {key}.") from error
    process = told.process
    effects = EFFECTS.get(process.definition, frozenset())
    return await request.page(
        "process.html",
        told=told,
        process=process,
        steps=process_steps(process),
        written=[n for n, record in in_order(process) if n in effects and record.state in ("done", "begun")],
    )


PAGES = (Page("/processes", _list), Page("/processes/{key:path}", _one))
