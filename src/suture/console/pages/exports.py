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

    async def answer(ask: PageRequest) -> Response:
        kind = await ask.field("format")
        if kind not in _WRITERS:
            raise HTTPException(404)
        tables = await read(ask)
        content, media_type = await asyncio.to_thread(_WRITERS[kind], tables, ask.house.zone)
        ending = "zip" if kind == "csv" and len(tables) > 1 else kind
        day = ask.house.desk.clock.now().astimezone(ask.house.zone).date()
        called = f"{name.format(**ask.request.path_params)}-{day}.{ending}"
        return Response(
            content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{called}"'}
        )

    return answer


async def _exceptions(ask: PageRequest) -> list[ExportTable]:
    causes = await causes_of(ask.house.base.database)
    return await exports.queue(ask.house.desk, ask.actor(), exceptions.selection(ask, causes))


async def _differences(ask: PageRequest) -> list[ExportTable]:
    return await exports.differences(ask.house.desk, ask.actor(), reconciliation.selection(ask))


async def _trail(ask: PageRequest) -> list[ExportTable]:
    return await exports.trail(ask.house.desk, ask.actor(), audit.selection(ask))


async def _month(ask: PageRequest) -> list[ExportTable]:
    return await exports.month(ask.house.desk, ask.actor(), ask.path("month"))


PAGES = (
    Page("/exceptions/export", _file("exceptions", _exceptions), "table.export", "POST"),
    Page("/reconciliation/export", _file("differences", _differences), "table.export", "POST"),
    Page("/audit/export", _file("audit", _trail), "table.export", "POST"),
    Page("/close/{month}/export", _file("close-{month}", _month), "table.export", "POST"),
)
