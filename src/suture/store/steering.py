"""What people do to processes: find them, have them go on, stop them, undo them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from suture.store.database import Connection, sql
from suture.store.processes import Journal

_SQL = sql("steering")


class ProcessSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which processes: all conditions hold together, empty ones for all. `journey` is a correlation id."""

    keys: tuple[str, ...] = ()
    state: str = ""
    definition: str = ""
    step: str = ""
    journey: str = ""
    since: datetime | None = None
    until: datetime | None = None


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A process in a list. `released`: no worker has it in hand."""

    key: str
    definition: str
    version: int
    subject: str
    correlation_id: str
    state: str
    step: str
    attempt: int
    worker: str | None
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None
    held_by: str | None
    undoing: bool
    released: bool


class ProcessDetail(ProcessRow, frozen=True, kw_only=True):
    """A process with its input (JSON) and what its steps did."""

    input: str
    journal: Journal


class UnsettledProcesses(msgspec.Struct, frozen=True):
    definition: str
    state: str
    count: int


_PAGES = {
    **dict.fromkeys(("running", "waiting", "compensating", "stuck"), "page_active"),
    "parked": "page_parked",
    **dict.fromkeys(("cancelled", "compensated"), "page_ended"),
}


async def select(connection: Connection, selection: ProcessSelection, most: int = 100) -> list[ProcessRow]:
    """The processes of a selection, the newest first."""
    rows = await connection.fetch(
        _SQL["select"],
        selection.keys,
        selection.state,
        selection.definition,
        selection.step,
        selection.since,
        selection.until,
        selection.journey,
        most,
    )
    return [ProcessRow(**dict(row)) for row in rows]


async def page(
    connection: Connection, state: str, definition: str, after: tuple[datetime, str] | None, most: int
) -> list[ProcessRow]:
    """Processes of a state and a definition (empty: any), the newest first, after a place in that order. Each kind of
    state has the index that finds it."""
    at, key = after or (None, "")
    rows = await connection.fetch(_SQL[_PAGES.get(state, "page_any")], state, definition, at, key, most)
    return [ProcessRow(**dict(row)) for row in rows]


async def unsettled(connection: Connection) -> list[UnsettledProcesses]:
    """How many processes are not done, by definition and state."""
    return [UnsettledProcesses(**dict(row)) for row in await connection.fetch(_SQL["unsettled"])]


async def one(connection: Connection, key: str) -> ProcessDetail | None:
    row = await connection.fetchrow(_SQL["one"], key)
    if row is None:
        return None
    fields = dict(row)
    return ProcessDetail(journal=msgspec.json.decode(fields.pop("journal"), type=Journal), **fields)


async def resume(connection: Connection, turns: Sequence[tuple[str, datetime]]) -> set[str]:
    """Have processes go on from where they stopped, each at its time; answers those that do."""
    rows = await connection.fetch(_SQL["resume"], [key for key, _ in turns], [at for _, at in turns])
    await connection.execute(_SQL["announce"])
    return {row["key"] for row in rows}


async def cancel(connection: Connection, keys: Sequence[str], at: datetime) -> set[str]:
    """End processes where they stand; answers those that were ended."""
    return {row["key"] for row in await connection.fetch(_SQL["cancel"], keys, at)}


async def compensate(connection: Connection, keys: Sequence[str], at: datetime) -> set[str]:
    """Have processes undo, in reverse, what they did; answers those that do."""
    rows = await connection.fetch(_SQL["compensate"], keys, at)
    await connection.execute(_SQL["announce"])
    return {row["key"] for row in rows}


async def replace_input(connection: Connection, key: str, content: str) -> bool:
    """Give a stuck process another input, by which it begins at its first step. False: it isn't stuck on its way
    forward any more."""
    return await connection.fetchval(_SQL["replace_input"], key, content) is not None


async def redo(connection: Connection, key: str, steps: Sequence[str], at: datetime) -> bool:
    """Have steps of a process that is done be done again. False: it isn't done."""
    done = await connection.fetchval(_SQL["redo"], key, list(steps), at) is not None
    await connection.execute(_SQL["announce"])
    return done
