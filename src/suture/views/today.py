"""What has happened today, and what is stuck."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from suture.store import exceptions, gauges, journeys
from suture.store.database import Database
from suture.store.exceptions import OpenException
from suture.store.gauges import Wait
from suture.store.journeys import Day, Funnel, FunnelStage, JourneyRow, Postings

_SPANS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200))
_MOST_SPANS = 60
_FEWEST_SPANS = 12


TURNED_AWAY = timedelta(days=1)
"""For how long what was turned away at the door is told as waiting for somebody to look."""
WAITS = (
    *("exceptions", "differences", "approvals", "signatures", "stuck", "held_up", "turned_away", "conflicts"),
    *("parked", "payments", "received", "due", "unpublished", "webhooks"),
)
"""What can wait, in the order in which it is told: first what a person must act on."""


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The day so far: the funnel, the invoices posted by spans of time, the journeys that moved last, and the open
    exceptions."""

    since: datetime
    funnel: Funnel
    span: timedelta
    postings: list[Postings]
    recent: list[JourneyRow]
    stuck: list[OpenException]
    stuck_count: int


class StageList(msgspec.Struct, frozen=True, kw_only=True):
    """The journeys behind one figure of the funnel. `count` is that figure; the list may be shorter."""

    stage: FunnelStage
    since: datetime
    count: int
    journeys: list[JourneyRow]


def start_of_day(now: datetime, zone: ZoneInfo) -> datetime:
    """When the organisation's day that contains `now` began."""
    return datetime.combine(now.astimezone(zone).date(), time(), zone)


def fitting_span(funnel: Funnel) -> timedelta:
    """The shortest round span that cuts the time of today's postings into pieces that show something: few enough to be
    plotted, and not many more than there were postings."""
    if funnel.first_posted_at is None or funnel.last_posted_at is None:
        return _SPANS[0]
    whole = funnel.last_posted_at - funnel.first_posted_at
    most = min(max(funnel.posted // 2, _FEWEST_SPANS), _MOST_SPANS)
    least = _SPANS[0] if funnel.posted >= _FEWEST_SPANS else timedelta(minutes=1)
    return next((span for span in _SPANS if span >= least and whole / span < most), _SPANS[-1])


async def today(
    database: Database, now: datetime, zone: ZoneInfo, *, most_recent: int = 15, most_stuck: int = 200
) -> Today:
    """The organisation's day that contains `now`. The lists hold the newest."""
    since = start_of_day(now, zone)
    async with database.connection() as connection:
        funnel = await journeys.funnel(connection, since)
        span = fitting_span(funnel)
        return Today(
            since=since,
            funnel=funnel,
            span=span,
            postings=await journeys.postings(connection, since, span),
            recent=await journeys.recent(connection, most_recent),
            stuck=await exceptions.open_exceptions(connection, most_stuck),
            stuck_count=await exceptions.count_open(connection),
        )


async def of_stage(
    database: Database,
    now: datetime,
    zone: ZoneInfo,
    stage: FunnelStage,
    *,
    after: tuple[datetime, str] | None = None,
    most: int = 100,
) -> StageList:
    """The journeys behind a figure of today's funnel, after a place among them."""
    since = start_of_day(now, zone)
    async with database.connection() as connection:
        return StageList(
            stage=stage,
            since=since,
            count=getattr(await journeys.funnel(connection, since), stage.value),
            journeys=await journeys.of_stage(connection, since, stage, most, after),
        )


async def last_days(database: Database, now: datetime, zone: ZoneInfo, count: int = 14) -> list[Day]:
    """The organisation's last days, the present one last. It reads all that moved since the first: ask seldom."""
    since = start_of_day(now, zone) - timedelta(days=count - 1)
    last = now.astimezone(zone).date()
    async with database.connection() as connection:
        return await journeys.days(connection, last - timedelta(days=count - 1), last, zone.key, since)


async def waits(database: Database, now: datetime) -> list[Wait]:
    """All that waits: for a person, for a system, for something to come, and for its turn."""
    async with database.connection() as connection:
        found = await gauges.waits(connection, now - TURNED_AWAY)
        queues = await gauges.queues(connection, now)
    turns = [Wait(one.queue, one.count, now - timedelta(seconds=one.age)) for one in queues]
    known = {one.queue: one for one in (*turns, *found)}
    return [known[name] for name in WAITS]
