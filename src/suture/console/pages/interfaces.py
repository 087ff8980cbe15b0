"""Interfaces: the catalogue rendered, and whether each flows as it should."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.console.pages.page import Page
from suture.console.plot import burn_bars
from suture.console.request import PageRequest
from suture.views.interfaces import interfaces, record, turned_away

_LOOKS_BACK = timedelta(days=30)


async def _list(ask: PageRequest) -> Response:
    house = ask.house
    return await ask.page(
        "interfaces.html",
        interfaces=await interfaces(house.base.database, house.base.catalogue.interfaces),
        objectives={one.interface: one for one in await house.objectives.get()},
    )


async def _one(ask: PageRequest) -> Response:
    house, name = ask.house, ask.path("name")
    known = house.base.catalogue.interfaces
    if name not in known:
        raise HTTPException(404, f"The catalogue has no interface “{name}”.")
    (one,) = await interfaces(house.base.database, {name: known[name]})
    objective = next((o for o in await house.objectives.get() if o.interface == name), None)
    return await ask.page(
        "interface.html",
        one=one,
        system=house.base.catalogue.systems[one.interface.system],
        objective=objective,
        burn=burn_bars(objective),
        told=await record(house.base.database, name, house.base.clock.now(), house.zone),
    )


async def _turned_away(ask: PageRequest) -> Response:
    """What was turned away at the door, why, and what came under an id that another content had."""
    house, name = ask.house, ask.query("interface")
    if name and name not in house.base.catalogue.interfaces:
        raise HTTPException(404, f"The catalogue has no interface “{name}”.")
    refusals, conflicts = await turned_away(house.base.database, house.base.clock.now() - _LOOKS_BACK, name)
    return await ask.page(
        "turned_away.html", refusals=refusals, conflicts=conflicts, interface=name, days=_LOOKS_BACK.days
    )


PAGES = (Page("/interfaces", _list), Page("/interfaces/{name}", _one), Page("/turned-away", _turned_away))
