"""What people are told of. A matter holds codes, numbers, names of interfaces and times: there is no place in it for
what a patient is called, or by which reference one is known."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from suture.catalogue.notifications import WEEKDAYS, ExpectedFeed, Kind, of_day
from suture.core.english import cause


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told. `key` is the same however often it is found. `since` is the time that it is about: a
    deadline, or when it began. `code` is an exception's, a gate's, or how fast a budget burns."""

    key: str
    kind: Kind
    since: datetime
    code: str = ""
    interface: str | None = None
    exception: int | None = None
    facility: str | None = None
    assignee: str | None = None

    @property
    def path(self) -> str:
        """The console's page of it."""
        if self.exception is not None:
            return f"/exceptions/{self.exception}"
        return f"/interfaces/{self.interface}"


Told = Kind | Literal["trial"]
"""What a line of a message is about: a matter's kind, or that somebody tries a way."""
HEADINGS: dict[Told, tuple[str, str]] = {
    "assigned": ("exception was assigned", "exceptions were assigned"),
    "deadline_near": ("deadline is near", "deadlines are near"),
    "deadline_passed": ("deadline has passed", "deadlines have passed"),
    "escalation": ("exception is long overdue", "exceptions are long overdue"),
    "paused": ("interface is paused", "interfaces are paused"),
    "away": ("system does not answer", "systems do not answer"),
    "silent": ("interface is silent", "interfaces are silent"),
    "burning": ("objective is at risk", "objectives are at risk"),
    "trial": ("trial", "trials"),
}
"""What a message calls one of a kind, and several."""


def line(matter: Matter, zone: ZoneInfo) -> str:
    """A matter in one line, its times in a zone."""
    at = f"{matter.since.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    if matter.exception is not None:
        what = f"Exception {matter.exception} ({matter.code}{_where(matter)})"
        return f"{what} " + {
            "assigned": f"was assigned to {matter.assignee} on {at}",
            "deadline_near": f"is to be decided by {at}",
            "deadline_passed": f"was to be decided by {at}",
        }.get(matter.kind, f"was to be decided by {at} and is still undecided")
    return f"{matter.interface} " + {
        "paused": f"has been paused since {at}: work waits until someone resumes it",
        "away": f"has been unavailable since {at}, because {cause(matter.code)}; work waits and continues"
        " automatically",
        "silent": f"has sent nothing since {at}",
    }.get(matter.kind, f"was using up its error budget {matter.code} times as fast as allowed at {at}")


def _where(matter: Matter) -> str:
    parts = [part for part in (matter.interface, matter.facility) if part]
    return "".join(f", {part}" for part in parts)


def summary(kinds: Iterable[Told]) -> str:
    """What a message is about, by how many of each kind."""
    told = list(kinds)
    counted = {kind: told.count(kind) for kind in HEADINGS if kind in told}
    return ", ".join(f"{count} {HEADINGS[kind][count != 1]}" for kind, count in counted.items())


def silence(feed: ExpectedFeed, zone: ZoneInfo, last: datetime | None, now: datetime) -> datetime | None:
    """Since when an interface has been silent, where that is worth a word by now: only the hours in which something is
    to come are counted, each day anew."""
    local = now.astimezone(zone)
    begins, ends = (datetime.combine(local.date(), of_day(told), zone) for told in (feed.start, feed.until))
    if (feed.days and WEEKDAYS[local.weekday()] not in feed.days) or not begins <= now <= ends:
        return None
    since = max(begins, last) if last is not None else begins
    return since if (now - since).total_seconds() >= feed.after_minutes * 60 else None


PAGES = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
"""A budget burns where a long and a short window agree (Google SRE workbook, chapter 5), as `ops/prometheus` has it."""


def burning(burn: dict[str, float]) -> float | None:
    """How many times too fast a budget burns; None where it doesn't."""
    rates = (burn[long] for long, short, limit in PAGES if burn[long] > limit and burn[short] > limit)
    return next(rates, None)
