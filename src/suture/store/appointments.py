"""The latest state of each appointment. Its row is locked while its events are put in order."""

from collections.abc import Iterable

from suture.store.database import Connection, sql

_SQL = sql("appointments")


async def lock(connection: Connection, references: Iterable[str]) -> dict[str, int]:
    """Lock appointments for the rest of the transaction; answers each one's version so far, -1 for a new one."""
    wanted = sorted(set(references))
    await connection.execute(_SQL["ensure"], wanted)
    return {row["reference"]: row["sequence"] for row in await connection.fetch(_SQL["lock"], wanted)}


async def advance(connection: Connection, states: Iterable[tuple[str, str, int]]) -> None:
    """Write new states: reference, status, version."""
    rows = list(states)
    await connection.execute(
        _SQL["advance"], [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    )


async def known(connection: Connection, references: list[str]) -> int:
    """How many of these appointments were heard of."""
    count: int = await connection.fetchval(_SQL["known"], references)
    return count


async def count_by_status(connection: Connection) -> dict[str, int]:
    return {row["status"]: row["count"] for row in await connection.fetch(_SQL["count_by_status"])}
