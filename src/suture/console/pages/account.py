"""One's own account: password, second factor, sign out."""

from starlette.responses import Response

from suture.access import totp
from suture.access.roles import ROLES
from suture.acting.actor import NotPossible
from suture.catalogue.days import Days
from suture.commands import accounts
from suture.console.formats import said
from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.notify.expecting import expected, quiet_words, urgent_words

_HERE = "/account"


async def _mine(request: PageRequest) -> Response:
    name = request.actor().name
    person = await accounts.me(request.context, name)
    catalogue, now = request.context.catalogue, request.context.clock.now()
    told = catalogue.notifications
    return await request.page(
        "account.html",
        person=person,
        roles={role: ROLES[role] for role in person.roles},
        expected=expected(told, name, person.roles, Days(catalogue).on(now)),
        quiet=quiet_words(told.quiet),
        urgent=urgent_words(told) if told.rotas else "",
    )


async def _password(request: PageRequest) -> Response:
    new = await request.field("new")
    if new != await request.field("again"):
        return await request.back(_HERE, "The two new passwords are not the same.", bad=True)
    try:
        old, name = await request.field("old"), request.actor().name
        await accounts.change_password(request.context, name, old, new, keep=request.token, address=request.address)
    except NotPossible as error:
        return await request.back(_HERE, said(error), bad=True)
    return await request.back(_HERE, "The password is changed; you are signed out everywhere else.")


async def _begin_factor(request: PageRequest) -> Response:
    """A secret to be scanned, shown this once; it counts when a code has confirmed it."""
    name = request.actor().name
    try:
        secret = await accounts.begin_factor(request.context, name)
    except NotPossible as error:
        return await request.back(_HERE, said(error), bad=True)
    address = totp.uri(secret, name, request.context.catalogue.organisation.name)
    return await request.page("factor.html", secret=secret, picture=totp.picture(address))


async def _confirm_factor(request: PageRequest) -> Response:
    try:
        await accounts.confirm_factor(
            request.context, request.actor().name, await request.field("code"), request.address
        )
    except NotPossible as error:
        return await request.back(_HERE, said(error), bad=True)
    return await request.back(_HERE, "From now on a code is asked for when you sign in.")


async def _end_factor(request: PageRequest) -> Response:
    try:
        await accounts.end_factor(
            request.context, request.actor().name, await request.field("password"), request.address
        )
    except NotPossible as error:
        return await request.back(_HERE, said(error), bad=True)
    return await request.back(_HERE, "No code is asked for any more.")


async def _sign_out(request: PageRequest) -> Response:
    await request.form()
    await accounts.sign_out(request.context, request.token)
    return request.signed_out()


PAGES = (
    Page("/account", _mine),
    Page("/account/password", _password, method="POST"),
    Page("/account/factor", _begin_factor, method="POST"),
    Page("/account/factor/confirm", _confirm_factor, method="POST"),
    Page("/account/factor/end", _end_factor, method="POST"),
    Page("/sign-out", _sign_out, method="POST"),
)
