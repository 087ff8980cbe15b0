"""The gateway: verify, bound, commit, answer. Nothing is understood here; that is ingest's, later.

``POST /v1/hooks/{interface}`` takes Standard Webhooks. 202 means that the delivery is committed and survives a crash;
503 with Retry-After that it was not taken.
"""

from collections.abc import Mapping

import msgspec
import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from suture.access.signatures import SignatureRefused, decode_secret, verify
from suture.bootstrap.settings import SettingsError
from suture.bootstrap.wiring import Foundation, inbox
from suture.catalogue import Interface
from suture.store.database import DATABASE_AWAY
from suture.store.inbox import Inbox, Receipt, Verdict

log = structlog.get_logger()

_LONGEST_ID = 200


class _TooLarge(Exception):
    """A body is larger than its interface allows."""


class Door(msgspec.Struct, frozen=True):
    """One inbound interface, ready to verify."""

    name: str
    secrets: tuple[bytes, ...]
    most_bytes: int


def create_app(base: Foundation) -> FastAPI:
    """The gateway's application. Raises `SettingsError` where a signing key is missing or unusable."""
    doors = {name: _door(name, i, base) for name, i in base.catalogue.interfaces.items() if i.direction == "in"}
    app = FastAPI(title="Suture gateway", openapi_url=None, docs_url=None, redoc_url=None)
    hooks = Hooks(base, inbox(base), doors)
    app.add_route("/v1/hooks/{interface}", hooks.receive, methods=["POST"])
    app.add_route("/health/live", _live)
    return app


def _door(name: str, interface: Interface, base: Foundation) -> Door:
    try:
        keys = tuple(decode_secret(base.secrets.get(variable)) for variable in interface.signing_keys)
    except ValueError as error:
        raise SettingsError(f"a signing key of {name} can't be used: {error}") from error
    return Door(name, keys, interface.max_body_kib * 1024)


async def _live(_: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


class Hooks:
    """Receives webhooks for the inbound interfaces of the catalogue."""

    def __init__(self, base: Foundation, inbox: Inbox, doors: Mapping[str, Door]) -> None:
        self._clock = base.clock
        self._inbox = inbox
        self._doors = doors

    async def receive(self, request: Request) -> Response:
        door = self._doors.get(request.path_params["interface"])
        if door is None:
            return _problem(404, "no_such_interface", "The catalogue has no inbound interface of this name.")
        try:
            return await self._take(door, request)
        except _TooLarge:
            return _problem(413, "too_large", f"A delivery on this interface is at most {door.most_bytes} bytes.")
        except DATABASE_AWAY as error:
            log.warning("delivery_not_taken", interface=door.name, error_type=type(error).__name__)
            return _problem(503, "try_later", "The delivery was not taken; send it again.", {"Retry-After": "2"})

    async def _take(self, door: Door, request: Request) -> Response:
        body = await _bounded_body(request, door.most_bytes)
        now = self._clock.now()
        headers = request.headers
        try:
            delivery_id = verify(
                body,
                delivery_id=headers.get("webhook-id"),
                timestamp=headers.get("webhook-timestamp"),
                signatures=headers.get("webhook-signature"),
                secrets=door.secrets,
                now=now,
            )
        except SignatureRefused as error:
            await self._inbox.count_refusal(door.name, error.reason, now)
            return _problem(401, error.reason, "The signature does not prove that this delivery is its sender's.")
        if len(delivery_id) > _LONGEST_ID or not delivery_id.isprintable():
            return _problem(400, "id_invalid", f"webhook-id is at most {_LONGEST_ID} printable characters.")
        return _answer(await self._inbox.accept(door.name, delivery_id, body, now))


async def _bounded_body(request: Request, most: int) -> bytes:
    """The raw body, read no further than `most` bytes. Raises `_TooLarge`."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise _TooLarge
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _answer(receipt: Receipt) -> Response:
    if receipt.verdict is Verdict.CONFLICT:
        return _problem(409, "id_reused", "This delivery id was used for another body before. It is kept for review.")
    return Response(b'{"receipt":"%s"}' % str(receipt.receipt).encode(), status_code=202, media_type="application/json")


def _problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An RFC 9457 problem."""
    body = msgspec.json.encode(
        {"type": f"urn:suture:problem:{code}", "status": status, "title": code, "detail": detail}
    )
    return Response(body, status_code=status, media_type="application/problem+json", headers=headers)
