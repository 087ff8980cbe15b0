"""How much to gather, and how long to wait for it: found out from how long flushes take."""

from dataclasses import dataclass

_SHARE = 0.1
"""The part of a flush's own time that is worth waiting for company: it costs a tenth at most, and halves the calls."""


@dataclass
class Pace:
    """Adapts a batch's size and the window before it to the load.

    A full batch that took less than `aim` seconds makes room for half as many more, up to `most`; one that took more
    than twice as long halves the room, down to `least`. After a flush of several, the next waits for its callers to
    come back with their next call: for a share of what that flush took and at most `longest` seconds. After a flush of
    one, so when idle, nothing waits.
    """

    limit: int
    least: int = 1
    most: int = 1
    aim: float = 2.0
    longest: float = 0.0
    _last_size: int = 1
    _last_took: float = 0.0

    @classmethod
    def steady(cls, limit: int) -> "Pace":
        """Always the same size, and no window."""
        return cls(limit, least=limit, most=limit)

    def window(self, waiting: int) -> float:
        """How long to wait (seconds) before a flush that `waiting` items are ready for."""
        if self._last_size <= 1 or waiting >= min(self._last_size, self.limit):
            return 0.0
        return min(self._last_took * _SHARE, self.longest)

    def flushed(self, size: int, took: float) -> None:
        """A flush of `size` items took so many seconds."""
        self._last_size, self._last_took = size, took
        if size >= self.limit and took < self.aim:
            self.limit = min(self.limit + max(self.limit // 2, 1), self.most)
        elif took > 2 * self.aim:
            self.limit = max(min(self.limit, size) // 2, self.least)
