"""What the simulators' HTTP interfaces share: JSON answers and the check of the bearer token."""

import hmac
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


def json_response(tree: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(tree), status, media_type="application/json")


class RequireBearer:
    """ASGI middleware: paths below `prefix` need ``Authorization: Bearer <token>``; else 401 with `refusal`."""

    def __init__(self, app: ASGIApp, token: str, prefix: str, refusal: Any) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._prefix = prefix
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix) and not self._admits(scope):
            response = json_response(self._refusal, 401)
            response.headers["WWW-Authenticate"] = "Bearer"
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        given = Headers(scope=scope).get("authorization", "")
        return hmac.compare_digest(given.encode(), self._expected)
