"""The geometry of plots over time; the templates draw them."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import msgspec

from suture.store.journeys import Day, Postings
from suture.views.objectives import Objective

WIDTH, HEIGHT = 600, 150
_GAP = 0.24
_FEWEST_SPANS = 12


class Bar(msgspec.Struct, frozen=True):
    """One span's invoices, as a rectangle in a ``WIDTH`` by ``HEIGHT`` box."""

    at: datetime
    count: int
    x: float
    y: float
    width: float
    height: float


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """Bars for each span, and the sum so far as the points of a line."""

    bars: list[Bar]
    line: str
    count: int
    most: int
    span: timedelta
    begin: datetime
    end: datetime


def plot(postings: Sequence[Postings], span: timedelta, since: datetime, now: datetime) -> Plot | None:
    """A plot of invoices posted over time, or None where there are none. It ends with the last ones, or now where their
    span is not over; a short time is drawn with the quiet before it, no further back than `since`."""
    if not postings:
        return None
    first, last = postings[0].at, postings[-1].at
    end = min(last + span, now) if now > last else last + span
    begin = min(first, max(since, end - _FEWEST_SPANS * span))
    most = max(item.count for item in postings)
    count = sum(item.count for item in postings)

    def x(at: datetime) -> float:
        return (min(at, end) - begin) / (end - begin) * WIDTH

    bars = [_bar(item, x(item.at), x(item.at + span) - x(item.at), item.count / most * HEIGHT) for item in postings]
    line = _line(postings, span, x, count)
    return Plot(bars=bars, line=line, count=count, most=most, span=span, begin=begin, end=end)


class DayBar(msgspec.Struct, frozen=True, kw_only=True):
    """A day's completed visits as a column in a ``WIDTH`` by ``HEIGHT`` box; `posted_y` and below is what is posted."""

    day: date
    completed: int
    posted: int
    x: float
    width: float
    y: float
    posted_y: float


def day_bars(days: Sequence[Day]) -> list[DayBar]:
    """Columns for days; none where nothing was completed on any of them."""
    most = max((one.completed for one in days), default=0)
    if not most:
        return []
    width = WIDTH / len(days)
    return [
        DayBar(
            day=one.day,
            completed=one.completed,
            posted=one.posted,
            x=round(number * width + width * _GAP / 2, 2),
            width=round(width * (1 - _GAP), 2),
            y=round(HEIGHT * (1 - one.completed / most), 2),
            posted_y=round(HEIGHT * (1 - one.posted / most), 2),
        )
        for number, one in enumerate(days)
    ]


class BurnBar(msgspec.Struct, frozen=True):
    """How fast an error budget burns over a window; `width` is of 100, where 100 is ten times as fast as it may."""

    window: str
    rate: float
    width: float


def burn_bars(objective: Objective | None) -> list[BurnBar]:
    burn = objective.burn if objective else {}
    return [BurnBar(window, rate, round(min(rate * 10, 100), 1)) for window, rate in burn.items()]


def _bar(item: Postings, x: float, width: float, height: float) -> Bar:
    inset = width * _GAP / 2
    return Bar(
        at=item.at,
        count=item.count,
        x=round(x + inset, 2),
        y=round(HEIGHT - height, 2),
        width=round(width - 2 * inset, 2),
        height=round(height, 2),
    )


def _line(postings: Sequence[Postings], span: timedelta, x: Callable[[datetime], float], count: int) -> str:
    """The sum so far, as an SVG polyline's points: it rises within a span and is level between spans."""
    points, sum_so_far = [], 0
    for item in postings:
        for at, more in ((item.at, 0), (item.at + span, item.count)):
            sum_so_far += more
            points.append(f"{x(at):.2f},{HEIGHT * (1 - sum_so_far / count):.2f}")
    return " ".join(points)
