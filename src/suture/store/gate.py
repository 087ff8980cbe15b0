"""One interface's gate in one worker: counts what happens at it, decides, and keeps to what was decided for all."""

import math
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Literal

import msgspec

from suture.catalogue.model import Interface
from suture.core.breaker import Window
from suture.core.failure import CircuitOpen, Failure, Fatal

_SILENT = Failure("silent", "calls under way are not answered")

BreakerState = Literal["closed", "open", "half_open"]


class GateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A gate as all workers see it. `suspended` counts the processes that wait at it."""

    interface: str
    breaker: BreakerState = "closed"
    cause: str = ""
    openings: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_reason: str | None = None
    suspended: int = 0

    @property
    def flowing(self) -> bool:
        return self.breaker == "closed" and self.paused_at is None


class Order(msgspec.Struct, frozen=True):
    """What a worker has decided about a gate and wants to hold for all."""

    interface: str
    change: Literal["open", "close", "pause"]
    failure: Failure | None = None


class Gate:
    """One interface's gate in this worker: counts what happens at it and decides.

    `silence` is after how many seconds without any answer, while calls are under way, a system counts as hanging.
    Without `tell` it only ever opens and shuts as it is told, which is never.
    """

    def __init__(
        self,
        interface: str,
        rules: Interface | None = None,
        *,
        silence: float = math.inf,
        tell: Callable[[Order], None] | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.row = GateRow(interface=interface)
        self.steps = 0
        self._tell = tell
        self._now = now
        self._silence = silence
        self._calls = 0
        self._unanswered = 0
        self._most_unanswered = rules.breaker.count if rules else math.inf
        self._heard_at = now()
        self._may_probe = True
        self._pausing = False
        self._failures = Window(rules.breaker) if rules else None
        self._refusals = Window(rules.pause_after) if rules else None

    @property
    def interface(self) -> str:
        return self.row.interface

    @property
    def flowing(self) -> bool:
        return self.row.flowing

    @property
    def probing(self) -> bool:
        """Whether a call may pass to find out if the system is back: one at a time."""
        return self.row.breaker == "half_open" and self.row.paused_at is None

    @property
    def in_doubt(self) -> bool:
        """Whether the newest call came to nothing."""
        return self._unanswered > 0

    def enter(self) -> None:
        """Begin a step; `leave` ends it. Raises `CircuitOpen` where nothing may pass; while probing, one may."""
        if self.probing and self._may_probe:
            self._may_probe = False
        elif not self.flowing:
            raise self._held()
        self.steps += 1

    def leave(self) -> None:
        self.steps -= 1

    def check(self) -> None:
        """Raises `CircuitOpen` where no call may go out."""
        if not (self.flowing or self.probing):
            raise self._held()

    def _held(self) -> CircuitOpen:
        return CircuitOpen(self.interface, "is paused" if self.row.paused_at else "does not answer at present")

    def began(self) -> None:
        """A call goes out."""
        if not self._calls:
            self._heard_at = self._now()
        self._calls += 1

    def answered(self) -> None:
        """A call came back with an answer, whatever it said."""
        self._heard()
        self._unanswered = 0
        if self._failures is not None:
            self._failures.note(True, self._now())

    def failed(self, failure: Failure) -> None:
        """A call came to nothing: no answer, or the system says that it can't."""
        self._heard()
        self._unanswered += 1
        too_many = self._failures is not None and self._failures.note(False, self._now())
        if too_many or self.probing:
            self._order("open", failure)

    def pinged_in_vain(self, failure: Failure) -> None:
        """A ping failed. Pings are too few for the breaker's time, and some wait long for their end: here as many calls
        in a row that came to nothing as the breaker counts tell the same, however long they took."""
        if self._unanswered >= self._most_unanswered:
            self._order("open", failure)

    def ended(self) -> None:
        """A call was given up by its caller."""
        self._heard()

    def look_for_silence(self) -> None:
        """A system that takes calls and answers none is shut out before every call has waited for its end."""
        if self._calls and self.flowing and self._now() - self._heard_at > self._silence:
            self._order("open", _SILENT)

    def succeeded(self) -> None:
        """Work was done: what had shut the gate is over."""
        if self._refusals is not None:
            self._refusals.note(True, self._now())
        if self.probing:
            self._order("close")

    def refused(self, failure: Failure) -> None:
        """Work was refused for good."""
        if self.probing:
            self._order("close")  # it was understood and answered
        if self._refusals is not None and self._refusals.note(False, self._now()):
            self._order("pause", failure)

    def shut(self, failure: Fatal) -> bool:
        """Nothing can work until someone fixes the configuration. False where nobody listens."""
        self._order("open", failure)
        return self._tell is not None

    def apply(self, row: GateRow) -> None:
        """What holds for all by now."""
        if row.flowing and not self.flowing:
            self._forget()
        self._may_probe = self._may_probe or row.breaker != "half_open" or row.probe_at != self.row.probe_at
        self._pausing = False
        self.row = row

    def _forget(self) -> None:
        """What happened before the gate opened says nothing about what comes."""
        self._unanswered = 0
        if self._failures and self._refusals:
            self._failures.clear()
            self._refusals.clear()

    def _heard(self) -> None:
        self._calls -= 1
        self._heard_at = self._now()

    def _order(self, change: Literal["open", "close", "pause"], failure: Failure | None = None) -> None:
        """Hold to it at once; the others follow when it is written."""
        if self._tell is None:
            return
        if change == "open" and failure is not None:
            if (self.row.breaker, self.row.cause) == ("open", failure.code):
                return
            self.row = msgspec.structs.replace(self.row, breaker="open", cause=failure.code)
        elif change == "close":
            self.row = msgspec.structs.replace(self.row, breaker="closed")
            self._forget()
        elif self._pausing:
            return
        self._pausing = change == "pause"
        self._tell(Order(self.interface, change, failure))
