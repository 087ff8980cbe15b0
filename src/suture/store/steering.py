"""Processes as people look for them."""

from datetime import datetime

import msgspec

from suture.engine.process import Journal
from suture.store.database import Connection, sql

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
