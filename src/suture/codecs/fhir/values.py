"""FHIR R4's primitive values as real servers write them: whole, partial, or with more digits than they need.

https://hl7.org/fhir/R4/datatypes.html
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_SYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x1f\x7f]{1,200}")
_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))"
)

Days = tuple[date, date]
"""The first and the last day that a partial date may mean."""


def is_id(text: str) -> bool:
    """Whether a text is of the form of FHIR's `id`: letters, digits, ``-`` and ``.``, at most 64."""
    return bool(_ID.fullmatch(text))


def is_system(text: str) -> bool:
    """Whether a text is a URI without blanks, as `Coding.system` and `Identifier.system` are."""
    return bool(_SYSTEM.fullmatch(text))


@lru_cache(maxsize=1024)
def moment(text: str | None) -> datetime | None:
    """An `instant`, or a `dateTime` with its time and zone; None for anything less or else. Digits beyond the
    microsecond are cut off, and a leap second is the second before it."""
    found = _MOMENT.fullmatch(text or "")
    if found is None:
        return None
    day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = found.groups()
    try:
        offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
        told = datetime.combine(
            date.fromisoformat(day), datetime.min.time(), timezone(-offset if sign == "-" else offset) if sign else UTC
        ).replace(
            hour=int(hour),
            minute=int(minute),
            second=min(int(second or 0), 59) if second != "60" else 59,
            microsecond=int((fraction or "0")[:6].ljust(6, "0")),
        )
        told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return told


def local_day(when: datetime, zone: tzinfo) -> date:
    """The day of a moment in a zone, also at both ends of the calendar, where there is no other day to go to."""
    try:
        return when.astimezone(zone).date()
    except OverflowError:
        return when.date()


def days(text: str | None, zone: tzinfo) -> Days | None:
    """The days that a `date` or `dateTime` may mean: a year's, a month's, or one; of a moment, the one in `zone`."""
    exact = moment(text)
    if exact is not None:
        day = local_day(exact, zone)
        return day, day
    found = _DAY.fullmatch(text or "")
    if found is None:
        return None
    year, month, day_of_month = (int(part) if part else None for part in found.groups())
    try:
        first = date(year or 0, month or 1, day_of_month or 1)
        last = date(first.year, month or 12, day_of_month or monthrange(first.year, month or 12)[1])
    except ValueError:
        return None
    return first, last
