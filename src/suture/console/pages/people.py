"""People and keys, and what waits for a second person."""

from starlette.responses import Response

from suture.access.roles import OF_PEOPLE, ROLES
from suture.commands import accounts, approvals, clients, subscriptions, table
from suture.console.pages.page import Page
from suture.console.request import PageRequest


async def _people(request: PageRequest) -> Response:
    context = request.context
    known, keys = await clients.listed(context)
    return await request.page(
        "people.html",
        people=await accounts.listed(context, request.actor()),
        clients=known,
        keys=keys,
        subscriptions=await subscriptions.listed(context),
        roles={name: ROLES[name] for name in OF_PEOPLE},
        scopes=clients.SCOPES,
    )


async def _approvals(request: PageRequest) -> Response:
    found = await approvals.listed(request.context)
    asked = [one for one in found if one.state == "asked"]
    return await request.page(
        "approvals.html",
        asked=asked,
        about={one.number: await approvals.about(request.context, one) for one in asked},
        decided=[one for one in found if one.state != "asked"],
        acts={name: command.acts for name, command in table.COMMANDS.items()},
        four_eyes=request.context.catalogue.four_eyes,
    )


PAGES = (Page("/people", _people, "people.read"), Page("/approvals", _approvals))
