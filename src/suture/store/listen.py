"""Wakes loops of this process when another one has work for them (Postgres LISTEN). A missed call costs a poll, no
more: every loop also looks by its own timer."""

import asyncio
from collections.abc import Callable, Mapping

import asyncpg
import structlog

from suture.store.database import CONNECTION_LOST

log = structlog.get_logger()

DELIVERIES = "suture_deliveries"
PROCESSES = "suture_processes"
EVENTS = "suture_events"
GATES = "suture_gates"
HINTS = "suture_hints"
RECONCILIATION = "suture_reconciliation"

_PAUSE = 1.0
_PING = 15.0


async def listen(url: str, wakers: Mapping[str, Callable[[], None]]) -> None:
    """Call the waker of a channel whenever it is announced, until cancelled; connects again when it must."""
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=10, server_settings={"application_name": "suture-listen"})
        except (*CONNECTION_LOST, TimeoutError):
            await asyncio.sleep(_PAUSE)
            continue
        try:
            for channel, wake in wakers.items():
                await connection.add_listener(channel, lambda *_, wake=wake: wake())
                wake()
            while True:
                await asyncio.sleep(_PING)
                await connection.execute("SELECT 1")
        except CONNECTION_LOST as error:
            log.warning("database_away", role="listen", error_type=type(error).__name__)
        finally:
            connection.terminate()
