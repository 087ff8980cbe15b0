"""The inbox: what senders delivered, committed before they hear 2xx.

Acceptances that arrive together share one commit (`core.gather`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.core.gather import Gather
from suture.core.ids import fact_id
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.sealing import Sealed
from suture.store.vault import Vault

_SQL = sql("inbox")
_LARGEST_COMMIT = 256
_MOST_WAITING = 20 * _LARGEST_COMMIT


class InboxFull(Exception):
    """More deliveries wait for their commit than it is good to keep in memory. Send them again in a while."""


class Verdict(Enum):
    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"


class Receipt(msgspec.Struct, frozen=True):
    """Answer to a delivery. The same delivery always gets the same `receipt`."""

    receipt: UUID
    verdict: Verdict


class Delivery(msgspec.Struct, frozen=True):
    """A delivery as it waits to be ingested, still sealed.

    `replays` counts how often it was ingested before. Where a person corrected its payload, `correction` is that
    correction's id and `sealed` its content.
    """

    id: int
    interface: str
    delivery_id: str
    received_at: datetime
    sealed: Sealed
    replays: int = 0
    correction: int | None = None

    @property
    def receipt(self) -> UUID:
        return receipt_of(self.interface, self.delivery_id)

    @property
    def bound_to(self) -> str:
        """What its seal is bound to."""
        return self.corrected_binding if self.correction else binding(self.interface, self.delivery_id)

    @property
    def corrected_binding(self) -> str:
        """What the seal of a corrected payload is bound to."""
        return f"correction:{self.interface}:{self.delivery_id}"


class _Accepting(msgspec.Struct, frozen=True):
    interface: str
    delivery_id: str
    receipt: UUID
    fingerprint: bytes
    sealed: Sealed
    received_at: datetime


def receipt_of(interface: str, delivery_id: str) -> UUID:
    """The receipt of a delivery; it is also the causation id of the events that it told."""
    return fact_id("delivery", interface, delivery_id)


def binding(interface: str, delivery_id: str) -> str:
    """What a delivery's seal is bound to."""
    return f"delivery:{interface}:{delivery_id}"


class Inbox:
    """Accepts deliveries (the gateway's side)."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._gathered = Gather(
            self._commit,
            limit=_LARGEST_COMMIT,
            divisible=lambda error: not isinstance(error, DATABASE_AWAY),
        )

    async def accept(self, interface: str, delivery_id: str, body: bytes, received_at: datetime) -> Receipt:
        """Seal and commit one delivery. When this returns, it survives a crash. Raises `InboxFull`."""
        if self._gathered.waiting >= _MOST_WAITING:
            raise InboxFull(f"{_MOST_WAITING} deliveries wait to be committed")
        key = await self._vault.key_for(received_at)
        return await self._gathered(
            _Accepting(
                interface,
                delivery_id,
                receipt_of(interface, delivery_id),
                self._vault.fingerprint(body),
                key.seal(body, binding(interface, delivery_id)),
                received_at,
            )
        )

    async def count_refusals(self, counts: Mapping[tuple[str, str], int], at: datetime) -> None:
        """Remember how many deliveries were turned away, by interface and reason; nothing of them is kept."""
        keys = sorted(counts)
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["count_refusals"],
                [interface for interface, _ in keys],
                [at.date()] * len(keys),
                [reason for _, reason in keys],
                [counts[key] for key in keys],
                [at] * len(keys),
            )

    async def _commit(self, batch: Sequence[_Accepting]) -> Sequence[Receipt]:
        async with self._database.connection() as connection:
            new = await self._insert(connection, batch)  # one statement: it commits by itself, in one round trip
            # Fewer new rows than items: some came before, perhaps within this very batch.
            conflicts = await self._conflicts(connection, batch) if len(new) < len(batch) else set()
        return [self._receipt(item, new, conflicts) for item in batch]

    @staticmethod
    def _receipt(item: _Accepting, new: set[UUID], conflicts: set[tuple[UUID, bytes]]) -> Receipt:
        """The first of a new delivery takes it from `new`; the next in the same batch is known."""
        if (item.receipt, item.fingerprint) in conflicts:
            return Receipt(item.receipt, Verdict.CONFLICT)
        if item.receipt in new:
            new.remove(item.receipt)
            return Receipt(item.receipt, Verdict.NEW)
        return Receipt(item.receipt, Verdict.KNOWN)

    async def _insert(self, connection: Connection, batch: Sequence[_Accepting]) -> set[UUID]:
        rows = await connection.fetch(
            _SQL["accept"],
            [item.interface for item in batch],
            [item.delivery_id for item in batch],
            [item.receipt for item in batch],
            [item.fingerprint for item in batch],
            [item.sealed.key_id for item in batch],
            [item.sealed.box for item in batch],
            [item.received_at for item in batch],
        )
        return {row["receipt"] for row in rows}

    async def _conflicts(self, connection: Connection, batch: Sequence[_Accepting]) -> set[tuple[UUID, bytes]]:
        """Which of these have another body than the one accepted under their id; such bodies are kept aside."""
        rows = await connection.fetch(_SQL["accepted_fingerprints"], [item.receipt for item in batch])
        accepted = {row["receipt"]: row["fingerprint"] for row in rows}
        conflicting = [item for item in batch if accepted[item.receipt] != item.fingerprint]
        for item in conflicting:
            await connection.execute(
                _SQL["keep_conflict"],
                item.interface,
                item.delivery_id,
                item.fingerprint,
                item.sealed.key_id,
                item.sealed.box,
                item.received_at,
            )
        return {(item.receipt, item.fingerprint) for item in conflicting}


class Claimed(msgspec.Struct, frozen=True):
    """Deliveries to ingest now. `codes` is the newest correction of a code table (None: there is none)."""

    deliveries: list[Delivery]
    codes: int | None = None


async def claim(connection: Connection, interfaces: Sequence[str], now: datetime, most: int) -> Claimed:
    """Lock up to `most` waiting deliveries of each interface, oldest first, for the rest of the transaction; others
    skip them."""
    return _claimed(await connection.fetch(_SQL["claim"], most, now, interfaces))


async def claim_unknown(connection: Connection, known: Sequence[str], most: int) -> Claimed:
    """Lock waiting deliveries of interfaces that aren't `known`."""
    return _claimed(await connection.fetch(_SQL["claim_unknown"], most, known))


def _claimed(rows: Sequence[Record]) -> Claimed:
    return Claimed([_delivery(row) for row in rows], rows[0]["codes"] if rows else None)


def _delivery(row: Record) -> Delivery:
    return Delivery(
        row["id"],
        row["interface"],
        row["delivery_id"],
        row["received_at"],
        Sealed(row["key_id"], row["box"]),
        row["replays"] or 0,
        row["correction"],
    )


class Settled(msgspec.Struct, frozen=True):
    """What became of a delivery: ``ingested``, or an exception (``excepted``); and whom it is about, where known."""

    state: str
    subject: str | None = None


async def settle(connection: Connection, settled: Mapping[int, Settled], at: datetime) -> int:
    """Say of each delivery what became of it; answers how many of them still waited for that."""
    rows = await connection.fetch(
        _SQL["settle"],
        list(settled),
        [one.state for one in settled.values()],
        [one.subject for one in settled.values()],
        at,
    )
    return len(rows)


async def next_due(connection: Connection) -> datetime | None:
    """When the next delivery that is replayed has its turn."""
    due: datetime | None = await connection.fetchval(_SQL["next_due"])
    return due


class DeliverySelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries: all conditions hold together, empty ones for all. `key` is a delivery id or a subject such as
    ``Appointment/4711``; `code` that of an open exception."""

    ids: tuple[int, ...] = ()
    interface: str = ""
    state: str = ""
    code: str = ""
    key: str = ""
    since: datetime | None = None
    until: datetime | None = None


class KnownDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as people see it: never its content. `code` is that of its open exception."""

    id: int
    interface: str
    delivery_id: str
    receipt: UUID
    size: int
    received_at: datetime
    state: str
    ingested_at: datetime | None
    subject: str | None
    replays: int
    code: str


async def select(
    connection: Connection, selection: DeliverySelection, *, after: int = 0, most: int = 1000
) -> list[KnownDelivery]:
    """A page of a selection in the order of arrival."""
    rows = await connection.fetch(
        _SQL["select"],
        selection.ids,
        selection.interface,
        selection.state,
        selection.since,
        selection.until,
        selection.code,
        selection.key,
        after,
        most,
    )
    return [KnownDelivery(**dict(row)) for row in rows]


async def sealed(connection: Connection, ids: Sequence[int], *, original: bool = False) -> list[Delivery]:
    """Deliveries with their content still sealed: as corrected, or as it came."""
    return [_delivery(row) for row in await connection.fetch(_SQL["sealed"], ids, original)]


async def replay(connection: Connection, turns: Sequence[tuple[int, datetime, str | None]]) -> list[int]:
    """Have deliveries ingested again, each (id, not before, subject); answers those that will be."""
    ids, times, subjects = [t[0] for t in turns], [t[1] for t in turns], [t[2] for t in turns]
    rows = await connection.fetch(_SQL["replay"], ids, times, subjects)
    await connection.execute("SELECT pg_notify('suture_deliveries', '')")
    return sorted(row["id"] for row in rows)
