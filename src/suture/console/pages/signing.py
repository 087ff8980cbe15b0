"""The ways in: by password and code, by invitation, through an identity provider."""

from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from starlette.responses import RedirectResponse, Response

from suture.access import oidc
from suture.access.oidc import Started
from suture.acting.actor import NotPossible
from suture.commands import accounts
from suture.commands.accounts import CodeWanted
from suture.console.formats import said
from suture.console.pages.page import Page
from suture.console.request import PageRequest, ours
from suture.store.sealing import SealBroken

_TRIES_OF_A_NAME, _TRIES_OF_ALL = 10, 300
"""A minute."""
_TOO_MANY = "Too many tries from here: wait a minute."
_UNDER_WAY, _ANSWER_WITHIN = "suture-provider", timedelta(minutes=10)
_PASSWORD_GIVEN, _CODE_WITHIN = "suture-password-given", timedelta(minutes=5)
_Kept = TypeVar("_Kept", bound=msgspec.Struct)


class _Way(msgspec.Struct, frozen=True):
    """A sign-in that is under way at the provider, kept by the browser itself, sealed."""

    started: Started
    next: str


class _Given(msgspec.Struct, frozen=True):
    """Whose password was given right in this browser, and until when the code may follow."""

    name: str
    until: datetime


async def _form(request: PageRequest) -> Response:
    if request.visitor is not None:
        return RedirectResponse(ours(request.query("next", "/")), 303)
    return await _asked(request, request.query("next", "/"))


async def _sign_in(request: PageRequest) -> Response:
    next_page = await request.field("next")
    name = (await request.field("name")).strip().lower()
    if not _may_try(request, name):
        return await _asked(request, next_page, _TOO_MANY, status=429)
    try:
        return request.signed_in(
            await accounts.sign_in(request.context, name, await request.field("password"), request.address),
            next_page,
        )
    except CodeWanted:
        response = await request.page("code.html", next_page=ours(next_page), trouble="")
        _keep(
            request,
            response,
            _PASSWORD_GIVEN,
            _Given(name, request.context.clock.now() + _CODE_WITHIN),
            _CODE_WITHIN,
        )
        return response
    except NotPossible as error:
        return await _asked(request, next_page, said(error), status=403)


def _may_try(request: PageRequest, name: str) -> bool:
    """So many tries of a name, and so many of all from one address: behind a proxy that is everybody's."""
    address, now = request.address, request.context.clock.now()
    asked = [(f"{address} {name[:80]}", _TRIES_OF_A_NAME), (address, _TRIES_OF_ALL)]
    return all(request.console.tries.take(key, per_minute, now).granted for key, per_minute in asked)


async def _code(request: PageRequest) -> Response:
    """The second step: only for who gave the right password in this browser just now."""
    next_page, code = await request.field("next"), await request.field("code")
    given = _kept(request, _PASSWORD_GIVEN, _Given)
    if given is None or given.until < request.context.clock.now():
        return await _asked(request, next_page, "That took too long: begin again.", status=403)
    if not _may_try(request, given.name):
        return await request.page("code.html", next_page=ours(next_page), trouble=_TOO_MANY, status=429)
    try:
        response = request.signed_in(
            await accounts.give_code(request.context, given.name, code, request.address), next_page
        )
    except NotPossible as error:
        return await request.page("code.html", next_page=ours(next_page), trouble=said(error), status=403)
    response.delete_cookie(_PASSWORD_GIVEN, path="/")
    return response


async def _asked(request: PageRequest, next_page: str, trouble: str = "", *, status: int = 200) -> Response:
    return await request.page(
        "sign_in.html",
        next_page=ours(next_page),
        trouble=trouble,
        provider=request.console.has_provider,
        are_any=await accounts.are_any(request.context),
        status=status,
    )


async def _invitation(request: PageRequest) -> Response:
    return await _invited(request)


async def _accept(request: PageRequest) -> Response:
    password, again = await request.field("password"), await request.field("again")
    if password != again:
        return await _invited(request, "The two passwords are not the same.")
    try:
        token = await accounts.accept(request.context, request.path("token"), password, request.address)
    except NotPossible as error:
        return await _invited(request, said(error))
    return request.signed_in(token, "/")


async def _invited(request: PageRequest, trouble: str = "") -> Response:
    name = await accounts.invited(request.context, request.path("token"))
    status = 404 if name is None else 200 if not trouble else 422
    return await request.page("invitation.html", name=name, trouble=trouble, status=status)


async def _to_provider(request: PageRequest) -> Response:
    """Send the browser to the identity provider, with what its answer must fit in a sealed cookie."""
    if not request.console.has_provider:
        return RedirectResponse("/sign-in", 303)
    try:
        started = await request.console.provider().start()
    except oidc.ProviderRefused as error:
        return await _asked(request, "/", said(error), status=503)
    response = RedirectResponse(started.url, 303)
    _keep(request, response, _UNDER_WAY, _Way(started, ours(request.query("next", "/"))), _ANSWER_WITHIN)
    return response


async def _from_provider(request: PageRequest) -> Response:
    way = _kept(request, _UNDER_WAY, _Way)
    if way is None or not request.console.has_provider:
        return await _asked(request, "/", "No sign-in is under way in this browser: begin again.", status=403)
    try:
        identity = await request.console.provider().finish(way.started, dict(request.http.query_params))
        issuer = request.console.base.settings.oidc_issuer or ""
        token = await accounts.sign_in_by_provider(request.context, issuer, identity)
    except (oidc.ProviderRefused, NotPossible) as error:
        return await _asked(request, "/", said(error), status=403)
    response = request.signed_in(token, way.next)
    response.delete_cookie(_UNDER_WAY, path="/")
    return response


def _keep(request: PageRequest, response: Response, name: str, told: msgspec.Struct, within: timedelta) -> None:
    """Leave something with the browser, sealed, for a while."""
    sealed = request.context.vault.keep(msgspec.json.encode(told), name)
    request.keep(response, name, sealed.hex(), int(within.total_seconds()))


def _kept(request: PageRequest, name: str, kind: type[_Kept]) -> _Kept | None:
    """What was left with the browser; None where there is nothing, or nothing of ours."""
    try:
        told = request.context.vault.kept(bytes.fromhex(request.http.cookies.get(name, "")), name)
    except (ValueError, SealBroken):
        return None
    return msgspec.json.decode(told, type=kind)


PAGES = (
    Page("/sign-in", _form, public=True),
    Page("/sign-in", _sign_in, method="POST", public=True),
    Page("/sign-in/code", _code, method="POST", public=True),
    Page("/invitations/{token}", _invitation, public=True),
    Page("/invitations/{token}", _accept, method="POST", public=True),
    Page("/sign-in/provider", _to_provider, public=True),
    Page("/sign-in/provider/answer", _from_provider, public=True),
)
