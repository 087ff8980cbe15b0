"""What every call passes before it reaches its route: who calls, how often, and whether it was answered before."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import structlog
from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from suture.access.rates import Allowance, CallRates
from suture.access.tokens import digest
from suture.bootstrap.composition import Foundation
from suture.gateway.api.deprecations import Deprecation, deprecation_of
from suture.gateway.api.problems import ApiProblem, response
from suture.store import clients
from suture.store.clients import Caller
from suture.store.database import DATABASE_AWAY
from suture.store.idempotency import Answers, Kept, KeyStanding
from suture.store.sealing import WrongMasterKey
from suture.telemetry import metrics

log = structlog.get_logger()

VERSION = "2026-11-01"
"""What this API is called by its date. Additions don't change it; what would break a client begins another path."""
OPEN = frozenset({"/v1/openapi.json", "/v1/asyncapi.json"})
_BEARER = "bearer "
_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE"})
_WITHOUT_BODY = frozenset({"GET", "HEAD"})
LARGEST_BODY = 256 * 1024
"""Bytes, of any method. Read no further than this, and only for a client that is known."""
_TIDY_EVERY = timedelta(hours=1)

Next = Callable[[Request], Awaitable[Response]]


class ApiGuard:
    """HTTP middleware of the API."""

    def __init__(self, base: Foundation, deprecated: tuple[Deprecation, ...]) -> None:
        self._base = base
        self._rates = CallRates()
        self._answers = Answers(base.database, base.vault)
        self._deprecated = deprecated
        self._tidied_at: datetime | None = None

    async def __call__(self, request: Request, call_next: Next) -> Response:
        began = monotonic()
        try:
            answer = await self._guarded(request, call_next)
        except ApiProblem as problem:
            answer = response(problem)
        except DATABASE_AWAY as error:
            log.warning("api_unavailable", error_type=type(error).__name__)
            answer = response(
                ApiProblem(503, "try_later", "The database is unavailable; try again.", headers={"Retry-After": "2"})
            )
        except WrongMasterKey:
            log.error("wrong_master_key")
            answer = response(
                ApiProblem(503, "not_ready", "Suture is not ready to work.", headers={"Retry-After": "30"})
            )
        route = getattr(request.scope.get("route"), "path", "") or "none"
        metrics.observe("suture_api_request_seconds", monotonic() - began, _method(request), route, _class(answer))
        answer.headers["Suture-Version"] = VERSION
        old = deprecation_of(self._deprecated, request.method, request.url.path)
        if old is not None:
            answer.headers.update(old.headers())
        return answer

    async def _guarded(self, request: Request, call_next: Next) -> Response:
        if request.url.path in OPEN:
            return await call_next(request)
        await self._base.vault.check()
        caller = await self._authenticate(request)
        request.state.caller = caller
        allowance = self._rates.take(caller.name, caller.per_minute, self._base.clock.now())
        if allowance.granted:
            answer = await self._once(request, caller, call_next)
        else:
            answer = response(_too_many(allowance))
        policy = f'"minute";q={allowance.limit};w=60'
        answer.headers["RateLimit-Policy"] = policy
        answer.headers["RateLimit"] = f'"minute";r={allowance.remaining};t={allowance.reset}'
        return answer

    async def _authenticate(self, request: Request) -> Caller:
        told = request.headers.get("authorization", "")
        token = told[len(_BEARER) :].strip() if told.lower().startswith(_BEARER) else ""
        caller = None
        if token:
            async with self._base.database.connection() as connection:
                caller = await clients.authenticate(connection, digest(token), self._base.clock.now())
        if caller is None:
            raise ApiProblem(
                401,
                "unauthenticated",
                "Send an active key: Authorization: Bearer sut_…",
                headers={"WWW-Authenticate": 'Bearer realm="suture"'},
            )
        return caller

    async def _once(self, request: Request, caller: Caller, call_next: Next) -> Response:
        """A POST under an idempotency key is done once: the same call again gets the same answer."""
        body = b"" if request.method in _WITHOUT_BODY else await request.body()
        key = _key(request) if request.method == "POST" else None
        if key is None:
            return await call_next(request)
        request.state.idempotency_key = key
        await self._tidy()
        known = await self._answers.begin(caller.name, key, _content(request, body), self._base.clock.now())
        match known:
            case Kept():
                return Response(known.body, known.status, {"Idempotent-Replayed": "true"}, known.media_type)
            case KeyStanding.OTHER_BODY:
                raise ApiProblem(422, "key_reused", "This Idempotency-Key was used for another request.")
            case KeyStanding.UNDER_WAY:
                raise ApiProblem(
                    409,
                    "under_way",
                    "A request with this Idempotency-Key is in progress.",
                    headers={"Retry-After": "1"},
                )
        return await self._first(request, caller, key, call_next)

    async def _tidy(self) -> None:
        """Now and then, forget answers that nobody will ask for any more."""
        now = self._base.clock.now()
        if self._tidied_at is None or now - self._tidied_at > _TIDY_EVERY:
            self._tidied_at = now
            await self._answers.clear(now)

    async def _first(self, request: Request, caller: Caller, key: UUID, call_next: Next) -> Response:
        """What was not done is forgotten, so that it can be tried again at once."""
        try:
            answer = await call_next(request)
            content = b"".join([part async for part in answer.body_iterator])  # type: ignore[attr-defined]
        except BaseException:
            await self._answers.abandon(caller.name, key)
            raise
        if answer.status_code >= 500:
            await self._answers.abandon(caller.name, key)
        else:
            kept = Kept(answer.status_code, answer.headers.get("content-type", ""), content)
            await self._answers.keep(caller.name, key, kept, self._base.clock.now())
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(content, answer.status_code, headers)


def _method(request: Request) -> str:
    return request.method if request.method in _METHODS else "other"


def _class(answer: Response) -> str:
    """``2xx`` and so on."""
    return f"{answer.status_code // 100}xx"


class BodyLimit:
    """ASGI middleware: a body ends with a problem as soon as it is larger than `LARGEST_BODY`, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced, received = _announced(scope), 0

        async def bounded() -> Message:
            nonlocal received
            if announced <= LARGEST_BODY:
                message = await receive()
                received += len(message.get("body") or b"")
            if max(announced, received) > LARGEST_BODY:
                raise ApiProblem(413, "too_large", f"A body is at most {LARGEST_BODY} bytes.")
            return message

        await self._app(scope, bounded, send)


def _announced(scope: Scope) -> int:
    told = dict(scope.get("headers", ())).get(b"content-length", b"")
    return int(told) if told.isdigit() else 0


def _key(request: Request) -> UUID | None:
    told = request.headers.get("idempotency-key")
    if told is None:
        return None
    try:
        return UUID(told)
    except ValueError as error:
        places = [("header idempotency-key", "it is not a UUID")]
        raise ApiProblem(422, "invalid", "The request doesn't fit its schema.", errors=places) from error


def _content(request: Request, body: bytes) -> bytes:
    """What makes a request another one."""
    return f"{request.method} {request.url.path}?{request.url.query}\n".encode() + body


def _too_many(allowance: Allowance) -> ApiProblem:
    return ApiProblem(
        429,
        "too_many_calls",
        f"This client may make {allowance.limit} calls a minute.",
        headers={"Retry-After": str(allowance.reset)},
    )
