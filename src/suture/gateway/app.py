"""The gateway: verify, bound, commit, answer. Nothing is understood here; that is ingest's, later.

``POST /v1/hooks/{interface}`` takes Standard Webhooks. 202 means that the delivery is committed and survives a crash;
503 with Retry-After that it was not taken: the database is away, out of room, slower than its senders, or sealed by
another master key than ours.
``POST /v1/hints/{interface}/{secret}`` only says that something changed (`hints.py`); all else under ``/v1`` is the API
for other systems (`api/`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import structlog
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from suture.access.signatures import SignatureRefused, decode_secret, verify
from suture.bootstrap.composition import Foundation, inbox
from suture.bootstrap.monitor import readiness
from suture.bootstrap.settings import SettingsError
from suture.catalogue import Catalogue, Interface
from suture.gateway.api import create_api
from suture.gateway.api.guard import LARGEST_BODY
from suture.gateway.hints import HINTS_PATH, MOST_BYTES, HintReceiver
from suture.gateway.refusals import Refusals
from suture.store.database import DATABASE_AWAY
from suture.store.inbox import DeliveryVerdict, Inbox, InboxFull, Receipt, receipt_of
from suture.store.sealing import WrongMasterKey
from suture.telemetry import metrics, tracing

log = structlog.get_logger()

_API = "/v1/"
_HOOKS = "/v1/hooks/"
_LONGEST_ID = 200
_RESULTS = {DeliveryVerdict.NEW: "accepted", DeliveryVerdict.KNOWN: "duplicate", DeliveryVerdict.CONFLICT: "conflict"}
_PATIENCE_SECONDS = 10.0
"""How long a sender waits for the commit; then it is told to come again. If it was committed after all, it is known."""


class _TooLarge(Exception):
    """A body is larger than its interface allows."""


class Door(msgspec.Struct, frozen=True):
    """One inbound interface, ready to verify."""

    name: str
    secrets: tuple[bytes, ...]
    most_bytes: int


def create_app(base: Foundation) -> ASGIApp:
    """The gateway's application. Raises `SettingsError` where a signing key is missing or unusable."""
    doors = {name: _door(name, i, base) for name, i in base.catalogue.interfaces.items() if i.signing_keys}
    hints, api = HintReceiver(base), create_api(base)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await api.state.feed.close()

    rest = FastAPI(title="Suture gateway", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    rest.add_route("/health/live", _live)

    async def ready(_: Request) -> Response:
        told = await readiness(base, "gateway")
        return JSONResponse(told, 200 if told["ready"] else 503)

    rest.add_route("/health/ready", ready)
    hooks = Hooks(base, inbox(base), doors)

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        """Webhooks are the hot path: they go past the framework's routing and middleware, which would double their
        cost (docs/performance.md)."""
        if scope["type"] == "http" and scope["path"].startswith(_HOOKS):
            await hooks(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(HINTS_PATH):
            await hints(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(_API):
            await api(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return gateway


def largest_body(catalogue: Catalogue) -> int:
    """How many bytes any request to the gateway may have."""
    return max(LARGEST_BODY, MOST_BYTES, *(i.max_body_kib * 1024 for i in catalogue.interfaces.values()))


def _door(name: str, interface: Interface, base: Foundation) -> Door:
    try:
        keys = tuple(decode_secret(base.secrets.get(variable)) for variable in interface.signing_keys)
    except ValueError as error:
        raise SettingsError(f"a signing key of {name} is not valid: {error}") from error
    return Door(name, keys, interface.max_body_kib * 1024)


async def _live(_: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


class Hooks:
    """Receives webhooks for the inbound interfaces of the catalogue (an ASGI application)."""

    def __init__(self, base: Foundation, inbox: Inbox, doors: Mapping[str, Door]) -> None:
        self._clock = base.clock
        self._inbox = inbox
        self._doors = doors
        self._refusals = Refusals(inbox, base.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> "ReadyAnswer":
        door = self._doors.get(scope["path"].removeprefix(_HOOKS))
        if door is None:
            return _problem(404, "no_such_interface", "The catalogue has no inbound interface of this name.")
        if scope["method"] != "POST":
            return _problem(405, "post_only", "Webhooks are delivered by POST.", (b"allow", b"POST"))
        try:
            return await self._take(door, dict(scope["headers"]), receive)
        except _TooLarge:
            self._refuse(door, "too_large")
            return _problem(413, "too_large", f"A delivery on this interface is at most {door.most_bytes} bytes.")
        except (*DATABASE_AWAY, InboxFull, WrongMasterKey) as error:
            log.warning("delivery_not_taken", interface=door.name, error_type=type(error).__name__)
            metrics.count("suture_deliveries_total", door.name, "not_taken")
            return _problem(503, "try_later", "The delivery was not accepted; send it again.", (b"retry-after", b"2"))

    async def _take(self, door: Door, headers: Mapping[bytes, bytes], receive: Receive) -> "ReadyAnswer":
        body = await _bounded_body(headers, receive, door.most_bytes)
        now, prefix = self._clock.now(), _prefix(headers)
        try:
            delivery_id = verify(
                body,
                delivery_id=_text(headers, prefix + b"id"),
                timestamp=_text(headers, prefix + b"timestamp"),
                signatures=_text(headers, prefix + b"signature"),
                secrets=door.secrets,
                now=now,
            )
        except SignatureRefused as error:
            self._refuse(door, error.reason)
            return _problem(401, error.reason, "The signature does not prove who sent this delivery.")
        if len(delivery_id) > _LONGEST_ID or not delivery_id.isprintable():
            self._refuse(door, "id_invalid")
            return _problem(400, "id_invalid", f"webhook-id is at most {_LONGEST_ID} printable characters.")
        with tracing.span("receive", str(receipt_of(door.name, delivery_id)), interface=door.name):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                receipt = await self._inbox.accept(door.name, delivery_id, body, now)
        metrics.count("suture_deliveries_total", door.name, _RESULTS[receipt.verdict])
        return _receipt(receipt)

    def _refuse(self, door: Door, reason: str) -> None:
        self._refusals.count(door.name, reason)
        metrics.count("suture_deliveries_total", door.name, "refused")
        metrics.count("suture_webhook_failures_total", door.name, reason)


def _prefix(headers: Mapping[bytes, bytes]) -> bytes:
    """How the signature's headers begin: Svix's names count where none of the standard's is there, never mixed."""
    standard = any(b"webhook-" + name in headers for name in (b"id", b"timestamp", b"signature"))
    return b"webhook-" if standard else b"svix-"


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


async def _bounded_body(headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    """The raw body, read no further than `most` bytes. Raises `_TooLarge`; `ClientDisconnect` where it is cut off."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > most:
        raise _TooLarge
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body") or b""
        if len(body) > most:
            raise _TooLarge
        if not message.get("more_body"):
            return body


def _receipt(receipt: Receipt) -> "ReadyAnswer":
    if receipt.verdict is DeliveryVerdict.CONFLICT:
        return _problem(
            409, "id_reused", "This delivery id was used before with a different body. The delivery is kept for review."
        )
    return _with_length(202, b'{"receipt":"%s"}' % str(receipt.receipt).encode(), b"application/json")


class ReadyAnswer(msgspec.Struct, frozen=True):
    """A response, ready to be sent."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]


def _with_length(status: int, body: bytes, kind: bytes, *more: tuple[bytes, bytes]) -> ReadyAnswer:
    return ReadyAnswer(status, body, [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *more])


def _problem(status: int, code: str, detail: str, *headers: tuple[bytes, bytes]) -> ReadyAnswer:
    """An RFC 9457 problem."""
    body = msgspec.json.encode(
        {"type": f"urn:suture:problem:{code}", "status": status, "title": code, "detail": detail}
    )
    return _with_length(status, body, b"application/problem+json", *headers)
