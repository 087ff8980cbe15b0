"""Whatever is written into an address, a form, a header or a body, nothing breaks: no answer is 500 or more.

Routes are the applications' own, and what each of them reads is noted while it is asked, so that a new one is tried by
itself. Each name that a route reads meets each odd value once, beside other odd values.
"""

import asyncio
import hashlib
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from fastapi.routing import APIRoute
from starlette.datastructures import ImmutableMultiDict
from starlette.types import ASGIApp, Message
from tests.browser.conftest import ADMINISTRATOR, Clinic, missing_invoice

from suture.access.roles import OF_PEOPLE
from suture.acting.actor import Actor
from suture.backbone.embedded import EmbeddedNats
from suture.bootstrap.composition import Foundation, command_context
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.commands import accounts, clients
from suture.commands.clients import SCOPES
from suture.commands.table import COMMANDS
from suture.console.app import create_app as create_console
from suture.console.pages import PAGES
from suture.core.clock import ManualClock
from suture.gateway.api.routes import ROUTERS
from suture.gateway.app import create_app as create_gateway
from suture.store import discrepancies
from suture.store.data_keys import Vault
from suture.store.database import Database

pytestmark = pytest.mark.timeout(300)

KEYS = {name: "whsec_" + "c3V0dXJl" * 4 for name in ("SUTURE_SCHEDULING_SIGNING_KEY", "SUTURE_BILLING_SIGNING_KEY")}
EARLIEST, LATEST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
ODD = (
    *("", " ", "\0", "a\0b", "\ud800", "é", "²", "٣", "a" * 10_000, "-1", "0", "1", "1.5", "NaN", "Infinity", "1e309"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 5000, "true", "null", "[]", "{}"),
    *("0001-01-01", "9999-12-31", "2026-02-30", "2026-13-01", "0000-01-01", "2026-03", "2026-00", "0000-01", "9999-12"),
    *(EARLIEST, LATEST, "2026-03-02T10:00:00", "2026-13-01T25:00:00Z", f"{EARLIEST}~1", f"{LATEST}~1", f"{LATEST}~"),
    *("2026-03-02T10:00:00+00:00~\0", "2026-03-02T10:00:00+00:00~99999999999999999999", "~x", "MQ==", "%", "..", "//"),
    *("A-paid", "bob", "USD", "[" * 2000, "'; --", "http://[", "whsec_", "\r\nx: y", "OV-EST", "open", "\\"),
)
PATHS = tuple(value for value in ODD if value not in ("", ".."))
JSON = (
    *(None, True, -1, 0, 1.5, 2**63, 2**64, 10**400, [], {}, [None], [[]], {"a": {}}, ["\ud800"], [1] * 2000),
    *(value for value in ODD if "\ud800" not in value),
)
BODIES = (
    *(b"", b"null", b"[]", b"1", b'"a"', b"{", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 20_000, b"\0"),
    *(b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"a": 1, "a": 2}', b'{"\\ud800": 1}', b'{"a": ' + b"1" * 10_000 + b"}"),
)


class Asked:
    """What was asked, and what was answered wrongly. Notes the names that a handler reads."""

    def __init__(self, app: ASGIApp, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.app, self.headers = app, headers
        self.names: set[str] = set()
        self.wrong: list[str] = []
        self._listen(monkeypatch, "getlist")
        one = self._listen(monkeypatch, "__getitem__")
        monkeypatch.setattr(ImmutableMultiDict, "get", lambda multi, key, default=None: _get(one, multi, key, default))

    def _listen(self, monkeypatch: pytest.MonkeyPatch, method: str) -> Callable[..., Any]:
        told: Callable[..., Any] = getattr(ImmutableMultiDict, method)

        def noting(multi: Any, key: str) -> Any:
            self.names.add(key)
            return told(multi, key)

        monkeypatch.setattr(ImmutableMultiDict, method, noting)
        return noting

    async def ask(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> int:
        told = self.headers | {"host": "suture", "content-length": str(len(body))} | (headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(quoted(path)),
            "raw_path": quoted(path).encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(n.encode(), v.encode("utf-8", "surrogatepass")) for n, v in told.items()],
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
            "http_version": "1.1",
            "state": {},
        }
        statuses: list[int] = []
        parts = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(parts, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        try:
            await self.app(scope, receive, send)
        except Exception as error:
            statuses.append(599)
            self.wrong.append(f"{type(error).__name__}: {error} {method} {path[:80]!r} {query[:200]} {body[:200]!r}")
        if statuses[0] >= 500:
            self.wrong.append(
                f"{statuses[0]} {method} {path[:80]!r} {query[:200]} {body[:200]!r} {headers or ''!s:.200}"
            )
        return statuses[0]


@asynccontextmanager
async def begun(app: ASGIApp) -> AsyncIterator[None]:
    """An application's own life, with what it opens and closes."""
    told: asyncio.Queue[Message] = asyncio.Queue()
    heard: asyncio.Queue[Message] = asyncio.Queue()
    living = asyncio.create_task(app({"type": "lifespan", "state": {}}, told.get, heard.put))  # type: ignore[arg-type]
    for word in ("startup", "shutdown"):
        await told.put({"type": f"lifespan.{word}"})
        assert (await heard.get())["type"] == f"lifespan.{word}.complete"
        if word == "startup":
            yield
    await living


def _get(noting: Callable[..., Any], multi: Any, key: str, default: Any) -> Any:
    try:
        return noting(multi, key)
    except KeyError:
        return default


def quoted(text: str) -> str:
    return quote(text, safe="/", errors="surrogatepass")


def encoded(values: dict[str, str]) -> str:
    return urlencode(values, errors="surrogatepass")


def paths(template: str) -> Iterator[str]:
    """A route's address with each odd value in the place of each of its parameters."""
    names = re.findall(r"{(\w+)", template)
    for shift, _ in enumerate(PATHS if names else [""]):
        values = {name: PATHS[(shift + 11 * place) % len(PATHS)] for place, name in enumerate(names)}
        yield re.sub(r"{(\w+)(?::\w+)?}", lambda found, values=values: values[found[1]], template)  # type: ignore[misc]


def mixtures(names: Sequence[str], values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Each name with each value once, beside others."""
    for shift in range(len(values)):
        yield {name: values[(shift + 7 * place) % len(values)] for place, name in enumerate(names)}


@pytest.fixture
async def base(
    tmp_path: Path,
    database: Database,
    vault: Vault,
    nats_server: EmbeddedNats,
    clock: ManualClock,
    catalogue: Catalogue,
) -> Foundation:
    settings = Settings(data_dir=tmp_path, private_webhooks=True)
    await vault.check()
    clinic = Clinic(database, vault, clock)
    await clinic.completes("A-paid", "200.00")
    await clinic.is_paid("A-paid", await clinic.bills("A-paid", "200.00"), "200.00")
    await clinic.completes("A-stuck", "50.00")
    await clinic.bills("A-stuck", "50.00", stuck_at="post_invoice")
    async with database.transaction() as connection:
        await discrepancies.put(connection, [missing_invoice("A-paid")], clock.now(), clock.now())
    return Foundation(settings, Secrets(KEYS, tmp_path), catalogue, clock, database, vault, nats_server.url)


@pytest.fixture
async def console(base: Foundation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Asked, str]]:
    """The console, a person's who may do everything; and what a form of theirs carries."""
    token = await accounts.add(
        command_context(base), ADMINISTRATOR, "ada", full_name="Ada", email="", roles=list(OF_PEOPLE)
    )
    session = await accounts.accept(command_context(base), token, "a few words that do well")
    csrf = hashlib.sha256(f"suture form {session}".encode()).hexdigest()
    app = create_console(base)
    async with begun(app):
        yield Asked(app, {"cookie": f"suture={session}"}, monkeypatch), csrf


class TestTheConsole:
    async def test_a_page_stands_whatever_its_address_says(self, console: tuple[Asked, str]) -> None:
        asked, _ = console
        for path in sorted({page.path for page in PAGES if page.method == "GET"}):
            for address in paths(path):
                await asked.ask("GET", address)
            some, names = re.sub(r"{\w+(?::\w+)?}", "1", path), set[str]()
            asked.names.clear()
            await asked.ask("GET", some)
            while asked.names - names:
                names |= asked.names
                await asked.ask("GET", some, encoded(dict.fromkeys(names, "")))
            for values in mixtures(sorted(names), ODD):
                await asked.ask("GET", some, encoded(values))
            await asked.ask("GET", some, "%ED%A0%80=%00&a=1&a=2&%")
        assert asked.wrong == []

    async def test_a_form_stands_whatever_is_filled_in(self, console: tuple[Asked, str]) -> None:
        asked, csrf = console
        forms = {page.path for page in PAGES if page.method == "POST"} - {"/do/{command}", "/sign-out"}
        for path in (*sorted(forms), "/sign-out"):
            assert await asked.ask("GET", "/account") == 200, f"nobody is signed in any more before {path}"
            for address in paths(path):
                await self._send(asked, address, {"csrf": csrf, "reason": "why"})
            await self._fill(asked, csrf, re.sub(r"{\w+(?::\w+)?}", "1", path))
        assert asked.wrong == []

    async def test_a_command_stands_whatever_it_is_given(self, console: tuple[Asked, str]) -> None:
        asked, csrf = console
        for command in sorted(COMMANDS):
            assert await asked.ask("GET", "/account") == 200, f"nobody is signed in any more before {command}"
            await self._fill(asked, csrf, f"/do/{command}")
        assert asked.wrong == []

    async def _fill(self, asked: Asked, csrf: str, path: str) -> None:
        good, names = {"csrf": csrf, "reason": "why", "back": "/"}, set[str]()
        asked.names.clear()
        await self._send(asked, path, good)
        while asked.names - names:
            names |= asked.names
            await self._send(asked, path, {name: "1" for name in names} | good)
        few = ODD[::9] if "password" in names else ODD  # each one given is weighed for a while
        for place, values in enumerate(mixtures(sorted(names - {"csrf"}), few)):
            await self._send(asked, path, values | (good if place % 2 else {"csrf": csrf}))

    async def _send(self, asked: Asked, path: str, values: dict[str, str]) -> None:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        await asked.ask("POST", path, body=encoded(values).encode(), headers=kind)

    async def test_a_form_of_another_kind_is_refused(self, console: tuple[Asked, str]) -> None:
        asked, _ = console
        kinds = ("", "text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=x", "é")
        part = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n\xff\r\n--x--'
        for kind, body in itertools.product(kinds, (*BODIES, b"--x\r\n", part)):
            await asked.ask("POST", "/search", body=body, headers={"content-type": kind})
        assert asked.wrong == []

    async def test_a_header_may_say_anything(self, console: tuple[Asked, str]) -> None:
        asked, _ = console
        for name, value in itertools.product(("origin", "host", "hx-request", "suture-refresh", "range"), ODD):
            await asked.ask("POST", "/search", headers={name: value})
            await asked.ask("GET", "/static/console.css", headers={name: value})
        for value in ODD:
            await asked.ask("GET", "/account", headers={"cookie": f"zone={value}; suture={value}"})
            await asked.ask("GET", "/exceptions", headers={"cookie": f"{asked.headers['cookie']}; zone={value}"})
        assert asked.wrong == []


class TestTheApi:
    @pytest.fixture
    async def api(self, base: Foundation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asked]:
        key = await clients.add(
            command_context(base),
            Actor("ada", roles=("administrator",)),
            "erp",
            purpose="test",
            scopes=tuple(SCOPES),
            per_minute=1_000_000,
            days=None,
        )
        gateway = create_gateway(base)
        async with begun(gateway):
            yield Asked(gateway, {"authorization": f"Bearer {key}"}, monkeypatch)

    async def test_a_route_stands_whatever_it_is_asked(self, api: Asked) -> None:
        for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
            (method,), told, some = route.methods, route.dependant, re.sub(r"{\w+}", "1", route.path)
            for address in paths(route.path):
                await api.ask(method, address)
            for values in mixtures([one.alias for one in told.query_params], ODD) if told.query_params else ():
                await api.ask(method, some, encoded(values))
            fields = [name for one in told.body_params for name in one.field_info.annotation.model_fields]
            bodies = [json.dumps({name: value}).encode() for name in fields for value in JSON]
            for body in (*BODIES, *bodies) if method != "GET" else ():
                await api.ask(method, some, body=body, headers={"content-type": "application/json"})
        assert api.wrong == []

    async def test_a_header_may_say_anything(self, api: Asked) -> None:
        names, routes = ("authorization", "idempotency-key", "content-type", "accept"), ("appointments", "validations")
        for name, value, route in itertools.product(names, ODD, routes):
            body = b"" if route == "appointments" else b"{}"
            await api.ask("POST" if body else "GET", f"/v1/{route}", body=body, headers={name: value})
        for values in mixtures(["webhook-id", "webhook-timestamp", "webhook-signature", "svix-id"], ODD):
            await api.ask("POST", "/v1/hooks/scheduling-appointments", body=b"{}", headers=values)
        assert api.wrong == []

    async def test_an_address_that_is_none_is_said_to_be_none(self, api: Asked) -> None:
        for path in ("/v1/hooks/{interface}", "/v1/hints/{interface}/{secret}", "/v1/{route}", "/{path}"):
            for method, address in itertools.product(("GET", "POST", "BREW"), paths(path)):
                await api.ask(method, address)
        assert api.wrong == []
