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


def kind_of(reference: str) -> str:
    """``Patient``, ``Practitioner`` or ``Payer``."""
    return reference.partition("/")[0]


class Parties:
    """Keeps and finds parties by reference."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._gathered: Gather[str, Party | None] = Gather(self._fetch, limit=500)

    async def get(self, reference: str) -> Party | None:
        """The party, or None where no system has told us of it."""
        return await self._gathered(reference)

    async def put(self, connection: Connection, parties: Sequence[Party], at: datetime) -> list[str]:
        """Keep parties in this transaction; answers the references of those that are new or changed.

        Of one reference the last counts. What hasn't changed is neither sealed nor written: most deliveries repeat
        people that we know.
        """
        latest = {party.reference: msgspec.json.encode(party) for party in parties}
        prints = {reference: self._vault.fingerprint(content) for reference, content in latest.items()}
        known = {
            row["reference"]: row["fingerprint"] for row in await connection.fetch(_SQL["fingerprints"], list(latest))
        }
        unseen = sorted(reference for reference in latest if known.get(reference) != prints[reference])
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
