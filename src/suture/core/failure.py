"""A failure's type says what happens next. Connectors raise these and nothing else.

The message is read by an operator, so it names records by reference and never carries patient data;
`remedy` says what to do. `code` is stable and groups exceptions of one cause.
"""

from datetime import timedelta
from typing import ClassVar


class Failure(Exception):
    """Something outside did not go as intended."""

    outcome: ClassVar[str] = "failure"

    def __init__(self, code: str, message: str, remedy: str = "", *, not_before: timedelta | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.not_before = not_before


class Retriable(Failure):
    """It did not happen, and trying again later may work. `not_before` is how long to wait at least."""

    outcome = "retriable"


class Throttled(Retriable):
    """It asks for fewer calls. That says nothing about what was asked, so it uses up no try, only time."""


class Rejected(Failure):
    """It did not happen and won't until data changes; a person decides."""

    outcome = "rejected"


class Unknown(Failure):
    """It may have happened: look before doing it again."""

    outcome = "unknown"


class Fatal(Failure):
    """Configuration is wrong: nothing of this interface can work until someone fixes it."""

    outcome = "fatal"


class CircuitOpen(Failure):
    """It was not tried: the way to the system is shut (a breaker is open, or a person paused the interface).

    `interface` names the gate that it waits at; with `not_before` only its turn has not come yet.
    """

    outcome = "held"

    def __init__(self, interface: str, reason: str, *, not_before: timedelta | None = None) -> None:
        super().__init__("held", f"{interface} {reason}", not_before=not_before)
        self.interface = interface
