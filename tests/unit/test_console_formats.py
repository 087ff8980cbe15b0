"""How the console writes figures."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from suture.console import formats
from suture.core.money import Money

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (Decimal("1234.5"), "USD", "$1,234.50"),
        (Decimal("-3"), "EUR", "−€3.00"),
        (Decimal("0.005"), "GBP", "£0.01"),
        (Decimal("1234.5"), "JPY", "¥1,235"),
        (Decimal("1"), "KWD", "KWD\N{NO-BREAK SPACE}1.000"),
        (Decimal("-0.001"), "USD", "$0.00"),
        (None, "USD", "–"),
    ],
)
def test_amounts(value: Decimal | None, currency: str, text: str) -> None:
    assert formats.amount(value, currency) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3 * 3600 + 300, "3 h 05 min"),
        (86400, "1 d 0 h"),
        (86400 * 12 + 3600 * 4, "12 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert formats.duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 ms"), (0.0412, "41 ms"), (0.9996, "1.00 s"), (1.239, "1.24 s"), (61, "1 min")]
)
def test_how_long_something_took(seconds: float, text: str) -> None:
    assert formats.seconds(seconds) == text


@pytest.mark.parametrize(
    ("octets", "text"), [(812, "812 B"), (4200, "4.2 kB"), (999_960, "1.0 MB"), (5 * 10**12, "5000.0 GB")]
)
def test_sizes(octets: int, text: str) -> None:
    assert formats.size(octets) == text


def test_times_are_the_organisations() -> None:
    just_after_midnight_in_utc = datetime(2026, 7, 14, 0, 30, tzinfo=UTC)
    assert formats.local(just_after_midnight_in_utc, zone=NEW_YORK) == "20:30:00"
    assert not formats.same_day(just_after_midnight_in_utc, datetime(2026, 7, 14, 12, tzinfo=UTC), zone=NEW_YORK)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (Money(Decimal("36"), "USD"), "$36.00"),
        (Decimal("2.50"), "2.5"),
        (Decimal("100"), "100"),
        (datetime(2026, 7, 14, 14, 3, tzinfo=UTC), "2026-07-14 10:03"),
        (date(2026, 7, 14), "2026-07-14"),
        (41, "41"),
        ("INV/2026/00042", "INV/2026/00042"),
    ],
)
def test_a_fact_is_written_by_what_it_is(fact: object, text: str) -> None:
    assert formats.told(fact, zone=NEW_YORK) == text
