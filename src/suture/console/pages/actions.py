"""What people do: each command comes in by its name, and is allowed, or kept for a second person, in `commands`."""

from typing import Any, get_origin

import msgspec
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.acting.actor import NotAllowed, NotPossible
from suture.commands import approvals
from suture.commands.table import COMMANDS, Done
from suture.console.formats import said
from suture.console.pages.page import Page
from suture.console.request import PageRequest, fields, number, ours
from suture.core.failure import Failure

_APPROVALS = "/approvals"


async def _do(request: PageRequest) -> Response:
    """Do a command with a form's fields, then back to where it was sent from, with what came of it."""
    name = request.path("command")
    if name not in COMMANDS or not COMMANDS[name].form:
        raise HTTPException(404)
    back = await request.field("back")
    actor = request.actor(await request.field("reason"))
    try:
        arguments = _arguments(await request.form(), COMMANDS[name].takes)
        done = await approvals.perform(request.console.repair_context(), actor, name, arguments)
    except NotAllowed as error:
        raise HTTPException(403, said(error)) from error
    except NotPossible as error:
        return await request.back(back, said(error), bad=True)
    except Failure as failure:
        words = f"It was not done: {said(failure.message)} {failure.remedy}"
        return await request.back(back, words.strip(), bad=True)
    onward = (await request.field("onward")).replace(
        "{month}", await request.field("month")
    )  # where what was begun is seen
    return await _told(request, done, onward or back)


async def _decide(request: PageRequest) -> Response:
    """Approve or refuse what another asked for."""
    asked, what = number(await request.field("number")), request.path("what")
    if what not in ("approve", "refuse") or asked is None:
        raise HTTPException(404)
    actor = request.actor(await request.field("reason"))
    try:
        if what == "refuse":
            await approvals.refuse(request.context, actor, asked)
            return await request.back(_APPROVALS, f"No. {asked} was refused.")
        done = await approvals.approve(request.console.repair_context(), actor, asked)
    except NotAllowed as error:
        raise HTTPException(403, said(error)) from error
    except NotPossible as error:
        return await request.back(_APPROVALS, said(error), bad=True)
    return await _told(request, done, _APPROVALS)


async def _told(request: PageRequest, done: Done, back: str) -> Response:
    """What came of it. A secret is shown once, on a page of its own, and kept nowhere."""
    if not done.secret:
        return await request.back(back, said(done.words))
    secret = f"{request.console.address}/invitations/{done.secret}" if done.purpose == "invitation" else done.secret
    return await request.page("secret.html", done=done, secret=secret, back=ours(back))


def _arguments(form: FormData, takes: type[msgspec.Struct]) -> msgspec.Struct:
    several = {field.name: get_origin(field.type) is tuple for field in msgspec.structs.fields(takes)}
    told: dict[str, Any] = fields(form, several)
    try:
        return msgspec.convert(told, takes, strict=False)
    except msgspec.ValidationError as error:
        raise NotPossible(f"the form can't be used: {error}") from error


PAGES = (
    Page("/do/{command}", _do, method="POST"),
    Page("/approvals/{what}", _decide, method="POST"),
)
