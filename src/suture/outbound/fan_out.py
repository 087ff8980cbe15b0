"""Has events from the backbone wait for those who subscribed to them."""

from collections.abc import Sequence

import structlog

from suture.canonical.cloudevents import encode
from suture.canonical.events import Event
from suture.core.clock import Clock
from suture.store import subscriptions
from suture.store.database import Database

log = structlog.get_logger()


class FanOut:
    """A subscriber of the backbone like any other: idempotent, since one event waits once for each."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def apply(self, events: Sequence[Event]) -> None:
        async with self._database.transaction() as connection:
            subscribers = await subscriptions.enabled(connection)
            rows = [
                (number, event.id, event.type, encode(event).decode())
                for event in events
                for number, types in subscribers
                if not types or event.type in types
            ]
            if rows:
                await subscriptions.fan_out(connection, rows, self._clock.now())

    async def put_aside(self, event: Event, error: Exception) -> None:
        """An event that can't be made to wait is passed over; whoever needs it reads it from the API."""
        log.error("event_not_fanned_out", type=event.type, error_type=type(error).__name__)
