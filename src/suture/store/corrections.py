"""What people corrected afterwards: rows of code tables, and payloads of deliveries. Originals stay as they came."""

from datetime import datetime

import msgspec

from suture.catalogue.model import Catalogue
from suture.store.backlog import Delivery
from suture.store.database import Connection, sql
from suture.store.vault import Vault

_SQL = sql("corrections")


class CodeCorrection(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a code table as a person set it: `source` (``system|code``) means `code` here."""

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


async def add_payload(
    connection: Connection, vault: Vault, delivery: Delivery, body: bytes, *, actor: str, reason: str, at: datetime
) -> None:
    """Keep what a delivery should have said, sealed; the next replay reads it in place of the original."""
    sealed = (await vault.key_for(at)).seal(body, delivery.corrected_binding)
    await connection.execute(_SQL["add_payload"], delivery.id, sealed.key_id, sealed.box, actor, reason, at)


def corrected(catalogue: Catalogue, rows: list[CodeCorrection]) -> Catalogue:
    """The catalogue with corrected code table rows in place."""
    tables = dict(catalogue.code_tables)
    for row in rows:
        if row.code_table in tables:
            table = tables[row.code_table]
            tables[row.code_table] = msgspec.structs.replace(table, rows={**table.rows, row.source: row.code})
    return msgspec.structs.replace(catalogue, code_tables=tables)
