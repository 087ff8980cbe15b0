"""The vault keeps an organisation's data keys at hand, so that sealing needs no round trip."""

import hmac
from datetime import datetime

from suture.store import audit
from suture.store.database import Connection, Database, sql
from suture.store.sealing import DataKey, MasterKey, SealBroken, Sealed, WrongMasterKey, period_of

_SQL = sql("data_keys")


class Vault:
    """Seals and opens payloads of one organisation; only by the master key that the database was begun with."""

    def __init__(self, database: Database, master: MasterKey, organisation: str) -> None:
        self._database = database
        self._master = master
        self._organisation = organisation
        self._by_period: dict[str, DataKey] = {}
        self._by_id: dict[int, DataKey] = {}
        self._checked = False

    @property
    def trail_key(self) -> bytes:
        """What signs the audit trail (`MasterKey.trail_key`)."""
        return self._master.trail_key

    async def check(self) -> None:
        """Raises `WrongMasterKey` where the database was begun with another master key. The first key that opens what
        the database holds is marked there as its own, and signs the audit trail from then on."""
        if self._checked:
            return
        async with self._database.transaction() as connection:
            mark = await connection.fetchval(_SQL["key_check"]) or await self._first_mark(connection)
        if not hmac.compare_digest(mark, self._master.mark):
            raise WrongMasterKey(
                "SUTURE_MASTER_KEY is not the key that this database was created with: its data can't be opened, and"
                " Suture accepts no data under another key. Restore the right key and start again"
            )
        self._checked = True

    async def strangers(self) -> list[str]:
        """The months whose data keys don't open with this master key: another one sealed them."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["data_keys"])
        return [row["period"] for row in rows if not self._opens(row["wrapped"])]

    async def key_for(self, at: datetime) -> DataKey:
        """The data key for what is received `at`; made on first need."""
        period = period_of(at)
        return self._by_period.get(period) or await self._load_period(period)

    def fingerprint(self, content: bytes) -> bytes:
        """A keyed digest of `content` (`MasterKey.fingerprint`)."""
        return self._master.fingerprint(content)

    def keep(self, content: bytes, bound_to: str) -> bytes:
        """Seal what is no payload and outlives them (`MasterKey.seal`)."""
        return self._master.seal(content, bound_to)

    def kept(self, box: bytes, bound_to: str) -> bytes:
        """Raises `SealBroken`."""
        return self._master.open(box, bound_to)

    async def open(self, sealed: Sealed, bound_to: str) -> bytes:
        """The content of a box. Raises `SealBroken`."""
        key = self._by_id.get(sealed.key_id) or await self._load_id(sealed.key_id)
        return key.open(sealed, bound_to)

    async def _first_mark(self, connection: Connection) -> bytes:
        await connection.execute(_SQL["lock_key_check"])
        mark: bytes | None = await connection.fetchval(_SQL["key_check"])
        if mark is not None:
            return mark
        oldest = await connection.fetchval(_SQL["oldest_data_key"])
        if oldest is not None and not self._opens(oldest):
            return b""
        await audit.begin_signing(connection, self._master.trail_key)
        return bytes(await connection.fetchval(_SQL["add_key_check"], self._master.mark))

    def _opens(self, wrapped: bytes) -> bool:
        try:
            self._master.unwrap(wrapped)
        except SealBroken:
            return False
        return True

    async def _load_period(self, period: str) -> DataKey:
        await self.check()
        async with self._database.connection() as connection:
            await connection.execute(_SQL["add_data_key"], self._organisation, period, self._master.new_wrapped())
            row = await connection.fetchrow(_SQL["data_key"], self._organisation, period)
        if row is None:
            raise SealBroken(f"there is no data key for {period}")
        return self._remember(DataKey(row["id"], period, self._master.unwrap(row["wrapped"])))

    async def _load_id(self, key_id: int) -> DataKey:
        await self.check()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["data_key_by_id"], key_id)
        if row is None:
            raise SealBroken("the data key of this payload was destroyed")
        return self._remember(DataKey(key_id, row["period"], self._master.unwrap(row["wrapped"])))

    def _remember(self, key: DataKey) -> DataKey:
        self._by_period[key.period] = key
        self._by_id[key.key_id] = key
        return key
