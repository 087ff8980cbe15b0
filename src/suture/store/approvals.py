"""What one person asked for and another must approve."""

from datetime import datetime

import msgspec
from asyncpg import Record

from suture.store.data_keys import Vault
from suture.store.database import Connection, sql
from suture.store.sealing import Sealed

_SQL = sql("approvals")


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """An act that waits for a second person, or how it was decided; its arguments are sealed. `state` is ``asked``,
    ``approved``, ``refused``, or ``failed`` where it was approved and could not be done any more."""

    number: int
    command: str
    subject: str
    reason: str
    sealed: Sealed
    asked_by: str
    asked_at: datetime
    state: str
    decided_by: str | None
    decided_at: datetime | None
    outcome: str


async def ask(
    connection: Connection,
    vault: Vault,
    *,
    command: str,
    subject: str,
    reason: str,
    arguments: bytes,
    by: str,
    at: datetime,
) -> int:
    """Keep what is asked for; answers its number."""
    sealed = (await vault.key_for(at)).seal(arguments, _binding(command))
    number: int = await connection.fetchval(_SQL["ask"], command, subject, reason, sealed.key_id, sealed.box, by, at)
    return number


async def arguments(vault: Vault, approval: Approval) -> bytes:
    """What the act is to be done with (JSON)."""
    return await vault.open(approval.sealed, _binding(approval.command))


async def one(connection: Connection, number: int) -> Approval | None:
    row = await connection.fetchrow(_SQL["one"], number)
    return None if row is None else _approval(row)


async def newest(connection: Connection, state: str = "", most: int = 100) -> list[Approval]:
    return [_approval(row) for row in await connection.fetch(_SQL["newest"], state, most)]


async def decide(connection: Connection, number: int, state: str, by: str, at: datetime) -> bool:
    """False where it was decided already."""
    return await connection.fetchval(_SQL["decide"], number, state, by, at) is not None


async def tell_outcome(connection: Connection, number: int, state: str, outcome: str) -> None:
    await connection.execute(_SQL["outcome"], number, state, outcome)


def _binding(command: str) -> str:
    return f"approval:{command}"


def _approval(row: Record) -> Approval:
    fields = dict(row)
    return Approval(sealed=Sealed(fields.pop("key_id"), fields.pop("box")), **fields)
