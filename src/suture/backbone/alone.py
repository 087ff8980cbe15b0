"""One at a time over all workers: whoever holds an advisory lock in Postgres works, the others stand by.

The lock lives as long as its holder's session, and the session only as long as its holder keeps talking: a holder that
hangs loses the lock after a while, so a silent worker stops nobody. When it wakes up, it finds its session gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from zlib import crc32

import asyncpg

_FAMILY = 0x5355_5455
_BEAT = 2.0
_INSIST = 1.0
_SILENCE = "10s"


class RoleLost(ConnectionError):
    """The database ended the session that held the role, for it was silent too long. It is waited for again."""


async def alone(url: str, role: str, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for `role` to be free, then do `work` for as long as nobody else may. Returns when `work` does.

    Raises what `work` raises, and what asyncpg raises when the database is away.
    """
    connection = await asyncpg.connect(
        url, timeout=10, command_timeout=10, server_settings={"idle_session_timeout": _SILENCE}
    )
    try:
        key = crc32(role.encode()) - 2**31  # Postgres takes signed numbers
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _FAMILY, key):  # noqa: ASYNC110
            await asyncio.sleep(_BEAT)
        await _while_held(connection, work)
    finally:
        connection.terminate()  # the server frees the lock; nothing is under way here that could be lost


async def _while_held(connection: asyncpg.Connection, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work`; stop it as soon as the session that holds the lock is lost."""
    working, talking = asyncio.ensure_future(work()), asyncio.ensure_future(_keep_talking(connection))
    try:
        await asyncio.wait((working, talking), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(working)
        await _end(talking)
    errors = [task.exception() for task in (working, talking) if not task.cancelled()]
    for error in filter(None, errors):
        raise error


async def _end(task: asyncio.Future[None]) -> None:
    """Cancel a task, again and again: libraries swallow a cancellation now and then."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=_INSIST)


async def _keep_talking(connection: asyncpg.Connection) -> None:
    while True:
        await asyncio.sleep(_BEAT)
        try:
            await connection.fetchval("SELECT 1")
        except asyncpg.OperatorInterventionError as error:
            raise RoleLost from error
