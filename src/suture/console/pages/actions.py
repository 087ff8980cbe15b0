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


async def _do(ask: PageRequest) -> Response:
    """Do a command with a form's fields, then back to where it was sent from, with what came of it."""
    name = ask.path("command")
    if name not in COMMANDS:
        raise HTTPException(404)
    back = await ask.field("back")
    actor = ask.actor(await ask.field("reason"))
    try:
        arguments = _arguments(await ask.form(), COMMANDS[name].takes)
        done = await approvals.perform(ask.house.bench(), actor, name, arguments)
    except NotAllowed as error:
        raise HTTPException(403, said(error)) from error
    except NotPossible as error:
        return await ask.back(back, said(error), bad=True)
    except Failure as failure:
        words = f"It was not done: {said(failure.message)} {failure.remedy}"
        return await ask.back(back, words.strip(), bad=True)
    onward = (await ask.field("onward")).replace("{month}", await ask.field("month"))  # where what was begun is seen
    return await _told(ask, done, onward or back)


async def _decide(ask: PageRequest) -> Response:
    """Approve or refuse what another asked for."""
    asked, what = number(await ask.field("number")), ask.path("what")
    if what not in ("approve", "refuse") or asked is None:
        raise HTTPException(404)
    actor = ask.actor(await ask.field("reason"))
    try:
        if what == "refuse":
            await approvals.refuse(ask.house.desk, actor, asked)
            return await ask.back(_APPROVALS, f"No. {asked} was refused.")
        done = await approvals.approve(ask.house.bench(), actor, asked)
    except NotAllowed as error:
        raise HTTPException(403, said(error)) from error
    except NotPossible as error:
        return await ask.back(_APPROVALS, said(error), bad=True)
    return await _told(ask, done, _APPROVALS)


async def _told(ask: PageRequest, done: Done, back: str) -> Response:
    """What came of it. A secret is shown once, on a page of its own, and kept nowhere."""
    if not done.secret:
        return await ask.back(back, said(done.words))
    secret = f"{ask.house.address}/invitations/{done.secret}" if done.purpose == "invitation" else done.secret
    return await ask.page("secret.html", done=done, secret=secret, back=ours(back))


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
