"""Events since a cursor, in the order in which every subscriber sees them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.backbone.feed import BACKBONE_AWAY, Feed, NumberedEvent
from suture.canonical.cloudevents import encode
from suture.canonical.events import EVENT_TYPES
from suture.gateway.api.calling import Cursor, Limit, TheContext, TheFeed, cursor_of, number_of, parts_of, scoped
from suture.gateway.api.models import EventPage
from suture.gateway.api.problems import ApiProblem
from suture.store import events as recorded

_MOST_PAGES = 20
"""How many pages of what was never recorded one call reads past."""

router = APIRouter(tags=["events"])
Reader = Annotated[Actor, Depends(scoped("events:read"))]
Type = Annotated[
    str | None,
    Query(alias="type", json_schema_extra={"enum": sorted(EVENT_TYPES)}, description="Only events of this type."),
]


@router.get("/v1/events", response_model=EventPage)
async def events(
    context: TheContext, feed: TheFeed, _: Reader, told: Type = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """Read events as CloudEvents, from the beginning or since a cursor; `next` is where to ask again."""
    if told is not None and told not in EVENT_TYPES:
        raise ApiProblem(
            422, "invalid", "The request doesn't fit its schema.", errors=[("query type", "there is no such type")]
        )
    after = number_of(parts_of(cursor, 1)[0]) if cursor else 0
    try:
        found, after = await _recorded(context, feed, after, [told] if told else [], limit)
    except BACKBONE_AWAY as error:
        raise ApiProblem(
            503, "try_later", "The backbone is unavailable; try again.", headers={"Retry-After": "2"}
        ) from error
    following = cursor_of(str(after))
    return Response(_page(found, following), media_type="application/json", headers=_link(following, limit, told))


async def _recorded(
    context: CommandContext, feed: Feed, after: int, types: list[str], limit: int
) -> tuple[list[NumberedEvent], int]:
    """The next events of the stream that were recorded so (others are nobody's to believe), and where to go on."""
    for _ in range(_MOST_PAGES):
        found = await feed.after(after, types, limit)
        if not found:
            break
        after = found[-1].number
        async with context.database.connection() as connection:
            genuine = await recorded.genuine(connection, [one.event for one in found])
        believed = [one for one, known in zip(found, genuine, strict=True) if known]
        if believed:
            return believed, after
    return [], after


def _page(found: list[NumberedEvent], following: str) -> bytes:
    return msgspec.json.encode({"events": [msgspec.Raw(encode(one.event)) for one in found], "next": following})


def _link(following: str, limit: int, told: str | None) -> dict[str, str]:
    chosen = f"&type={told}" if told else ""
    return {"Link": f'</v1/events?cursor={following}&limit={limit}{chosen}>; rel="next"'}
