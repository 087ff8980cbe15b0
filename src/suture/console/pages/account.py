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


async def _mine(ask: PageRequest) -> Response:
    name = ask.actor().name
    person = await accounts.me(ask.house.desk, name)
    catalogue, now = ask.house.base.catalogue, ask.house.base.clock.now()
    told = catalogue.notifications
    return await ask.page(
        "account.html",
        person=person,
        roles={role: ROLES[role] for role in person.roles},
        expected=expected(told, name, person.roles, Days(catalogue).on(now)),
        quiet=quiet_words(told.quiet),
        urgent=urgent_words(told) if told.rotas else "",
    )


async def _password(ask: PageRequest) -> Response:
    new = await ask.field("new")
    if new != await ask.field("again"):
        return await ask.back(_HERE, "The two new passwords are not the same.", bad=True)
    try:
        old, name = await ask.field("old"), ask.actor().name
        await accounts.change_password(ask.house.desk, name, old, new, keep=ask.token, address=ask.address)
    except NotPossible as error:
        return await ask.back(_HERE, said(error), bad=True)
    return await ask.back(_HERE, "The password is changed; you are signed out everywhere else.")


async def _begin_factor(ask: PageRequest) -> Response:
    """A secret to be scanned, shown this once; it counts when a code has confirmed it."""
    name = ask.actor().name
    try:
        secret = await accounts.begin_factor(ask.house.desk, name)
    except NotPossible as error:
        return await ask.back(_HERE, said(error), bad=True)
    address = totp.uri(secret, name, ask.house.base.catalogue.organisation.name)
    return await ask.page("factor.html", secret=secret, picture=totp.picture(address))


async def _confirm_factor(ask: PageRequest) -> Response:
    try:
        await accounts.confirm_factor(ask.house.desk, ask.actor().name, await ask.field("code"), ask.address)
    except NotPossible as error:
        return await ask.back(_HERE, said(error), bad=True)
    return await ask.back(_HERE, "From now on a code is asked for when you sign in.")


async def _end_factor(ask: PageRequest) -> Response:
    try:
        await accounts.end_factor(ask.house.desk, ask.actor().name, await ask.field("password"), ask.address)
    except NotPossible as error:
        return await ask.back(_HERE, said(error), bad=True)
    return await ask.back(_HERE, "No code is asked for any more.")


async def _sign_out(ask: PageRequest) -> Response:
    await ask.form()
    await accounts.sign_out(ask.house.desk, ask.token)
    return ask.signed_out()


PAGES = (
    Page("/account", _mine),
    Page("/account/password", _password, method="POST"),
    Page("/account/factor", _begin_factor, method="POST"),
    Page("/account/factor/confirm", _confirm_factor, method="POST"),
    Page("/account/factor/end", _end_factor, method="POST"),
    Page("/sign-out", _sign_out, method="POST"),
)
