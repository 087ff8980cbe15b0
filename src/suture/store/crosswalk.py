"""What we wrote where: our external ids, the outside record that each names, and fingerprints of what we left in it.

An outside system forgets a deleted record without a trace. We don't: so what a person deleted there is known, and what
a person changed is told from what we wrote before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from asyncpg import Record

from suture.core.clock import Clock
from suture.store.data_keys import Vault
from suture.store.database import Database, sql

_SQL = sql("crosswalk")
_FINGERPRINT_BYTES = 9


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A record of ours: its external id `name`, the business key that it stands for (an appointment, a payment, a
    party's reference), and a fingerprint of each field as we last wrote or read it."""

    name: str
    key: str = ""
    model: str
    record: int
    fingerprints: dict[str, str] = {}


class Crosswalk:
    """The records that we wrote in one outside `system`. Prints are keyed digests: they tell that a value is the same
    as before, and never what it is."""

    def __init__(self, database: Database, vault: Vault, system: str, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._system = system
        self._clock = clock

    def fingerprints(self, values: Mapping[str, object]) -> dict[str, str]:
        """A fingerprint of each field."""
        return {field: self._fingerprint(field, value) for field, value in values.items()}

    async def recall(self, names: Sequence[str]) -> dict[str, Known]:
        """What we know by these names."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["recall"], self._system, list(names))
        return {row["name"]: _known(row) for row in rows}

    async def remember(self, records: Sequence[Known]) -> None:
        """Keep these; of one name the last counts. One without a key keeps the key that it has."""
        if not records:
            return
        latest = {known.name: known for known in records}
        names = sorted(latest)  # one order for all workers: two that write the same rows never wait for each other
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["remember"],
                self._system,
                names,
                [latest[name].key for name in names],
                [latest[name].model for name in names],
                [latest[name].record for name in names],
                [msgspec.json.encode(latest[name].fingerprints).decode() for name in names],
                self._clock.now(),
            )

    async def forget(self, name: str) -> bool:
        """Know nothing of a record any more, so that it may be written anew; whether it was known."""
        async with self._database.connection() as connection:
            return await connection.fetchval(_SQL["forget"], self._system, name) is not None

    async def by_record(self, model: str, records: Sequence[int]) -> dict[int, Known]:
        """What we know of the outside records with these ids."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["by_record"], self._system, model, list(records))
        return {row["record"]: _known(row) for row in rows}

    async def page(self, model: str, after: str, most: int, since: datetime) -> list[Known]:
        """Records of a model written since, by name, for whoever looks whether they still stand."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["page"], self._system, model, after, most, since)
        return [_known(row) for row in rows]

    def _fingerprint(self, field: str, value: object) -> str:
        return self._vault.fingerprint(f"{field}={value!r}".encode())[:_FINGERPRINT_BYTES].hex()


def _known(row: Record) -> Known:
    fingerprints = msgspec.json.decode(row["prints"], type=dict[str, str])
    return Known(name=row["name"], key=row["key"], model=row["model"], record=row["record"], fingerprints=fingerprints)
