"""How far the changes that others make in an outside system are read.

A look is claimed by time, so that of many workers one looks; two that overlap nevertheless tell the same changes, which
the inbox knows, and only one moves the cursor.
"""

from datetime import datetime, timedelta

from suture.store.database import Connection, Database, sql

_SQL = sql("cursors")


async def claim(connection: Connection, interface: str, now: datetime, gap: timedelta) -> str | None:
    """The cursor of an interface, empty where nothing was read yet; None where someone looked less than `gap` ago."""
    cursor: str | None = await connection.fetchval(_SQL["claim"], interface, now, now - gap)
    return cursor


async def advance(connection: Connection, interface: str, before: str, cursor: str, now: datetime) -> bool:
    """Move a cursor on from where it was. False: another worker moved it, and it stays as that one left it."""
    return await connection.fetchval(_SQL["advance"], interface, before, cursor, now) is not None


async def hint(database: Database, interface: str) -> None:
    """Have whoever polls an interface look now."""
    async with database.connection() as connection:
        await connection.execute(_SQL["hint"], interface)
