"""From our key to Odoo's id, although an ordinary user may not read `ir.model.data`.

Four ways, the cheapest first: what this process wrote or found before; what the crosswalk remembers; one search by the
field that carries the key, for all keys at once; and one call a key, which no edit by a person can mislead. What comes
from the crosswalk or a search is confirmed by external id: a stranger's document with the same reference is never
taken, nor one that has the id of a record that Odoo lost.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from suture.connectors.odoo.records.crosswalk import LedgerCrosswalk
from suture.connectors.odoo.records.names import MODULE, external_id
from suture.connectors.odoo.transport.client import Odoo
from suture.core.failure import Rejected

_REMEMBERED = 50_000
_OF_ONE_COMPANY = frozenset({"account.move", "stock.picking"})


class Finder:
    """Finds our records by external id and remembers them (a bounded memory, oldest forgotten first)."""

    def __init__(self, odoo: Odoo, crosswalk: LedgerCrosswalk) -> None:
        self._odoo = odoo
        self._crosswalk = crosswalk
        self._known: OrderedDict[str, int] = OrderedDict()
        self._absent: OrderedDict[str, None] = OrderedDict()

    def knows(self, name: str) -> bool:
        return name in self._known

    def remember(self, name: str, identifier: int) -> None:
        self._known[name] = identifier
        self._absent.pop(name, None)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def note_absent(self, names: Iterable[str]) -> None:
        """These are not there, and won't come: what they belong to was made without them."""
        for name in names:
            self._absent[name] = None
            if len(self._absent) > _REMEMBERED:
                self._absent.popitem(last=False)

    def knows_absent(self, name: str) -> bool:
        return name in self._absent

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._known.pop(name, None)

    async def documents(
        self, model: str, kind: str, keys: Sequence[str], field: str, domain: Sequence[Any]
    ) -> dict[str, int]:
        """Ids by key of our `kind` of documents, whose `field` carries the key; those not there are left out."""
        wanted = {external_id(kind, key): key for key in keys}
        await self._recall(model, wanted)
        unknown = [key for name, key in wanted.items() if not self.knows(name)]
        return await self.matching(model, kind, keys, [[field, "in", unknown], *domain])

    async def matching(self, model: str, kind: str, keys: Sequence[str], domain: Sequence[Any]) -> dict[str, int]:
        """Ids by key of our records of `kind`, most of which `domain` finds."""
        wanted = {external_id(kind, key): key for key in keys}
        if any(not self.knows(name) for name in wanted):
            rows = await self._odoo.search(model, domain, ["id"])
            await self._confirm(model, [row["id"] for row in rows], wanted)
        return await self._exactly(model, wanted)

    async def standing(self, model: str, kind: str, keys: Sequence[str], domain: Sequence[Any]) -> dict[str, int]:
        """Ids by key of our records of `kind` among those that `domain` finds. What isn't among them is not asked for
        by name: Odoo writes an error with a traceback into its log for each external id that it doesn't have."""
        wanted = {external_id(kind, key): key for key in keys}
        if any(not self.knows(name) for name in wanted):
            rows = await self._odoo.search(model, domain, ["id"])
            await self._confirm(model, [row["id"] for row in rows], wanted)
        return {key: self._known[name] for name, key in wanted.items() if self.knows(name)}

    async def either(
        self, model: str, kinds: Sequence[str], keys: Sequence[str], field: str, domain: Sequence[Any]
    ) -> dict[str, dict[str, int]]:
        """Ids by key and kind of our records of several kinds that one search finds; a key has the first kind, or none.
        Of the others those that aren't found are remembered as absent."""
        first, others = kinds[0], kinds[1:]
        names = {external_id(kind, key): key for kind in kinds for key in keys}
        await self._recall(model, names)
        unsure = [
            key
            for key in keys
            if not self.knows(external_id(first, key))
            or any(not (self.knows(n) or self.knows_absent(n)) for n in (external_id(k, key) for k in others))
        ]
        if unsure:
            rows = await self._odoo.search(model, [[field, "in", unsure], *domain], ["id"])
            await self._confirm(model, [row["id"] for row in rows], names)
        main = await self._exactly(model, {external_id(first, key): key for key in keys})
        rest = {kind: {k: i for k in main if (i := self._known.get(external_id(kind, k)))} for kind in others}
        self.note_absent(external_id(kind, key) for kind in others for key in main if key not in rest[kind])
        return {
            key: {first: i, **{kind: rest[kind][key] for kind in others if key in rest[kind]}}
            for key, i in main.items()
        }

    async def by_name(self, model: str, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Ids by key of our records of `kind`, asked for one by one: for a few, or where no field carries the key."""
        wanted = {external_id(kind, key): key for key in keys}
        await self._recall(model, wanted)
        return await self._exactly(model, wanted)

    async def reference(self, model: str, name: str) -> int | None:
        """The id of the record with exactly this external id, archived or not, asked of Odoo; None where there is
        none."""
        try:
            plain = name.removeprefix(f"{MODULE}.")
            of, identifier = await self._odoo.ask(
                "ir.model.data",
                "check_object_reference",
                module=MODULE,
                xml_id=plain,
                context={"active_test": False},
            )
        except Rejected:
            return None  # a ValueError: no such external id
        if of != model or not identifier:
            return None
        await self._check_company(model, {identifier: name})
        self.remember(name, identifier)
        return int(identifier)

    async def _recall(self, model: str, wanted: Mapping[str, str]) -> None:
        unknown = [name for name in wanted if not self.knows(name)]
        if unknown:
            recalled = await self._crosswalk.recall(unknown)
            records = {known.record: known.name for known in recalled.values() if known.model == model}
            await self._check_company(model, records)
            await self._confirm(model, list(records), wanted)

    async def _check_company(self, model: str, records: Mapping[int, str]) -> None:
        """What is in another company's books must not be taken for ours, nor for something that isn't there."""
        if model not in _OF_ONE_COMPANY or not records:
            return
        elsewhere = [["id", "in", list(records)], ["company_id", "!=", self._odoo.company]]
        others = await self._odoo.search_everywhere(model, elsewhere, ["id"])
        if others:
            raise Rejected(
                "other_company",
                f"{records[others[0]['id']]} belongs to another company's books in Odoo",
                "Correct the company of its facility in the catalogue; or cancel the document in the other company, "
                "have it written again (`suture ledger rewrite`), and retry this.",
            )

    async def _confirm(self, model: str, ids: Sequence[int], wanted: Mapping[str, str]) -> None:
        for identifier, name in (await self._odoo.external_ids(model, ids)).items():
            if name in wanted:
                self.remember(name, identifier)

    async def _exactly(self, model: str, wanted: Mapping[str, str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, key in wanted.items():
            identifier = self._known.get(name) or await self.reference(model, name)
            if identifier:
                found[key] = identifier
        return found
