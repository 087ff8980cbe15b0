"""What people corrected afterwards: rows of code tables, and payloads of deliveries. Originals stay as they came."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from suture.catalogue.model import Catalogue
from suture.store.data_keys import Vault
from suture.store.database import Connection, sql
from suture.store.delivery_queue import Delivery

_SQL = sql("corrections")


class CodeCorrection(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a code table as a person set it: `source` (``system|code``) means `code` here; empty: nothing."""

    id: int
    code_table: str
    source: str
    code: str
    actor: str
    reason: str
    at: datetime


async def add_code(
    connection: Connection, code_table: str, source: str, code: str, *, actor: str, reason: str, at: datetime
) -> None:
    await connection.execute(_SQL["add_code"], code_table, source, code, actor, reason, at)


async def codes(connection: Connection) -> list[CodeCorrection]:
    """The rows that hold beside the catalogue's, the newest of each key."""
    return [CodeCorrection(**dict(row)) for row in await connection.fetch(_SQL["codes"])]


async def history(connection: Connection, code_table: str) -> list[CodeCorrection]:
    """Every correction of a table, oldest first; the id of each is the version of the table that it made."""
    return [CodeCorrection(**dict(row)) for row in await connection.fetch(_SQL["history"], code_table)]


async def add_payload(
    connection: Connection, vault: Vault, delivery: Delivery, body: bytes, *, actor: str, reason: str, at: datetime
) -> None:
    """Keep what a delivery should have said, sealed; the next replay reads it in place of the original."""
    sealed = (await vault.key_for(at)).seal(body, delivery.corrected_binding)
    await connection.execute(_SQL["add_payload"], delivery.id, sealed.key_id, sealed.box, actor, reason, at)


def corrected(catalogue: Catalogue, rows: Sequence[CodeCorrection]) -> Catalogue:
    """The catalogue with corrected code table rows in place."""
    by_table: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        by_table[row.code_table][row.source] = row.code
    tables = {
        name: msgspec.structs.replace(table, rows=merged(table.rows, by_table[name]))
        for name, table in catalogue.code_tables.items()
    }
    return msgspec.structs.replace(catalogue, code_tables=tables)


def merged(rows: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Rows with changes in place; a change to nothing takes a row away."""
    return {source: code for source, code in {**rows, **changes}.items() if code}
