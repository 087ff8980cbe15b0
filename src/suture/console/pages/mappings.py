"""Mappings: code tables with their history, and a message tried field by field."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.acting.actor import NotPossible
from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.views import code_tables, message_preview


async def _list(request: PageRequest) -> Response:
    return await request.page("mappings.html", tables=await code_tables.tables(request.context))


async def _table(request: PageRequest) -> Response:
    name = request.path("name")
    try:
        table = await code_tables.table(request.context, name)
    except NotPossible as error:
        raise HTTPException(404, f"There is no code table “{name}”.") from error
    services = sorted(service.code for service in request.context.catalogue.services)
    return await request.page("mapping.html", table=table, services=services)


async def _version(request: PageRequest) -> Response:
    """What differs between a version and now, and the way back to it."""
    name, version = request.path("name"), request.number("version")
    try:
        table = await code_tables.table(request.context, name)
        changes = await code_tables.diff(request.context, name, table.version, version)
    except NotPossible as error:
        raise HTTPException(404, str(error).capitalize() + ".") from error
    return await request.page("mapping_version.html", table=table, version=version, changes=changes)


async def _try(request: PageRequest) -> Response:
    return await _tried(request, "", "", None, "")


async def _trial(request: PageRequest) -> Response:
    """A message as it would be understood; nothing of it is kept, and it stands in no address."""
    interface, content = await request.field("interface"), await request.field("content")
    try:
        found, trouble = await message_preview.trial(request.context, interface, content), ""
    except NotPossible as error:
        found, trouble = None, str(error)
    return await _tried(request, interface, content, found, trouble)


async def _tried(
    request: PageRequest, interface: str, content: str, trial: message_preview.Trial | None, trouble: str
) -> Response:
    ways_in = [name for name, one in request.context.catalogue.interfaces.items() if one.direction == "in"]
    return await request.page(
        "trying.html", interfaces=ways_in, interface=interface, content=content, trial=trial, trouble=trouble
    )


PAGES = (
    Page("/mappings", _list),
    Page("/mappings/try", _try),
    Page("/mappings/try", _trial, method="POST"),
    Page("/mappings/{name}", _table),
    Page("/mappings/{name}/{version}", _version),
)
