"""Mappings: code tables with their history, and a message tried field by field."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.acting.actor import NotPossible
from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.views import code_tables, message_preview


async def _list(ask: PageRequest) -> Response:
    return await ask.page("mappings.html", tables=await code_tables.tables(ask.house.desk))


async def _table(ask: PageRequest) -> Response:
    name = ask.path("name")
    try:
        table = await code_tables.table(ask.house.desk, name)
    except NotPossible as error:
        raise HTTPException(404, f"There is no code table “{name}”.") from error
    services = sorted(service.code for service in ask.house.base.catalogue.services)
    return await ask.page("mapping.html", table=table, services=services)


async def _version(ask: PageRequest) -> Response:
    """What differs between a version and now, and the way back to it."""
    name, version = ask.path("name"), ask.number("version")
    try:
        table = await code_tables.table(ask.house.desk, name)
        changes = await code_tables.diff(ask.house.desk, name, table.version, version)
    except NotPossible as error:
        raise HTTPException(404, str(error).capitalize() + ".") from error
    return await ask.page("mapping_version.html", table=table, version=version, changes=changes)


async def _try(ask: PageRequest) -> Response:
    return await _tried(ask, "", "", None, "")


async def _trial(ask: PageRequest) -> Response:
    """A message as it would be understood; nothing of it is kept, and it stands in no address."""
    interface, content = await ask.field("interface"), await ask.field("content")
    try:
        found, trouble = await message_preview.trial(ask.house.desk, interface, content), ""
    except NotPossible as error:
        found, trouble = None, str(error)
    return await _tried(ask, interface, content, found, trouble)


async def _tried(
    ask: PageRequest, interface: str, content: str, trial: message_preview.Trial | None, trouble: str
) -> Response:
    ways_in = [name for name, one in ask.house.base.catalogue.interfaces.items() if one.direction == "in"]
    return await ask.page(
        "trying.html", interfaces=ways_in, interface=interface, content=content, trial=trial, trouble=trouble
    )


PAGES = (
    Page("/mappings", _list),
    Page("/mappings/try", _try),
    Page("/mappings/try", _trial, method="POST"),
    Page("/mappings/{name}", _table),
    Page("/mappings/{name}/{version}", _version),
)
