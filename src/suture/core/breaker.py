"""When to stop calling a system that fails, and when to stop work that is refused: shares over a sliding window."""

from collections import deque
from typing import Protocol


class FailureLimit(Protocol):
    """At least `count` bad outcomes within `within` seconds, and at least `share` (0 to 1) of all outcomes."""

    @property
    def count(self) -> int: ...
    @property
    def share(self) -> float: ...
    @property
    def within(self) -> float: ...


class Window:
    """Outcomes of the last seconds. Pure: the caller says what time it is (seconds, any origin, never backwards)."""

    def __init__(self, limit: FailureLimit) -> None:
        self._limit = limit
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._bad = 0

    def note(self, good: bool, now: float) -> bool:
        """Note an outcome; answers whether the limit is reached by it."""
        self._outcomes.append((now, good))
        self._bad += not good
        while self._outcomes[0][0] < now - self._limit.within:
            self._bad -= not self._outcomes.popleft()[1]
        reached = self._bad >= self._limit.count and self._bad >= self._limit.share * len(self._outcomes)
        return not good and reached

    def clear(self) -> None:
        self._outcomes.clear()
        self._bad = 0
