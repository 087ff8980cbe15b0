"""What a client was answered under an idempotency key: a call that is made again gets the same answer."""

from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

import msgspec

from suture.store.data_keys import Vault
from suture.store.database import Database, sql
from suture.store.sealing import Sealed

_SQL = sql("idempotency")
_SILENT = timedelta(seconds=60)
KEPT = timedelta(hours=24)


class Kept(msgspec.Struct, frozen=True):
    """An answer: status, content type and body."""

    status: int
    media_type: str
    body: bytes


class KeyStanding(Enum):
    """What is known of a key that can't be taken."""

    UNDER_WAY = "under_way"
    OTHER_BODY = "other_body"


class Answers:
    """Answers of one organisation, sealed: they may hold a person's record."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def begin(self, client: str, key: UUID, content: bytes, now: datetime) -> Kept | KeyStanding | None:
        """Take a key for a call of this content. None: it is the caller's to answer; else what is known of it."""
        printed = self._vault.fingerprint(content)
        async with self._database.connection() as connection:
            if await connection.fetchval(_SQL["begin"], client, key, printed, now, now - _SILENT) is not None:
                return None
            row = await connection.fetchrow(_SQL["known"], client, key)
        if row is None:
            return KeyStanding.UNDER_WAY
        if row["print"] != printed:
            return KeyStanding.OTHER_BODY
        if row["status"] is None:
            return KeyStanding.UNDER_WAY
        opened = await self._vault.open(Sealed(row["key_id"], row["box"]), _binding(client, key))
        return msgspec.msgpack.decode(opened, type=Kept)

    async def keep(self, client: str, key: UUID, answer: Kept, now: datetime) -> None:
        data_key = await self._vault.key_for(now)
        sealed = data_key.seal(msgspec.msgpack.encode(answer), _binding(client, key))
        async with self._database.connection() as connection:
            await connection.execute(_SQL["answer"], client, key, answer.status, sealed.key_id, sealed.box)

    async def abandon(self, client: str, key: UUID) -> None:
        """The call came to nothing: it may be made again at once."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["abandon"], client, key)

    async def clear(self, now: datetime) -> None:
        """Forget what is older than a day."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["clear"], now - KEPT)


def _binding(client: str, key: UUID) -> str:
    return f"idempotency:{client}:{key}"
