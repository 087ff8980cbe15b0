"""The inbox: what senders delivered, committed before they hear 2xx.

Acceptances that arrive together share one commit (`core.gather`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from suture.core.gather import Gather
from suture.core.ids import fact_id
from suture.store.data_keys import Vault
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.sealing import Sealed

_SQL = sql("inbox")
_LARGEST_COMMIT = 256
_MOST_WAITING = 20 * _LARGEST_COMMIT


class InboxFull(Exception):
    """More deliveries wait for their commit than it is good to keep in memory. Send them again in a while."""


class DeliveryVerdict(Enum):
    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"


class Receipt(msgspec.Struct, frozen=True):
    """Answer to a delivery. The same delivery always gets the same `receipt`."""

    receipt: UUID
    verdict: DeliveryVerdict


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
            return Receipt(item.receipt, DeliveryVerdict.CONFLICT)
        if item.receipt in new:
            new.remove(item.receipt)
            return Receipt(item.receipt, DeliveryVerdict.NEW)
        return Receipt(item.receipt, DeliveryVerdict.KNOWN)

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
