"""What a connector is made of: a system as the catalogue describes it, and what it works with here."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from suture.catalogue.days import Days
from suture.connectors.guard import Guard
from suture.connectors.port.plan import LedgerPlan


class Connecting(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the system's in the catalogue, `secret` its token or key, `timeout` bounds one call in seconds.
    `settings` are of the type that the connector's manifest names. `days` says on which day something falls at a
    facility, `facilities` are their codes. `plan` answers what is to stand in the books of a company (None: the
    system's own); `crosswalk` remembers which record was written for what, where anybody does."""

    name: str
    url: str
    secret: str
    settings: Any
    timeout: int
    guard: Guard
    organisation: str
    currency: str
    days: Days | None = None
    facilities: Sequence[str] = ()
    plan: Callable[[str | None], LedgerPlan] | None = None
    crosswalk: Any = None
