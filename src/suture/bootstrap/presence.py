"""A role says that it runs, and by which catalogue, for as long as it does."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from suture.bootstrap.composition import Foundation
from suture.bootstrap.memory import keep_what_is_loaded
from suture.store import running
from suture.store.database import DATABASE_AWAY


@asynccontextmanager
async def present(base: Foundation, role: str) -> AsyncIterator[None]:
    """Say so from now on; a database that is away is told later."""
    keep_what_is_loaded()
    name = f"{role} {socket.gethostname()}:{os.getpid()}"
    telling = asyncio.create_task(_keep_telling(base, name, role))
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        with suppress(*DATABASE_AWAY, TimeoutError):
            async with asyncio.timeout(1), base.database.connection() as connection:
                await running.leave(connection, name, base.clock.now())


async def _keep_telling(base: Foundation, name: str, role: str) -> None:
    while True:
        with suppress(*DATABASE_AWAY, TimeoutError):
            async with base.database.connection() as connection:
                await running.beat(connection, name, role, base.read, base.clock.now())
        await asyncio.sleep(running.BEAT_SECONDS)
