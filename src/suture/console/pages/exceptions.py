"""The exception queue: by cause, or one by one; and one exception with all that helps to decide."""

from collections.abc import Sequence
from datetime import datetime
from difflib import unified_diff

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from suture.acting.actor import NotPossible
from suture.commands import accounts, exception_queue
from suture.commands.process_commands import EFFECTS
from suture.commands.remedies import Offer, offers
from suture.console import payload
from suture.console.pages.page import Page
from suture.console.request import PageRequest, cursor, number, place
from suture.store.exceptions import Cause, ExceptionSelection, OpenException
from suture.views import exceptions
from suture.views.journey import in_order
from suture.views.runbook import CLASSES, codes_of

_PAGE = 100
_STATES = ("open", "resolved", "discarded")


async def _list(request: PageRequest) -> Response:
    context, causes = request.context, await exceptions.causes(request.context.database)
    chosen, cause = selection(request, causes), _cause(request, causes)
    found = await exceptions.page(context.database, chosen, _place(request), _PAGE + 1)
    shown = found[:_PAGE]
    return await request.page(
        "exceptions.html",
        chosen=chosen,
        chosen_class=request.query("class"),
        exceptions=shown,
        causes=causes,
        cause=cause,
        offers=await _offers(request, shown) if cause else [],
        unmapped=exceptions.unmapped(shown[0]) if cause and shown else None,
        services=context.catalogue.services,
        stakes=await exceptions.at_stake(context.database, shown),
        more=cursor(shown[-1].opened_at, shown[-1].number) if len(found) > _PAGE else "",
        classes=CLASSES,
        states=_STATES,
        people=await accounts.names(context),
        rest={name: value for name, value in request.http.query_params.items() if name != "after"},
    )


async def _offers(request: PageRequest, alike: list[OpenException]) -> list[Offer]:
    """What is offered for exceptions of one cause that are open."""
    stewards = (await request.console.holders.get()).get("steward", [])
    asker = request.visitor.name if request.visitor else ""
    return offers(alike, stewards, asker) if alike and alike[0].state == "open" else []


async def _one(request: PageRequest) -> Response:
    told = await _account(request)
    context, one = request.context, told.exception
    stakes = await exceptions.at_stake(context.database, [one])
    written = [
        name
        for name, record in (in_order(told.process) if told.process else ())
        if name in EFFECTS.get(told.process.definition if told.process else "", ())
        and record.state in ("done", "begun")
    ]
    forecast = await exception_queue.forecast_retry(context, ExceptionSelection(numbers=(one.number,)))
    return await request.page(
        "exception.html",
        told=told,
        offers=await _offers(request, [one]),
        forecast=forecast[0][1:] if forecast else ("", False),
        one=one,
        stake=stakes.get(one.number),
        unmapped=exceptions.unmapped(one),
        written=written,
        services=context.catalogue.services,
        people=await accounts.names(context),
    )


async def _payload(request: PageRequest) -> Response:
    """What the delivery said, to be corrected. Reading it is an act, with a reason."""
    number = request.number("number")
    reason = (await request.field("reason")).strip()
    content = await exceptions.payload(request.context, request.actor(reason), number)
    text = content.decode(errors="replace")
    return await request.page("correct.html", number=number, content=text, leaves=payload.fields(text), reason=reason)


async def _preview_payload(request: PageRequest) -> Response:
    """What a correction changes, and what would come of it."""
    number, before = request.number("number"), (await request.field("original")).replace("\r\n", "\n")
    content = await request.field("content") if await request.field("whole") else await _by_field(request, before)
    try:
        words, fits = (
            await exception_queue.preview_payload(request.context, request.actor(), number, content.encode()),
            True,
        )
    except NotPossible as error:
        words, fits = str(error), False
    lines = list(unified_diff(before.splitlines(), content.replace("\r\n", "\n").splitlines(), lineterm="", n=1))[2:]
    return await request.page(
        "preview_payload.html",
        number=number,
        lines=lines,
        changed=payload.changes(before, content),
        words=words,
        fits=fits,
        content=content,
    )


async def _by_field(request: PageRequest, before: str) -> str:
    """The payload with the fields as a form has them."""
    form = await request.form()
    told = {name.removeprefix("field:"): str(value) for name, value in form.items() if name.startswith("field:")}
    try:
        return payload.corrected(before, told)
    except ValueError as error:
        raise NotPossible("what was delivered is not JSON: correct it as a whole") from error


async def _preview_codes(request: PageRequest) -> Response:
    """What a new row of the code table would come to, for every exception that lacks it."""
    source, code = await request.field("source"), await request.field("code")
    try:
        forecasts, trouble = await exception_queue.preview_codes(request.context, {source: code}), ""
    except NotPossible as error:
        forecasts, trouble = [], str(error)
    return await request.page(
        "preview_codes.html",
        source=source,
        code=code,
        forecasts=forecasts,
        trouble=trouble,
        back=await request.field("back"),
    )


async def _chosen(request: PageRequest) -> Response:
    """A dry run of what is to be done with several: what would come of each."""
    form = await request.form()
    chosen = (number(str(one)) for one in form.getlist("numbers"))
    numbers = tuple(one for one in chosen if one is not None)
    what = str(form.get("what", "retry"))
    if not numbers:
        return await request.back(await request.field("back"), "Choose at least one exception first.", bad=True)
    context, selection = request.context, ExceptionSelection(numbers=numbers)
    forecast = await exception_queue.forecast_retry(context, selection) if what == "retry" else []
    return await request.page(
        "chosen.html",
        what=what,
        numbers=numbers,
        forecast=forecast,
        chosen=await exceptions.queue(context.database, selection, len(numbers)),
        people=await accounts.names(context),
        back=await request.field("back"),
    )


async def _stuck(_: PageRequest) -> Response:
    """Where the queue was before."""
    return RedirectResponse("/exceptions", 308)


async def _account(request: PageRequest) -> exceptions.ExceptionAccount:
    try:
        return await exceptions.account(request.context.database, request.number("number"))
    except NotPossible as error:
        raise HTTPException(404, f"There is no exception {request.path('number')}.") from error


def _place(request: PageRequest) -> tuple[datetime, int] | None:
    found = place(request.query("after"))
    key = number(found[1]) if found else None
    return (found[0], key) if found and key is not None else None


def _cause(request: PageRequest, causes: Sequence[Cause]) -> Cause | None:
    """The cause that a list's address names."""
    return next((one for one in causes if one.key == request.query("cause")), None)


def selection(request: PageRequest, causes: Sequence[Cause]) -> ExceptionSelection:
    """Which exceptions a list's address names; of a cause that there is no more, none."""
    if request.query("cause"):
        cause = _cause(request, causes)
        if cause is None:
            return ExceptionSelection(code="-")
        return ExceptionSelection(
            code=cause.code, owner=cause.owner, interface=cause.interface or "", reason=cause.reason
        )
    state, name = request.query("state", "open"), request.query("class")
    if state not in _STATES or (name and name not in CLASSES):
        raise HTTPException(404)
    codes, others = codes_of(name) if name else ((), ())
    return ExceptionSelection(
        state=state,
        code=request.query("code"),
        codes=codes,
        except_codes=others,
        owner=request.query("owner"),
        assignee=request.query("assignee"),
        interface=request.query("interface"),
    )


PAGES = (
    Page("/exceptions", _list),
    Page("/exceptions/chosen", _chosen, method="POST"),
    Page("/exceptions/codes", _preview_codes, "codes.correct", "POST"),
    Page("/exceptions/{number}", _one),
    Page("/exceptions/{number}/payload", _payload, "payload.read", "POST"),
    Page("/exceptions/{number}/payload/preview", _preview_payload, "payload.correct", "POST"),
    Page("/stuck", _stuck),
)
