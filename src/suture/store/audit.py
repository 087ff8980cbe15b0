"""The audit trail: who did what to what, when and why. Each entry carries the hash of the one before, so that none can
be changed, taken out or slipped in without the chain telling.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
from asyncpg import Record

from suture.store.database import Connection, sql

_SQL = sql("audit")
_FIRST = bytes(32)
_PAGE = 500


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One act. `detail` is JSON and holds references only; `reason` is the person's own words."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    detail: str
    previous: bytes
    hash: bytes

    def computed(self) -> bytes:
        """What `hash` must be."""
        told = (self.id, self.at.astimezone(UTC).isoformat(), self.actor, self.action, self.subject, self.reason)
        return hashlib.sha256(msgspec.json.encode((*told, self.detail, self.previous.hex()))).digest()


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: all conditions hold together, empty ones for all. `action` and `subject` may be the first part of
    one (``exception``, ``Exception/``)."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    until: datetime | None = None


async def record(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    detail: object = None,
) -> None:
    """Append an entry in this transaction; one writer at a time."""
    await connection.execute(_SQL["lock"])
    last = await connection.fetchrow(_SQL["last"])
    entry = Entry(
        id=last["id"] + 1 if last else 1,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        detail=msgspec.json.encode(detail).decode(),
        previous=last["hash"] if last else _FIRST,
        hash=b"",
    )
    fields = msgspec.structs.asdict(msgspec.structs.replace(entry, hash=entry.computed()))
    await connection.execute(_SQL["append"], *fields.values())


async def newest(connection: Connection, subject: str = "", most: int = 50) -> list[Entry]:
    """The latest entries (about `subject`), newest first."""
    return [_entry(row) for row in await connection.fetch(_SQL["newest"], subject, most)]


async def select(connection: Connection, selection: Selection, before: int | None, most: int) -> list[Entry]:
    """The entries of a selection, newest first, before one by its number."""
    rows = await connection.fetch(
        _SQL["select"], selection.actor, selection.action, selection.subject, before, selection.until, most
    )
    return [_entry(row) for row in rows]


async def broken_at(connection: Connection) -> int | None:
    """The first entry that doesn't fit the chain, or None where the whole trail is as it was written."""
    previous, expected = _FIRST, 1
    async for entry in _all(connection):
        if entry.id != expected or entry.previous != previous or entry.hash != entry.computed():
            return expected
        previous, expected = entry.hash, expected + 1
    return None


async def _all(connection: Connection) -> AsyncIterator[Entry]:
    last = 0
    while rows := await connection.fetch(_SQL["page"], last, _PAGE):
        for row in rows:
            yield _entry(row)
        last = rows[-1]["id"]


def _entry(row: Record) -> Entry:
    return Entry(**dict(row))
