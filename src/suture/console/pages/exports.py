"""What people take away: the lists that pages show, whole, as CSV or XLSX. They are sent as forms, since taking them is
written to the trail."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.console.pages import audit, exceptions, reconciliation
from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.console.spreadsheet import as_csv, as_xlsx
from suture.views import exports
from suture.views.exceptions import causes as causes_of
from suture.views.exports import ExportTable

_WRITERS = {"csv": as_csv, "xlsx": as_xlsx}


def _file(
    name: str, read: Callable[[PageRequest], Awaitable[list[ExportTable]]]
) -> Callable[[PageRequest], Awaitable[Response]]:
    """Answers the tables as a file in the form that was asked for; `name` may name parts of the path."""

    async def answer(request: PageRequest) -> Response:
        kind = await request.field("format")
        if kind not in _WRITERS:
            raise HTTPException(404)
        tables = await read(request)
        content, media_type = await asyncio.to_thread(_WRITERS[kind], tables, request.console.zone)
        ending = "zip" if kind == "csv" and len(tables) > 1 else kind
        day = request.context.clock.now().astimezone(request.console.zone).date()
        called = f"{name.format(**request.http.path_params)}-{day}.{ending}"
        return Response(
            content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{called}"'}
        )

    return answer


async def _exceptions(request: PageRequest) -> list[ExportTable]:
    causes = await causes_of(request.context.database)
    return await exports.queue(request.context, request.actor(), exceptions.selection(request, causes))


async def _differences(request: PageRequest) -> list[ExportTable]:
    return await exports.differences(request.context, request.actor(), reconciliation.selection(request))


async def _trail(request: PageRequest) -> list[ExportTable]:
    return await exports.trail(request.context, request.actor(), audit.selection(request))


async def _month(request: PageRequest) -> list[ExportTable]:
    return await exports.month(request.context, request.actor(), request.path("month"))


PAGES = (
    Page("/exceptions/export", _file("exceptions", _exceptions), "table.export", "POST"),
    Page("/reconciliation/export", _file("differences", _differences), "table.export", "POST"),
    Page("/audit/export", _file("audit", _trail), "table.export", "POST"),
    Page("/close/{month}/export", _file("close-{month}", _month), "table.export", "POST"),
)
