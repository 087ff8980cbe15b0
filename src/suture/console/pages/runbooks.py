"""Runbooks: what to do about a class of exceptions. They ask no database: they are needed most when one is away."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.console.runbook_pages import read
from suture.views.runbook import CLASSES


async def _runbook(request: PageRequest) -> Response:
    name = request.path("name")
    if name not in CLASSES:
        raise HTTPException(404, f"There is no class of exceptions “{name}”; there are {', '.join(CLASSES)}.")
    return await request.page("runbook.html", name=name, classes=CLASSES, chapter=read(name))


PAGES = (Page("/runbooks/{name}", _runbook, public=True),)
