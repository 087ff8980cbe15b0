"""Who is told of a matter, by which way and when: pure functions over the catalogue's rules."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from suture.catalogue.days import Days
from suture.catalogue.notifications import WEEKDAYS, Notifications, Quiet, Telling, of_day
from suture.notify.matters import Matter

Channel = Literal["mail", "webhook"]

_DAYS_AHEAD = 16
_DAY = timedelta(days=1)


class Reader(msgspec.Struct, frozen=True):
    """Somebody who may be told something."""

    name: str
    roles: frozenset[str]


class Addressed(msgspec.Struct, frozen=True, order=True):
    """That a recipient is told, and not before when. A mail's recipient is a person, a webhook's the name that the
    catalogue gives it."""

    channel: Channel
    recipient: str
    due_at: datetime


class Addressing:
    """The catalogue's rules, and the days by which they go."""

    def __init__(self, told: Notifications, days: Days) -> None:
        self._told = told
        self._days = days

    def of(self, matter: Matter, readers: Sequence[Reader], now: datetime) -> list[Addressed]:
        """Everyone who is told of a matter, each once: at the earliest time that a rule says."""
        found: dict[tuple[Channel, str], datetime] = {}
        for rule in self._told.rules:
            if not _concerns(rule, matter):
                continue
            for channel, recipient in self._recipients(rule, matter, readers, now):
                due = self._due(rule, matter, now, "" if channel == "webhook" else recipient)
                place = (channel, recipient)
                found[place] = min(due, found.get(place, due))
        return sorted(Addressed(channel, recipient, due) for (channel, recipient), due in found.items())

    def _recipients(
        self, rule: Telling, matter: Matter, readers: Iterable[Reader], now: datetime
    ) -> Iterator[tuple[Channel, str]]:
        if rule.assignee and matter.assignee:
            yield "mail", matter.assignee
        for reader in readers:
            if reader.roles.intersection(rule.roles):
                yield "mail", reader.name
        for name in rule.people:
            yield "mail", name
        for rota in rule.on_call:
            if (person := on_call(self._told, rota, self._days.on(now))) is not None:
                yield "mail", person
        for name in rule.webhooks:
            yield "webhook", name

    def _due(self, rule: Telling, matter: Matter, now: datetime, person: str) -> datetime:
        """Machines (no person) keep no hours; who is on call has none where it is urgent."""
        zone = self._days.zone_of(matter.facility)
        urgent = matter.kind in self._told.urgent
        if person and urgent and is_on_call(self._told, person, self._days.on(now)):
            return now
        due = now if rule.digest is None else next_at(of_day(rule.digest), zone, now)
        return after_quiet(self._told.quiet, zone, due) if person else due


def _concerns(rule: Telling, matter: Matter) -> bool:
    return matter.kind in rule.kinds and (not rule.facilities or matter.facility in rule.facilities)


def on_call(told: Notifications, rota: str, day: date) -> str | None:
    """Whose turn it is on a day of the organisation: the first that fits it."""
    for turn in told.rotas[rota]:
        begun = turn.first is None or turn.first <= day
        over = turn.last is not None and turn.last < day
        if begun and not over and (not turn.days or WEEKDAYS[day.weekday()] in turn.days):
            return turn.person
    return None


def is_on_call(told: Notifications, person: str, day: date) -> bool:
    """Whether it is somebody's turn in any rota."""
    return any(on_call(told, rota, day) == person for rota in told.rotas)


def next_at(hour: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The next time that clocks in a zone show an hour; now, where they do."""
    today = now.astimezone(zone).date()
    soon = datetime.combine(today, hour, zone)
    due = soon if soon.astimezone(now.tzinfo) >= now else datetime.combine(today + _DAY, hour, zone)
    return due.astimezone(now.tzinfo)


def after_quiet(quiet: Quiet | None, zone: ZoneInfo, at: datetime) -> datetime:
    """A time, or the end of the quiet hours that it falls into."""
    local = at.astimezone(zone)
    for _ in range(_DAYS_AHEAD):
        ends = _quiet_until(quiet, local)
        if ends is None:
            break
        local = ends
    return local.astimezone(at.tzinfo)


def _quiet_until(quiet: Quiet | None, local: datetime) -> datetime | None:
    """When the quiet that a time falls into ends, or gives way to another."""
    if quiet is None:
        return None
    zone, today = local.tzinfo, local.date()
    if WEEKDAYS[today.weekday()] in quiet.days:
        return datetime.combine(today + _DAY, time(), zone)
    if quiet.start is None or quiet.until is None:
        return None
    begins, ends, clock = of_day(quiet.start), of_day(quiet.until), local.time()
    if begins < ends:
        return datetime.combine(today, ends, zone) if begins <= clock < ends else None
    if clock >= begins:
        return datetime.combine(today + _DAY, ends, zone)
    return datetime.combine(today, ends, zone) if clock < ends else None
