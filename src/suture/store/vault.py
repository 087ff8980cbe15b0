"""The vault keeps an organisation's data keys at hand, so that sealing needs no round trip."""

from datetime import datetime

from suture.store.database import Database, sql
from suture.store.sealing import DataKey, MasterKey, SealBroken, Sealed, period_of

_SQL = sql("vault")


class Vault:
    """Seals and opens payloads of one organisation."""

    def __init__(self, database: Database, master: MasterKey, organisation: str) -> None:
        self._database = database
        self._master = master
        self._organisation = organisation
        self._by_period: dict[str, DataKey] = {}
        self._by_id: dict[int, DataKey] = {}

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

    async def _load_period(self, period: str) -> DataKey:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["add_data_key"], self._organisation, period, self._master.new_wrapped())
            row = await connection.fetchrow(_SQL["data_key"], self._organisation, period)
        if row is None:
            raise SealBroken(f"there is no data key for {period}")
        return self._remember(DataKey(row["id"], period, self._master.unwrap(row["wrapped"])))

    async def _load_id(self, key_id: int) -> DataKey:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["data_key_by_id"], key_id)
        if row is None:
            raise SealBroken("the data key of this payload was destroyed")
        return self._remember(DataKey(key_id, row["period"], self._master.unwrap(row["wrapped"])))

    def _remember(self, key: DataKey) -> DataKey:
        self._by_period[key.period] = key
        self._by_id[key.key_id] = key
        return key
