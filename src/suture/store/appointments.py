"""The latest state of each appointment. Its row is locked while its events are put in order."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("appointments")


class State(msgspec.Struct, frozen=True):
    """An appointment's status, the version that it comes from (-1: nothing was told yet), and when its source changed
    it, where it says."""

    status: str
    sequence: int
    changed_at: datetime | None = None


async def lock(connection: Connection, references: Iterable[str]) -> dict[str, State]:
    """Lock appointments for the rest of the transaction; answers how each stands."""
    wanted = sorted(set(references))
    await connection.execute(_SQL["ensure"], wanted)
    rows = await connection.fetch(_SQL["lock"], wanted)
    return {row["reference"]: State(row["status"], row["sequence"], row["changed_at"]) for row in rows}


async def advance(connection: Connection, states: Mapping[str, State]) -> None:
    """Write new states by reference."""
    told = states.values()
    await connection.execute(
        _SQL["advance"],
        list(states),
        [state.status for state in told],
        [state.sequence for state in told],
        [state.changed_at for state in told],
    )


async def tellers(connection: Connection, told: Mapping[str, str], interfaces: Collection[str]) -> dict[str, str]:
    """By which interface each subject was told first: `told` has whom it is told by now, `interfaces` are those that
    there are."""
    wanted = sorted(told)
    await connection.execute(_SQL["told_first"], wanted, [told[subject] for subject in wanted], list(interfaces))
    return {row["subject"]: row["interface"] for row in await connection.fetch(_SQL["tellers"], wanted)}


async def known(connection: Connection, references: list[str]) -> int:
    """How many of these appointments were heard of."""
    count: int = await connection.fetchval(_SQL["known"], references)
    return count


async def count_by_status(connection: Connection) -> dict[str, int]:
    return {row["status"]: row["count"] for row in await connection.fetch(_SQL["count_by_status"])}
