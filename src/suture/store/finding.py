"""The numbers by which journeys are found: what other systems call the documents of an appointment."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("finding")


class KnownNumber(msgspec.Struct, frozen=True, order=True):
    """A number, what it is the number of, and the appointment that this belongs to."""

    number: str
    kind: str
    appointment: str


class InLedger(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the ledger by the ledger's own number. `appointment` may be empty: then `key` is what the
    differences about it go by."""

    number: str
    kind: str
    appointment: str
    key: str


async def in_ledger(connection: Connection, number: str, most: int, *, beginning: bool = False) -> list[InLedger]:
    """The ledger's documents that are called so, or (`beginning`) whose number begins so."""
    return [InLedger(**dict(row)) for row in await connection.fetch(_SQL["in_ledger"], number, beginning, most)]


async def put(connection: Connection, numbers: Iterable[KnownNumber]) -> None:
    """Keep numbers; those that are known already change nothing."""
    known = sorted(set(numbers))
    if known:
        columns = [[getattr(one, name) for one in known] for name in KnownNumber.__struct_fields__]
        await connection.execute(_SQL["put"], *columns)


async def heard_of(connection: Connection, appointments: Iterable[str]) -> set[str]:
    """Those of the appointments that there are: of which anything was ever told."""
    return {row["appointment"] for row in await connection.fetch(_SQL["heard_of"], sorted(set(appointments)))}


async def called(connection: Connection, number: str) -> list[KnownNumber]:
    return [KnownNumber(**dict(row)) for row in await connection.fetch(_SQL["called"], number)]


async def starting_with(connection: Connection, prefix: str, most: int) -> list[KnownNumber]:
    return [KnownNumber(**dict(row)) for row in await connection.fetch(_SQL["starting_with"], prefix, most)]


async def journey_of_identity(connection: Connection, identity: UUID) -> str | None:
    """The journey of an event, or of the delivery that was answered this receipt."""
    found: str | None = await connection.fetchval(_SQL["of_identity"], identity)
    return found


async def journey_of_delivery(connection: Connection, delivery_id: str, interfaces: Iterable[str]) -> str | None:
    """The journey of a delivery by its sender's id."""
    found: str | None = await connection.fetchval(_SQL["of_delivery"], delivery_id, list(interfaces))
    return found
