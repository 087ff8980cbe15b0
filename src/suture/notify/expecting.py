"""What a person is to expect: of what they are told, why them, and when, in words."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import msgspec

from suture.catalogue.notifications import WEEKDAYS, Kind, Notifications, Quiet, Telling
from suture.notify.addressing import on_call

_KINDS: dict[Kind, str] = {
    "assigned": "exceptions that are assigned",
    "deadline_near": "deadlines that are near",
    "deadline_passed": "deadlines that have passed",
    "escalation": "exceptions that are long overdue",
    "paused": "interfaces that are paused",
    "away": "systems that do not answer",
    "silent": "interfaces that are silent",
    "burning": "objectives at risk",
}
_DAYS = dict(zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))


class Expected(msgspec.Struct, frozen=True):
    """One rule as it concerns a person: of `what`, `why` them, and `when`."""

    what: str
    why: str
    when: str


def expected(told: Notifications, person: str, roles: Collection[str], today: date) -> list[Expected]:
    """What the catalogue's rules have a person told."""
    return [
        Expected(_what(rule), ", ".join(why), f"at {rule.digest}, in one message" if rule.digest else "at once")
        for rule in told.rules
        if (why := list(_why(told, rule, person, roles, today)))
    ]


def _what(rule: Telling) -> str:
    what = _listed([_KINDS[kind] for kind in rule.kinds])
    return f"{what}, at {_listed(rule.facilities)}" if rule.facilities else what


def _why(told: Notifications, rule: Telling, person: str, roles: Collection[str], today: date) -> Iterator[str]:
    if rule.assignee:
        yield "where it is assigned to you"
    yield from (f"your role is {role}" for role in rule.roles if role in roles)
    if person in rule.people:
        yield "you are named"
    for rota in rule.on_call:
        if person in {turn.person for turn in told.rotas[rota]}:
            is_on = on_call(told, rota, today) == person
            yield f"while you are on call ({rota}), {'as you are' if is_on else 'not'} today"


def quiet_words(quiet: Quiet | None) -> str:
    """When nobody is told anything, in words that follow “quiet”; empty where that is never."""
    if quiet is None:
        return ""
    hours = f"from {quiet.start} until {quiet.until}" if quiet.start else ""
    days = f"on {_listed([_DAYS[day] for day in quiet.days])}" if quiet.days else ""
    return " and ".join(part for part in (hours, days) if part)


def urgent_words(told: Notifications) -> str:
    """What reaches who is on call all the same."""
    return _listed([_KINDS[kind] for kind in told.urgent])


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
