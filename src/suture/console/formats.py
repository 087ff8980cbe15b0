"""How figures are written for people: money, counts, sizes, spans and times."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from suture.core.money import Money, round_money

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_UNITS = ("kB", "MB", "GB")


def amount(value: Decimal | None, currency: str) -> str:
    """An amount with its currency: ``$1,234.50``, ``−$3.00``, ``CHF 1,234.50``; a dash where there is none."""
    if value is None:
        return "–"
    rounded = round_money(value, currency)
    sign = _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}")
    return f"{'−' if rounded < 0 else ''}{sign}{abs(rounded):,}"


def money(value: Money | None) -> str:
    """`amount`, for money that knows its currency."""
    return "–" if value is None else amount(value.amount, value.currency)


def number(value: int) -> str:
    return f"{value:,}"


def quantity(value: Decimal) -> str:
    """A quantity without trailing zeros."""
    return f"{value.normalize():f}"


def percent(share: float) -> str:
    """A share that is near one, with the digits that tell: ``99.95 %``; never rounded up to all."""
    hundredths = int(share * 10_000 + 1e-9)
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".") + " %"


def size(octets: int) -> str:
    """``812 B``, ``4.2 kB``."""
    if octets < 1000:
        return f"{octets} B"
    value = float(octets)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def seconds(value: float) -> str:
    """How long something took: ``4 ms``, ``1.24 s``, then as `duration`."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 60 else duration(timedelta(seconds=value))


def duration(value: timedelta) -> str:
    """An age in its two largest units: ``41 s``, ``12 min``, ``3 h 05 min``, ``2 d 4 h``."""
    whole = max(int(value.total_seconds()), 0)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if not minutes:
        return f"{whole} s"
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} d {hours % 24} h"


def sentence(text: str) -> str:
    """A text that begins like one."""
    return text[:1].upper() + text[1:]


def said(words: object) -> str:
    """What is to be said, or an error says, as a whole sentence."""
    text = sentence(str(words))
    return text if text.endswith((".", "?", "!")) else f"{text}."


def words(name: str) -> str:
    """A name from code as words: ``draft_invoice`` is ``Draft invoice``."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def local(at: datetime, style: str = "%H:%M:%S", *, zone: ZoneInfo) -> str:
    """A time as a clock in the zone shows it."""
    return at.astimezone(zone).strftime(style)


def same_day(at: datetime, now: datetime, *, zone: ZoneInfo) -> bool:
    """Whether two times are on one day in the zone."""
    return at.astimezone(zone).date() == now.astimezone(zone).date()


def told(value: object, *, zone: ZoneInfo) -> str:
    """A fact of an event, by what it is."""
    match value:
        case Money():
            return money(value)
        case Decimal():
            return quantity(value)
        case datetime():
            return local(value, "%Y-%m-%d %H:%M", zone=zone)
        case date():
            return value.isoformat()
        case _:
            return str(value)
