"""Patients, practitioners and payers as last told by their system of record, sealed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from suture.canonical.records import Patient, Payer, Practitioner
from suture.core.gather import Gather
from suture.store.database import Connection, Database, sql
from suture.store.sealing import Sealed
from suture.store.vault import Vault

_SQL = sql("parties")

Party = Patient | Practitioner | Payer
_TYPES: dict[str, type[Party]] = {"Patient": Patient, "Practitioner": Practitioner, "Payer": Payer}
_REMEMBERED = 20_000


def kind_of(reference: str) -> str:
    """``Patient``, ``Practitioner`` or ``Payer``."""
    return reference.partition("/")[0]


class Parties:
    """Keeps and finds parties by reference."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._gathered: Gather[str, Party | None] = Gather(self._fetch, limit=500, lanes=2)
        self._written: dict[str, bytes] = {}

    async def get(self, reference: str) -> Party | None:
        """The party, or None where no system has told us of it."""
        return await self._gathered(reference)

    async def put(self, connection: Connection, parties: Sequence[Party], at: datetime) -> list[str]:
        """Keep parties in this transaction; answers the references of those that are new or changed.

        What was written before and hasn't changed costs nothing: most deliveries repeat people that we know.
        """
        latest = {party.reference: msgspec.json.encode(party) for party in parties}
        prints = {reference: self._vault.fingerprint(content) for reference, content in latest.items()}
        unseen = sorted(r for r in latest if self._written.get(r) != prints[r])
        if not unseen:
            return []
        key = await self._vault.key_for(at)
        sealed = [key.seal(latest[reference], _binding(reference)) for reference in unseen]
        rows = await connection.fetch(
            _SQL["put"],
            unseen,
            [prints[reference] for reference in unseen],
            [box.key_id for box in sealed],
            [box.box for box in sealed],
            at,
        )
        return [row["reference"] for row in rows]

    def remember(self, parties: Sequence[Party]) -> None:
        """Note parties whose transaction was committed, so that the next delivery needn't write them again."""
        if len(self._written) > _REMEMBERED:
            self._written.clear()
        for party in parties:
            self._written[party.reference] = self._vault.fingerprint(msgspec.json.encode(party))

    async def _fetch(self, references: Sequence[str]) -> Sequence[Party | None]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["get"], list(set(references)))
        found = {
            row["reference"]: await self._opened(row["reference"], Sealed(row["key_id"], row["box"])) for row in rows
        }
        return [found.get(reference) for reference in references]

    async def _opened(self, reference: str, sealed: Sealed) -> Party:
        content = await self._vault.open(sealed, _binding(reference))
        party: Party = msgspec.json.decode(content, type=_TYPES[kind_of(reference)])
        return party


def _binding(reference: str) -> str:
    return f"party:{reference}"
