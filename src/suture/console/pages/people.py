"""People and keys, and what waits for a second person."""

from starlette.responses import Response

from suture.access.roles import OF_PEOPLE, ROLES
from suture.commands import accounts, approvals, clients, subscriptions, table
from suture.console.pages.page import Page
from suture.console.request import PageRequest


async def _people(ask: PageRequest) -> Response:
    desk = ask.house.desk
    known, keys = await clients.listed(desk)
    return await ask.page(
        "people.html",
        people=await accounts.listed(desk, ask.actor()),
        clients=known,
        keys=keys,
        subscriptions=await subscriptions.listed(desk),
        roles={name: ROLES[name] for name in OF_PEOPLE},
        scopes=clients.SCOPES,
    )


async def _approvals(ask: PageRequest) -> Response:
    found = await approvals.listed(ask.house.desk)
    asked = [one for one in found if one.state == "asked"]
    return await ask.page(
        "approvals.html",
        asked=asked,
        about={one.number: await approvals.about(ask.house.desk, one) for one in asked},
        decided=[one for one in found if one.state != "asked"],
        acts={name: command.acts for name, command in table.COMMANDS.items()},
        four_eyes=ask.house.base.catalogue.four_eyes,
    )


PAGES = (Page("/people", _people, "people.read"), Page("/approvals", _approvals))
