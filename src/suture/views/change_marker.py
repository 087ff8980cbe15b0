"""Whether anything changed that people look at, told cheaply: a mark of the newest of everything."""

from suture.store.database import Database, sql

_SQL = sql("change_marker")


async def pulse(database: Database) -> str:
    """A mark that is another one whenever something changed. It reads the ends of indexes only."""
    async with database.connection() as connection:
        mark: str = await connection.fetchval(_SQL["mark"])
    return mark
