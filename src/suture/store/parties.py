"""Patients, practitioners and payers as last told by their system of record, sealed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from suture.canonical.records import Patient, Payer, Practitioner, RelatedPerson
from suture.core.gather import Gather
from suture.store.data_keys import Vault
from suture.store.database import Connection, Database, sql
from suture.store.sealing import Sealed

_SQL = sql("parties")

Party = Patient | Practitioner | Payer | RelatedPerson
_TYPES: dict[str, type[Party]] = {
    "Patient": Patient,
    "Practitioner": Practitioner,
    "Payer": Payer,
    "RelatedPerson": RelatedPerson,
}


def kind_of(reference: str) -> str:
    """``Patient``, ``Practitioner``, ``Payer`` or ``RelatedPerson``."""
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

    async def put(self, connection: Connection, told: Sequence[tuple[Party, datetime]], at: datetime) -> list[str]:
        """Keep parties, each as it was true at its source at a time; answers the references of those that changed.

        Of one reference the latest counts, also over several calls: a late delivery brings no old record back. What
        hasn't changed is neither sealed nor written: most deliveries repeat people that we know.
        """
        latest: dict[str, tuple[bytes, datetime]] = {}
        for party, told_at in sorted(told, key=lambda item: item[1]):
            latest[party.reference] = (msgspec.json.encode(party), told_at)
        prints = {reference: self._vault.fingerprint(content) for reference, (content, _) in latest.items()}
        known = {row["reference"]: row for row in await connection.fetch(_SQL["fingerprints"], list(latest))}
        unseen = sorted(
            reference
            for reference, (_, told_at) in latest.items()
            if reference not in known
            or (known[reference]["fingerprint"] != prints[reference] and known[reference]["told_at"] <= told_at)
        )
        if not unseen:
            return []
        key = await self._vault.key_for(at)
        sealed = [key.seal(latest[reference][0], _binding(reference)) for reference in unseen]
        rows = await connection.fetch(
            _SQL["put"],
            unseen,
            [prints[reference] for reference in unseen],
            [box.key_id for box in sealed],
            [box.box for box in sealed],
            at,
            [latest[reference][1] for reference in unseen],
        )
        await self._index(connection, [party for party, _ in told if party.reference in unseen])
        return [row["reference"] for row in rows]

    async def find(self, system: str, value: str) -> list[str]:
        """The references of those whom a source calls so. Only what was told or changed since it is asked for is
        found."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["find"], self._identifier(system, value))
        return [row["reference"] for row in rows]

    async def known(self, references: Sequence[str]) -> set[str]:
        """Which of these references somebody told us of."""
        async with self._database.connection() as connection:
            return {row["reference"] for row in await connection.fetch(_SQL["fingerprints"], list(references))}

    async def _index(self, connection: Connection, parties: Sequence[Party]) -> None:
        """Keep what sources call people, as digests that only the master key's holder can make."""
        named = sorted(
            (self._identifier(one.system, one.value), party.reference)
            for party in parties
            if not isinstance(party, Payer)
            for one in party.identifiers
        )
        if named:
            await connection.execute(_SQL["index"], [print_ for print_, _ in named], [name for _, name in named])

    def _identifier(self, system: str, value: str) -> bytes:
        return self._vault.fingerprint(f"identifier|{system}|{value}".encode())

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
