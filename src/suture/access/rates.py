"""How often a client may call: a bucket that fills up evenly, a process's own. No I/O."""

import math
from collections import OrderedDict
from datetime import datetime

import msgspec

_REMEMBERED = 10_000


class Allowance(msgspec.Struct, frozen=True):
    """Whether a call may go on, how many more may at once, and in how many seconds there is room again."""

    granted: bool
    limit: int
    remaining: int
    reset: int


class CallRates:
    """Buckets by client. Each gateway process has its own: several let through as many times more."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, client: str, per_minute: int, now: datetime) -> Allowance:
        """Take one call of a client that may make `per_minute`, all of them at once if it likes."""
        left, at = self._buckets.pop(client, (float(per_minute), now))
        left = min(left + max((now - at).total_seconds(), 0) * per_minute / 60, per_minute)
        granted = left >= 1
        left -= granted
        self._buckets[client] = (left, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        wait = 0 if left >= 1 else math.ceil((1 - left) * 60 / per_minute)
        return Allowance(granted, per_minute, int(left), wait)
