"""Which schema this program needs; a test holds it to the newest migration."""

from suture.store.database import Database

CURRENT = "0015"


class SchemaOutdated(Exception):
    """The database's schema is not this program's. Run `suture migrate`."""


async def check_schema(database: Database) -> None:
    """Raises `SchemaOutdated`."""
    async with database.connection() as connection:
        known = await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        found = await connection.fetchval("SELECT version_num FROM alembic_version") if known else None
    if found != CURRENT:
        raise SchemaOutdated(f"the database's schema is {found or 'missing'}, and this program needs {CURRENT}")
