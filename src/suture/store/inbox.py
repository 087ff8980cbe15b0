"""The inbox: what senders delivered, committed before they hear 2xx.

Acceptances that arrive together share one commit (`core.gather`).
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from suture.core.gather import Gather
from suture.core.ids import fact_id
from suture.store.database import DATABASE_AWAY, Connection, Database, sql
from suture.store.sealing import Sealed
from suture.store.vault import Vault

_SQL = sql("inbox")
_LARGEST_COMMIT = 256


class Verdict(Enum):
    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"


class Receipt(msgspec.Struct, frozen=True):
    """Answer to a delivery. The same delivery always gets the same `receipt`."""

    receipt: UUID
    verdict: Verdict


class Delivery(msgspec.Struct, frozen=True):
    """A delivery as it waits to be ingested, still sealed."""

    id: int
    interface: str
    delivery_id: str
    received_at: datetime
    sealed: Sealed

    @property
    def receipt(self) -> UUID:
        return receipt_of(self.interface, self.delivery_id)

    @property
    def bound_to(self) -> str:
        return binding(self.interface, self.delivery_id)


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
        """Seal and commit one delivery. When this returns, it survives a crash."""
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

    async def count_refusal(self, interface: str, reason: str, at: datetime) -> None:
        """Remember that a delivery was turned away; nothing of it is kept."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["count_refusal"], interface, at.date(), reason, at)

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


async def claim(connection: Connection, most: int) -> list[Delivery]:
    """Lock up to `most` waiting deliveries, oldest first, for the rest of the transaction; others skip them."""
    rows = await connection.fetch(_SQL["claim"], most)
    return [
        Delivery(row["id"], row["interface"], row["delivery_id"], row["received_at"], Sealed(row["key_id"], row["box"]))
        for row in rows
    ]


async def settle(connection: Connection, states: dict[int, str], at: datetime) -> None:
    """Say of each delivery whether it was ``ingested`` or became an exception (``excepted``)."""
    await connection.execute(_SQL["settle"], list(states), list(states.values()), at)
