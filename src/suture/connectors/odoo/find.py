"""From our key to Odoo's id, although an ordinary user may not read `ir.model.data`.

Three ways, the cheapest first: what this process wrote or found before; one search by the field that carries the key
for all keys at once, confirmed by external id, so that a stranger's document with the same reference is never taken;
and one call a key, which no edit by a person can mislead.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from suture.connectors.odoo.client import Odoo
from suture.connectors.odoo.names import MODULE, external_id
from suture.core.failure import Rejected

_REMEMBERED = 50_000


class Finder:
    """Finds our records by external id and remembers them (a bounded memory, oldest forgotten first)."""

    def __init__(self, odoo: Odoo) -> None:
        self._odoo = odoo
        self._known: OrderedDict[str, int] = OrderedDict()

    def knows(self, name: str) -> bool:
        return name in self._known

    def remember(self, name: str, identifier: int) -> None:
        self._known[name] = identifier
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._known.pop(name, None)

    async def documents(
        self, model: str, kind: str, keys: Sequence[str], field: str, domain: Sequence[Any]
    ) -> dict[str, int]:
        """Ids by key of our `kind` of documents, whose `field` carries the key; those not there are left out."""
        unknown = [key for key in keys if not self.knows(external_id(kind, key))]
        return await self.matching(model, kind, keys, [[field, "in", unknown], *domain])

    async def matching(self, model: str, kind: str, keys: Sequence[str], domain: Sequence[Any]) -> dict[str, int]:
        """Ids by key of our records of `kind`, most of which `domain` finds."""
        wanted = {external_id(kind, key): key for key in keys}
        if any(not self.knows(name) for name in wanted):
            rows = await self._odoo.search(model, domain, ["id"])
            await self._confirm(model, [row["id"] for row in rows], wanted)
        return await self._exactly(model, wanted)

    async def by_name(self, model: str, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Ids by key of our records of `kind`, asked for one by one: for a few, or where no field carries the key."""
        return await self._exactly(model, {external_id(kind, key): key for key in keys})

    async def _confirm(self, model: str, ids: Sequence[int], wanted: Mapping[str, str]) -> None:
        for identifier, name in (await self._odoo.external_ids(model, ids)).items():
            if name in wanted:
                self.remember(name, identifier)

    async def _exactly(self, model: str, wanted: Mapping[str, str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, key in wanted.items():
            identifier = self._known.get(name) or await self._reference(model, name)
            if identifier:
                found[key] = identifier
        return found

    async def _reference(self, model: str, name: str) -> int | None:
        try:
            plain = name.removeprefix(f"{MODULE}.")
            of, identifier = await self._odoo.ask(
                "ir.model.data", "check_object_reference", module=MODULE, xml_id=plain
            )
        except Rejected:
            return None  # a ValueError: no such external id
        if of != model or not identifier:
            return None
        self.remember(name, identifier)
        return int(identifier)
