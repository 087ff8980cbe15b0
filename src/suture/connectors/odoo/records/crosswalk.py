"""What the connector remembers of its records from one run to the next.

Odoo keeps an external id only as long as its record: one that a person deleted would be created again. A platform
remembers in its database (`store.crosswalk`); a command that writes nothing new can do with memory.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from suture.store.crosswalk import Known


class LedgerCrosswalk(Protocol):
    """As `store.crosswalk.Crosswalk`."""

    def fingerprints(self, values: Mapping[str, object]) -> dict[str, str]: ...

    async def recall(self, names: Sequence[str]) -> dict[str, Known]: ...

    async def by_record(self, model: str, records: Sequence[int]) -> dict[int, Known]: ...

    async def page(self, model: str, after: str, most: int, since: datetime) -> list[Known]: ...

    async def remember(self, records: Sequence[Known]) -> None: ...

    async def forget(self, name: str) -> bool: ...


class Memory:
    """A crosswalk for as long as a process lives."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._known: dict[str, Known] = {}

    def fingerprints(self, values: Mapping[str, object]) -> dict[str, str]:
        return {field: self._fingerprint(field, value) for field, value in values.items()}

    async def recall(self, names: Sequence[str]) -> dict[str, Known]:
        return {name: self._known[name] for name in names if name in self._known}

    async def by_record(self, model: str, records: Sequence[int]) -> dict[int, Known]:
        wanted = set(records)
        return {k.record: k for k in self._known.values() if k.model == model and k.record in wanted}

    async def page(self, model: str, after: str, most: int, since: datetime) -> list[Known]:
        names = sorted(name for name, known in self._known.items() if known.model == model and name > after)
        return [self._known[name] for name in names[:most]]

    async def remember(self, records: Sequence[Known]) -> None:
        for told in records:
            before = self._known.get(told.name)
            key = told.key or (before.key if before else "")
            self._known[told.name] = msgspec.structs.replace(told, key=key)

    async def forget(self, name: str) -> bool:
        return self._known.pop(name, None) is not None

    def _fingerprint(self, field: str, value: object) -> str:
        return hashlib.blake2b(f"{field}={value!r}".encode(), key=self._key, digest_size=9).hexdigest()


def changed_fields(known: Known, fingerprints: Mapping[str, str]) -> tuple[str, ...]:
    """The fields whose fingerprint is not what we left; fields that we never took a fingerprint of don't count."""
    return tuple(sorted(field for field, left in known.fingerprints.items() if fingerprints.get(field, left) != left))
