"""Routes that will end, as data. None so far; what is listed here says so in every answer."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec


class Deprecation(msgspec.Struct, frozen=True, kw_only=True):
    """A route that is deprecated `since`, and is gone after `sunset`; `link` says what to use instead. `path` is a
    route's, with its parameters in braces."""

    method: str
    path: str
    since: datetime
    sunset: datetime
    link: str

    def headers(self) -> dict[str, str]:
        """RFC 9745 and RFC 8594."""
        return {
            "Deprecation": f"@{self.since.astimezone(UTC).timestamp():.0f}",
            "Sunset": format_datetime(self.sunset.astimezone(UTC), usegmt=True),
            "Link": f'<{self.link}>; rel="deprecation"',
        }

    def covers(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path) is not None


DEPRECATED: tuple[Deprecation, ...] = ()


def deprecation_of(deprecated: Sequence[Deprecation], method: str, path: str) -> Deprecation | None:
    return next((one for one in deprecated if one.covers(method, path)), None)
