"""The audit trail: who did what to what, when and why. Each entry carries a hash of itself and of the one before, so
that none can be changed, taken out or slipped in without the chain telling.

The hash is keyed, and the key is not in the database: who can write there can't make one that fits. What that person
could still do is to take the newest entries away, or all; so the head is kept outside as well (`anchor`).
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from asyncpg import Record

from suture.store.anchor import Anchor
from suture.store.database import Connection, after_commit, sql

_SQL = sql("audit")
_FIRST = bytes(32)
_PAGE = 500
_SIGNED = "audit.signed"
"""The act from which on entries are signed, in a trail that an earlier version began."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
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

    def signed(self, key: bytes) -> bytes:
        """What `hash` must be."""
        return hmac.digest(key, self._content(), "sha256")

    def unsigned(self) -> bytes:
        """What it was before trails were signed: a hash that anyone can make."""
        return hashlib.sha256(self._content()).digest()

    def _content(self) -> bytes:
        told = (self.id, self.at.astimezone(UTC).isoformat(), self.actor, self.action, self.subject, self.reason)
        return msgspec.json.encode((*told, self.detail, self.previous.hex()))


class AuditSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: all conditions hold together, empty ones for all. `action` and `subject` may be the first part of
    one (``exception``, ``Exception/``)."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    until: datetime | None = None


class Trail:
    """The trail of one database, as those write it who hold its key. `anchor` keeps its head outside."""

    def __init__(self, key: bytes, anchor: Anchor | None = None) -> None:
        self._key = key
        self._anchor = anchor

    async def record(
        self,
        connection: Connection,
        *,
        at: datetime,
        actor: str,
        action: str,
        subject: str,
        reason: str = "",
        detail: object = None,
    ) -> None:
        """Append an entry in this transaction; one writer at a time. Its head is kept once that is committed."""
        await connection.execute(_SQL["lock"])
        last = await connection.fetchrow(_SQL["last"])
        entry = AuditEntry(
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
        digest = entry.signed(self._key)
        fields = msgspec.structs.asdict(msgspec.structs.replace(entry, hash=digest))
        await connection.execute(_SQL["append"], *fields.values())
        anchor = self._anchor
        if anchor is not None:
            after_commit(connection, lambda: anchor.keep(entry.id, digest))

    async def prove(self, connection: Connection) -> "Proof":
        """Whether the whole trail is as it was written."""
        heads = {} if self._anchor is None else self._anchor.heads()
        link = _ProofLink(self._key, heads)
        async for entry in _all(connection):
            fault = link.fault(entry)
            if fault is not None:
                return Proof(entries=link.number, kept=max(heads, default=0), fault=fault, at=link.number + 1)
            link.take(entry)
        newest = max(heads, default=0)
        missing = (Fault.DELETED if link.number else Fault.EMPTIED) if newest > link.number else None
        return Proof(entries=link.number, kept=newest, fault=missing, at=link.number + 1)


async def begin_signing(connection: Connection, key: bytes) -> None:
    """Bind what an earlier version wrote, unsigned, by an entry that is signed. Once in a database's life."""
    last = await connection.fetchrow(_SQL["last"])
    if last is not None:
        await Trail(key).record(
            connection,
            at=await connection.fetchval("SELECT clock_timestamp()"),
            actor="suture",
            action=_SIGNED,
            subject="Audit/trail",
            reason="entries before this one were written by a version that didn't sign them",
            detail={"entries": last["id"], "head": last["hash"].hex()},
        )


class Fault(StrEnum):
    """What was done to a trail."""

    CHANGED = "changed"
    GONE = "gone"
    REHASHED = "rehashed"
    REPLACED = "replaced"
    DELETED = "deleted"
    EMPTIED = "emptied"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a trail is whole. `entries` of it are as they were written; `at` is the first that isn't, with a `fault`;
    `kept` the newest one whose head is kept outside the database, 0 where none is."""

    entries: int
    kept: int
    at: int
    fault: Fault | None = None

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        if self.fault is not None:
            return _FAULTS[self.fault].format(at=self.at, kept=self.kept)
        told = f"The audit trail is intact: {self.entries} entries."
        if self.kept:
            return f"{told} The heads kept on this machine, up to number {self.kept}, agree."
        return f"{told} No head is kept on this machine, so deletion of the newest entries can't be detected."


_FAULTS = {
    Fault.CHANGED: "The trail is broken at entry {at}: it was changed after it was written.",
    Fault.GONE: "The trail is broken at entry {at}: it was removed, or another entry was inserted before it.",
    Fault.REHASHED: "The trail is broken at entry {at}: it was changed and hashed again by someone without its key.",
    Fault.REPLACED: "Entries from number {at} on were deleted and others written in their place: their heads, kept "
    "outside the database, are others.",
    Fault.DELETED: "The newest entries were deleted: numbers {at} to {kept} are gone, as their heads, kept outside the "
    "database, show.",
    Fault.EMPTIED: "The trail was emptied: {kept} entries are gone, as their heads, kept outside the database, show.",
}


class _ProofLink:
    """Where a proof stands: the entries so far are as they were written."""

    def __init__(self, key: bytes, heads: dict[int, str]) -> None:
        self.number = 0
        self._key = key
        self._heads = heads
        self._previous = _FIRST
        self._signed = False

    def fault(self, entry: AuditEntry) -> Fault | None:
        """What is wrong with the entry that comes next."""
        head = self._heads.get(self.number + 1)
        as_kept = head is None or head == entry.hash.hex()
        if entry.id != self.number + 1:
            return Fault.GONE
        signed = hmac.compare_digest(entry.hash, entry.signed(self._key))
        if not signed:
            return self._unsigned_fault(entry, as_kept)
        if entry.previous != self._previous:
            return Fault.GONE
        begins = self._signed or entry.id == 1 or entry.action == _SIGNED
        if not begins:
            return Fault.REHASHED
        return None if as_kept else Fault.REPLACED

    def _unsigned_fault(self, entry: AuditEntry, as_kept: bool) -> Fault | None:
        if entry.hash != entry.unsigned():
            return Fault.CHANGED
        if self._signed or not as_kept:
            return Fault.REHASHED
        return None if entry.previous == self._previous else Fault.GONE

    def take(self, entry: AuditEntry) -> None:
        self._signed = self._signed or hmac.compare_digest(entry.hash, entry.signed(self._key))
        self.number, self._previous = entry.id, entry.hash


async def newest(connection: Connection, subject: str = "", most: int = 50) -> list[AuditEntry]:
    """The latest entries (about `subject`), newest first."""
    return [_entry(row) for row in await connection.fetch(_SQL["newest"], subject, most)]


async def select(connection: Connection, selection: AuditSelection, before: int | None, most: int) -> list[AuditEntry]:
    """The entries of a selection, newest first, before one by its number."""
    rows = await connection.fetch(
        _SQL["select"], selection.actor, selection.action, selection.subject, before, selection.until, most
    )
    return [_entry(row) for row in rows]


async def of_acts(connection: Connection, acts: Sequence[str]) -> list[AuditEntry]:
    """All entries of these acts, oldest first."""
    return [_entry(row) for row in await connection.fetch(_SQL["of_acts"], list(acts))]


async def _all(connection: Connection) -> AsyncIterator[AuditEntry]:
    last = 0
    while rows := await connection.fetch(_SQL["page"], last, _PAGE):
        for row in rows:
            yield _entry(row)
        last = rows[-1]["id"]


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(**dict(row))
