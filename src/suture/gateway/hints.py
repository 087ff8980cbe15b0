"""Hints: somebody says that something changed in a system that is read, and nothing else is believed.

``POST /v1/hints/{interface}/{secret}``: what a ledger's automation rules call. They wait one second for an answer, send
no signature and tell of work that was rolled back: so the body is thrown away, the answer is given at once, and the
system is read (`ingest.polling`).
"""

import hmac
from collections.abc import Mapping

import structlog
from starlette.types import Receive, Scope, Send

from suture.bootstrap.composition import Foundation
from suture.store import cursors
from suture.store.database import DATABASE_AWAY

HINTS_PATH = "/v1/hints/"
MOST_BYTES = 1 << 20

log = structlog.get_logger()


class HintReceiver:
    """Takes hints for the interfaces of the catalogue that have a secret for them (an ASGI application)."""

    def __init__(self, base: Foundation) -> None:
        self._database = base.database
        self._secrets: Mapping[str, str] = {
            name: base.secrets.get(interface.hint_secret)
            for name, interface in base.catalogue.interfaces.items()
            if interface.hint_secret is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _drop_body(receive)
        status = await self._take(scope)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _take(self, scope: Scope) -> int:
        interface, _, secret = scope["path"].removeprefix(HINTS_PATH).partition("/")
        expected = self._secrets.get(interface, "")
        if not expected or not hmac.compare_digest(secret.encode(), expected.encode()):
            return 404  # whether there is such an interface is nobody's business who has no secret
        if scope["method"] != "POST":
            return 405
        try:
            await cursors.hint(self._database, interface)
        except DATABASE_AWAY as error:  # the next look by the timer finds what this was about
            log.warning("hint_dropped", interface=interface, error_type=type(error).__name__)
        return 204


async def _drop_body(receive: Receive) -> None:
    """Read a body to its end, or as far as anyone should send one, and keep nothing of it."""
    read, more = 0, True
    while more and read < MOST_BYTES:
        message = await receive()
        read += len(message.get("body") or b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
