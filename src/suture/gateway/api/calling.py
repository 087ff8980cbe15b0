"""What routes share: the context they act in, the caller and what it may do, cursors."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from suture.access.roles import CLIENT
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.backbone.feed import Feed
from suture.gateway.api.problems import ApiProblem
from suture.store.clients import Caller


def _context(request: Request) -> CommandContext:
    context: CommandContext = request.app.state.context
    return context


def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


TheContext = Annotated[CommandContext, Depends(_context)]
TheFeed = Annotated[Feed, Depends(_feed)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        json_schema_extra={"format": "uuid"},
        description="A UUID chosen by the caller: the same request repeated under the key gets the same answer for a"
        " day.",
    ),
]


Cursor = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9_\-]{1,200}$", description="Where to continue: `next` of the previous page.")
]
Limit = Annotated[int, Query(ge=1, le=200)]


def scoped(scope: str) -> Callable[[Request], Actor]:
    """A dependency: the caller, if it has a scope, as whoever acts."""

    def caller_of(request: Request) -> Actor:
        caller: Caller = request.state.caller
        if scope not in caller.scopes:
            raise ApiProblem(403, "scope_missing", f"This client lacks the scope {scope}.")
        return Actor(f"api/{caller.name}", roles=(CLIENT,))

    caller_of.scope = scope  # type: ignore[attr-defined]
    return caller_of


def cursor_of(*parts: str) -> str:
    """An opaque place in a list."""
    return base64.urlsafe_b64encode("\x1f".join(parts).encode()).decode().rstrip("=")


def parts_of(cursor: str, count: int) -> list[str]:
    """Raises `ApiProblem` for what is no cursor of ours."""
    try:
        parts = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\x1f")
    except (binascii.Error, ValueError) as error:
        raise _no_cursor() from error
    if len(parts) != count:
        raise _no_cursor()
    return parts


def number_of(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _no_cursor()
    return int(text)


def _no_cursor() -> ApiProblem:
    return ApiProblem(404, "no_such_place", "The cursor is not valid for this list.")
