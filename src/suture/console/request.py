"""Who asks for a page: their session, their zone, and the token without which nothing is changed."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from suture.access.roles import ADMINISTRATOR, OF_PEOPLE, ROLES
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.commands import accounts
from suture.commands.accounts import SESSION_LASTS, Visitor
from suture.console.context import ConsoleContext
from suture.console.render import Renderer
from suture.store.database import CONNECTION_LOST

LARGEST_FORM = 2_000_000
_LARGEST_BEFORE_SIGN_IN = 64_000
"""Bytes. A form says its length, as every browser does: it is read before its token can be checked."""
_MOST_FIELDS = 5_000
_LONGEST_NUMBER = 18
_ZONES: dict[str, ZoneInfo] = {}


class PageRequest:
    """One request, and who makes it."""

    def __init__(self, console: ConsoleContext, renderer: Renderer, http: Request, visitor: Visitor | None) -> None:
        self.console = console
        self.http = http
        self.visitor = visitor
        self.zone = _zone(http.cookies.get("zone", "")) or console.zone
        self._renderer = renderer
        self._form: FormData | None = None
        self._before = http.cookies.get(_before_name(console), "") or secrets.token_urlsafe(24)

    @property
    def context(self) -> CommandContext:
        return self.console.context

    @property
    def token(self) -> str:
        """The session's secret; empty before sign-in."""
        return self.http.cookies.get(_session_name(self.console), "")

    @property
    def address(self) -> str:
        """From where the request comes: behind a proxy, as that says."""
        return self.http.client.host if self.http.client else ""

    @property
    def csrf(self) -> str:
        """What a form must carry: it follows from a cookie that no other site can read."""
        known = self.token if self.visitor else self._before
        return hashlib.sha256(f"suture form {known}".encode()).hexdigest()

    @property
    def is_fragment(self) -> bool:
        """Whether only a part of a page is wanted."""
        return "HX-Request" in self.http.headers and "HX-Boosted" not in self.http.headers

    @property
    def is_refresh(self) -> bool:
        """Whether a page that is open already asks for itself again."""
        return "Suture-Refresh" in self.http.headers

    def may(self, act: str) -> bool:
        return self.visitor is not None and self.visitor.acting().allows(act)

    def holders(self, act: str, people: Mapping[str, Sequence[str]]) -> str:
        """Which roles allow an act, and who has them: whom to ask."""
        roles = [name for name in OF_PEOPLE if name != ADMINISTRATOR and ROLES[name].may(act)] or [ADMINISTRATOR]
        named = sorted({person for role in roles for person in people.get(role, ())})
        return f"{' or '.join(roles)} ({', '.join(named) or 'nobody yet: an administrator gives the role'})"

    def actor(self, reason: str = "") -> Actor:
        if self.visitor is None:
            raise HTTPException(403)
        return self.visitor.acting(reason.strip())

    def path(self, name: str) -> str:
        """What the address has in the place of a parameter. Raises 404 for what nothing is called by."""
        told = str(self.http.path_params[name])
        if "\0" in told:
            raise HTTPException(404)
        return told

    def number(self, name: str) -> int:
        """The number in the place of a parameter. Raises 404."""
        told = number(self.path(name))
        if told is None:
            raise HTTPException(404)
        return told

    def since(self, name: str) -> int | None:
        """The number from which a list goes on; None from its beginning. Raises 404 for what is no number."""
        told = self.query(name)
        if told and number(told) is None:
            raise HTTPException(404)
        return number(told)

    def query(self, name: str, default: str = "") -> str:
        return self.http.query_params.get(name, default).replace("\0", "")[:200]

    async def form(self) -> FormData:
        """The form that was sent. Raises 403 for one that none of our pages made."""
        if self._form is None:
            self._check_length(LARGEST_FORM if self.visitor else _LARGEST_BEFORE_SIGN_IN)
            self._form = await self.http.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=LARGEST_FORM)
            self._check(str(self._form.get("csrf", "")))
        return self._form

    async def field(self, name: str) -> str:
        return str((await self.form()).get(name, "")).replace("\0", "")

    def _check_length(self, most: int) -> None:
        told = self.http.headers.get("content-length", "")
        if not told.isdecimal():
            raise HTTPException(411, "This form doesn't say how long it is.")
        if int(told) > most:
            raise HTTPException(413, f"This form is larger than the {most} bytes that are taken here.")

    def _check(self, told: str) -> None:
        origin = self.http.headers.get("origin")
        hosts = {self.http.headers.get("host", ""), urlsplit(self.console.address).netloc}
        if origin is not None and _host_of(origin) not in hosts:
            raise HTTPException(403, "This form came from another site.")
        if not hmac.compare_digest(told.encode(errors="replace"), self.csrf.encode()):
            raise HTTPException(403, "This form is out of date: go back, load the page again, and send it anew.")

    async def page(self, template: str, *, status: int = 200, **content: object) -> Response:
        """A page, or the fragment of one that was asked for. What was to be said is said once."""
        notice = self.visitor.notice if self.visitor and not (self.is_fragment or self.is_refresh) else ""
        if notice:
            await accounts.tell(self.context, self.token, "")
        holders = await self.console.holders.get() if self.visitor else {}
        response = self._renderer.page(template, self, status=status, notice=notice, holders=holders, **content)
        if self.visitor is None:
            self._cookie(response, _before_name(self.console), self._before)
        return response

    async def back(self, path: str, words: str = "", *, bad: bool = False) -> Response:
        """To another page of ours, with words to be said there."""
        if words and self.visitor:
            await accounts.tell(self.context, self.token, ("!" if bad else "") + words)
        return RedirectResponse(ours(path), 303)

    def signed_in(self, token: str, path: str) -> Response:
        """To a page, with a session from now on."""
        response = RedirectResponse(ours(path), 303)
        self._cookie(response, _session_name(self.console), token, int(SESSION_LASTS.total_seconds()))
        return response

    def signed_out(self) -> Response:
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(_session_name(self.console), path="/", secure=self.console.is_secure, httponly=True)
        return response

    def keep(self, response: Response, name: str, value: str, seconds: int) -> None:
        """A cookie of our own for a while."""
        self._cookie(response, name, value, seconds)

    def _cookie(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.console.is_secure, httponly=True, samesite="lax"
        )


async def visit(console: ConsoleContext, renderer: Renderer, http: Request, *, public: bool) -> PageRequest:
    """Who asks. A page that is `public` doesn't need to know, and is shown while the database is away."""
    token = http.cookies.get(_session_name(console), "")
    visitor = None
    if token:
        try:
            visitor = await accounts.visitor(console.context, token)
        except (*CONNECTION_LOST, TimeoutError):
            if not public:
                raise
    return PageRequest(console, renderer, http, visitor)


def _host_of(origin: str) -> str | None:
    """The host in an Origin header; None where it names none that can be read."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def ours(path: str) -> str:
    """A path on this console; anything else leads to Today."""
    clean = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if clean else "/"


def cursor(at: datetime, key: object) -> str:
    """A place in a list, for a link to what follows it."""
    return f"{at.isoformat()}~{key}"


def number(text: str) -> int | None:
    """A number as things of ours are counted; None for what is none, or larger than any."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def place(text: str) -> tuple[datetime, str] | None:
    """The place that a link names; None for the list's beginning, and for what is no place."""
    at, _, key = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), key) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def fields(form: FormData, names: Mapping[str, bool]) -> dict[str, Any]:
    """What a form says of these fields; those that hold several (True) as lists, empty ones left out."""
    told: dict[str, Any] = {}
    for name, several in names.items():
        values = [str(value).replace("\0", "") for value in form.getlist(name)]
        values = [value for value in values if value.strip()]
        if several:
            told[name] = values
        elif values:
            told[name] = values[-1]
    return told


def _session_name(console: ConsoleContext) -> str:
    return "__Host-suture" if console.is_secure else "suture"


def _before_name(console: ConsoleContext) -> str:
    return f"{_session_name(console)}-before"


def _zone(name: str) -> ZoneInfo | None:
    if name not in _ZONES:
        try:
            zone = ZoneInfo(name)
        except (ValueError, OSError):  # `ZoneInfoNotFoundError` is a `KeyError` of theirs
            return None
        except KeyError:
            return None
        _ZONES[name] = zone
    return _ZONES[name]
