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


async def _list(ask: PageRequest) -> Response:
    desk, causes = ask.house.desk, await exceptions.causes(ask.house.base.database)
    chosen, cause = selection(ask, causes), _cause(ask, causes)
    found = await exceptions.page(desk.database, chosen, _place(ask), _PAGE + 1)
    shown = found[:_PAGE]
    return await ask.page(
        "exceptions.html",
        chosen=chosen,
        chosen_class=ask.query("class"),
        exceptions=shown,
        causes=causes,
        cause=cause,
        offers=await _offers(ask, shown) if cause else [],
        unmapped=exceptions.unmapped(shown[0]) if cause and shown else None,
        services=desk.catalogue.services,
        stakes=await exceptions.at_stake(desk.database, shown),
        more=cursor(shown[-1].opened_at, shown[-1].number) if len(found) > _PAGE else "",
        classes=CLASSES,
        states=_STATES,
        people=await accounts.names(desk),
        rest={name: value for name, value in ask.request.query_params.items() if name != "after"},
    )


async def _offers(ask: PageRequest, alike: list[OpenException]) -> list[Offer]:
    """What is offered for exceptions of one cause that are open."""
    stewards = (await ask.house.holders.get()).get("steward", [])
    asker = ask.visitor.name if ask.visitor else ""
    return offers(alike, stewards, asker) if alike and alike[0].state == "open" else []


async def _one(ask: PageRequest) -> Response:
    told = await _account(ask)
    desk, one = ask.house.desk, told.exception
    stakes = await exceptions.at_stake(desk.database, [one])
    written = [
        name
        for name, record in (in_order(told.process) if told.process else ())
        if name in EFFECTS.get(told.process.definition if told.process else "", ())
        and record.state in ("done", "begun")
    ]
    forecast = await exception_queue.forecast_retry(desk, ExceptionSelection(numbers=(one.number,)))
    return await ask.page(
        "exception.html",
        told=told,
        offers=await _offers(ask, [one]),
        forecast=forecast[0][1:] if forecast else ("", False),
        one=one,
        stake=stakes.get(one.number),
        unmapped=exceptions.unmapped(one),
        written=written,
        services=desk.catalogue.services,
        people=await accounts.names(desk),
    )


async def _payload(ask: PageRequest) -> Response:
    """What the delivery said, to be corrected. Reading it is an act, with a reason."""
    number = ask.number("number")
    reason = (await ask.field("reason")).strip()
    if not reason:
        raise NotPossible("say why you read it: it is patient data, and your reason stands in the audit trail")
    content = await exceptions.payload(ask.house.desk, ask.actor(reason), number)
    text = content.decode(errors="replace")
    return await ask.page("correct.html", number=number, content=text, leaves=payload.fields(text), reason=reason)


async def _preview_payload(ask: PageRequest) -> Response:
    """What a correction changes, and what would come of it."""
    number, before = ask.number("number"), (await ask.field("original")).replace("\r\n", "\n")
    content = await ask.field("content") if await ask.field("whole") else await _by_field(ask, before)
    try:
        words, fits = await exception_queue.preview_payload(ask.house.desk, ask.actor(), number, content.encode()), True
    except NotPossible as error:
        words, fits = str(error), False
    lines = list(unified_diff(before.splitlines(), content.replace("\r\n", "\n").splitlines(), lineterm="", n=1))[2:]
    return await ask.page(
        "preview_payload.html",
        number=number,
        lines=lines,
        changed=payload.changes(before, content),
        words=words,
        fits=fits,
        content=content,
    )


async def _by_field(ask: PageRequest, before: str) -> str:
    """The payload with the fields as a form has them."""
    form = await ask.form()
    told = {name.removeprefix("field:"): str(value) for name, value in form.items() if name.startswith("field:")}
    try:
        return payload.corrected(before, told)
    except ValueError as error:
        raise NotPossible("what was delivered is not JSON: correct it as a whole") from error


async def _preview_codes(ask: PageRequest) -> Response:
    """What a new row of the code table would come to, for every exception that lacks it."""
    source, code = await ask.field("source"), await ask.field("code")
    try:
        forecasts, trouble = await exception_queue.preview_codes(ask.house.desk, {source: code}), ""
    except NotPossible as error:
        forecasts, trouble = [], str(error)
    return await ask.page(
        "preview_codes.html",
        source=source,
        code=code,
        forecasts=forecasts,
        trouble=trouble,
        back=await ask.field("back"),
    )


async def _chosen(ask: PageRequest) -> Response:
    """A dry run of what is to be done with several: what would come of each."""
    form = await ask.form()
    chosen = (number(str(one)) for one in form.getlist("numbers"))
    numbers = tuple(one for one in chosen if one is not None)
    what = str(form.get("what", "retry"))
    if not numbers:
        return await ask.back(await ask.field("back"), "Choose at least one exception first.", bad=True)
    desk, selection = ask.house.desk, ExceptionSelection(numbers=numbers)
    forecast = await exception_queue.forecast_retry(desk, selection) if what == "retry" else []
    return await ask.page(
        "chosen.html",
        what=what,
        numbers=numbers,
        forecast=forecast,
        chosen=await exceptions.queue(desk.database, selection, len(numbers)),
        people=await accounts.names(desk),
        back=await ask.field("back"),
    )


async def _stuck(_: PageRequest) -> Response:
    """Where the queue was before."""
    return RedirectResponse("/exceptions", 308)


async def _account(ask: PageRequest) -> exceptions.ExceptionAccount:
    try:
        return await exceptions.account(ask.house.base.database, ask.number("number"))
    except NotPossible as error:
        raise HTTPException(404, f"There is no exception {ask.path('number')}.") from error


def _place(ask: PageRequest) -> tuple[datetime, int] | None:
    found = place(ask.query("after"))
    key = number(found[1]) if found else None
    return (found[0], key) if found and key is not None else None


def _cause(ask: PageRequest, causes: Sequence[Cause]) -> Cause | None:
    """The cause that a list's address names."""
    return next((one for one in causes if one.key == ask.query("cause")), None)


def selection(ask: PageRequest, causes: Sequence[Cause]) -> ExceptionSelection:
    """Which exceptions a list's address names; of a cause that there is no more, none."""
    if ask.query("cause"):
        cause = _cause(ask, causes)
        if cause is None:
            return ExceptionSelection(code="-")
        return ExceptionSelection(
            code=cause.code, owner=cause.owner, interface=cause.interface or "", reason=cause.reason
        )
    state, name = ask.query("state", "open"), ask.query("class")
    if state not in _STATES or (name and name not in CLASSES):
        raise HTTPException(404)
    codes, others = codes_of(name) if name else ((), ())
    return ExceptionSelection(
        state=state,
        code=ask.query("code"),
        codes=codes,
        except_codes=others,
        owner=ask.query("owner"),
        assignee=ask.query("assignee"),
        interface=ask.query("interface"),
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
