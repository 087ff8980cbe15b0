"""Interfaces: the catalogue rendered, and whether each flows as it should."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.console.pages.page import Page
from suture.console.plot import burn_bars
from suture.console.request import PageRequest
from suture.views.interfaces import interfaces, record, turned_away

_LOOKS_BACK = timedelta(days=30)


async def _list(request: PageRequest) -> Response:
    console = request.console
    return await request.page(
        "interfaces.html",
        interfaces=await interfaces(console.base.database, console.base.catalogue.interfaces),
        objectives={one.interface: one for one in await console.objectives.get()},
    )


async def _one(request: PageRequest) -> Response:
    console, name = request.console, request.path("name")
    known = console.base.catalogue.interfaces
    if name not in known:
        raise HTTPException(404, f"The catalogue has no interface “{name}”.")
    (one,) = await interfaces(console.base.database, {name: known[name]})
    objective = next((o for o in await console.objectives.get() if o.interface == name), None)
    return await request.page(
        "interface.html",
        one=one,
        system=console.base.catalogue.systems[one.interface.system],
        objective=objective,
        burn=burn_bars(objective),
        told=await record(console.base.database, name, console.base.clock.now(), console.zone),
    )


async def _turned_away(request: PageRequest) -> Response:
    """What was turned away at the door, why, and what came under an id that another content had."""
    console, name = request.console, request.query("interface")
    if name and name not in console.base.catalogue.interfaces:
        raise HTTPException(404, f"The catalogue has no interface “{name}”.")
    refusals, conflicts = await turned_away(console.base.database, console.base.clock.now() - _LOOKS_BACK, name)
    return await request.page(
        "turned_away.html", refusals=refusals, conflicts=conflicts, interface=name, days=_LOOKS_BACK.days
    )


PAGES = (Page("/interfaces", _list), Page("/interfaces/{name}", _one), Page("/turned-away", _turned_away))
