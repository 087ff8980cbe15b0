"""Which roles run, and by which catalogue: a role reads it at its start, so that a change needs a restart."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from suture.store.database import Connection, sql

_SQL = sql("running")
BEAT_SECONDS = 10.0
_SILENT = timedelta(seconds=3 * BEAT_SECONDS)


async def beat(connection: Connection, name: str, role: str, catalogue: str, now: datetime) -> None:
    """Say that a role runs; said again now and then, or it counts as gone."""
    await connection.execute(_SQL["beat"], name, role, catalogue, now)


async def leave(connection: Connection, name: str, now: datetime) -> None:
    """Say that a role ends; others that have long been silent are forgotten too."""
    await connection.execute(_SQL["leave"], name, now - timedelta(days=1))


async def by_another_catalogue(connection: Connection, catalogue: str, now: datetime) -> Sequence[str]:
    """The names of roles that run by another catalogue than this."""
    rows = await connection.fetch(_SQL["others"], catalogue, now - _SILENT)
    return [row["name"] for row in rows]
