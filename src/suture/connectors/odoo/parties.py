"""Who our documents name: partners (with no more than a bill needs) and practitioners' analytic accounts."""

from collections.abc import Iterable, Mapping
from typing import Any

from suture.connectors.odoo.client import Odoo, Row
from suture.connectors.odoo.find import Finder
from suture.connectors.odoo.names import external_id
from suture.connectors.odoo.setting import PRACTITIONERS, Setting
from suture.connectors.port import LedgerPartner
from suture.core.failure import Rejected

_FIELDS = ("name", "ref", "is_company", "street", "city", "zip", "country_id")
_REMEMBERED = 20_000


class Parties:
    """Writes a party when it is first seen and when it changed; knows what this process has seen standing."""

    def __init__(self, odoo: Odoo, finder: Finder) -> None:
        self._odoo = odoo
        self._finder = finder
        self._standing: dict[str, LedgerPartner] = {}
        self._countries: dict[str, int] | None = None

    def forget(self) -> None:
        """Look again: Odoo said that a party is gone."""
        self._standing.clear()

    async def ensure_partners(self, partners: Iterable[LedgerPartner]) -> None:
        """Make each partner stand as given. Scheduling and billing own a partner's data: edits in Odoo give way."""
        new = {p.reference: p for p in partners if self._standing.get(p.reference) != p}
        if not new:
            return
        countries = await self._country_ids()
        wanted = {external_id("partner", reference): _values(p, countries) for reference, p in new.items()}
        fields, columns = ["id", *_FIELDS], ["id", *_FIELDS[:-1], "country_id/.id"]
        rows = [[name, *(_cell(values[field]) for field in _FIELDS)] for name, values in wanted.items()]
        ids = await self._odoo.create_missing("res.partner", columns, rows)
        found = await self._odoo.read("res.partner", ids, fields[1:])
        changed = [
            row for row, identifier in zip(rows, ids, strict=True) if _differs(found.get(identifier), wanted[row[0]])
        ]
        await self._odoo.upsert("res.partner", columns, changed)
        if len(self._standing) > _REMEMBERED:
            self._standing.clear()
        self._standing.update(new)

    async def analytic(self, setting: Setting, facility: str, practitioner: str) -> Row:
        """A line's analytic distribution: wholly to the facility, and wholly to the practitioner."""
        place = await self._facility(facility)
        person = (await self._finder.by_name("account.analytic.account", "practitioner", [practitioner]))[practitioner]
        return {f"{place},{person}": 100}

    async def ensure_practitioners(self, setting: Setting, names: Mapping[str, str]) -> None:
        """An analytic account for each practitioner (name by reference) that has none yet."""
        known = {ref for ref in names if self._finder.knows(external_id("practitioner", ref))}
        new = [ref for ref in names if ref not in known]
        columns = ["id", "name", "code", "plan_id/.id", "company_id/.id"]
        rows = [
            [external_id("practitioner", ref), names[ref], ref, setting.plan(PRACTITIONERS), setting.company]
            for ref in new
        ]
        ids = await self._odoo.create_missing("account.analytic.account", columns, rows)
        for row, identifier in zip(rows, ids, strict=True):
            self._finder.remember(str(row[0]), identifier)

    async def _facility(self, code: str) -> int:
        found = await self._finder.by_name("account.analytic.account", "facility", [code])
        if code not in found:
            raise unknown_facility(code)
        return found[code]

    async def _country_ids(self) -> dict[str, int]:
        if self._countries is None:
            rows = await self._odoo.search("res.country", [], ["code", "name"])
            codes = {str(row["code"]).upper(): row["id"] for row in rows if row["code"]}
            self._countries = {**{str(row["name"]).upper(): row["id"] for row in rows}, **codes}
        return self._countries


def unknown_facility(code: str) -> Rejected:
    """A facility that the catalogue doesn't list has no analytic account and no stock in Odoo."""
    return Rejected(
        "facility_unknown",
        f"Odoo has nothing for facility {code}",
        f"Add the facility {code} to the catalogue and prepare the ledger again.",
    )


def _values(partner: LedgerPartner, countries: Mapping[str, int]) -> Row:
    return {
        "name": partner.name,
        "ref": partner.reference,
        "is_company": partner.is_company,
        "street": partner.street or False,
        "city": partner.city or False,
        "zip": partner.postal_code or False,
        "country_id": countries.get((partner.country or "").upper(), False),
    }


def _cell(value: Any) -> Any:
    """A cell as `load` reads it: empty for nothing, 1 and 0 for a flag."""
    if isinstance(value, bool):
        return "1" if value else ""
    return value


def _differs(found: Row | None, wanted: Row) -> bool:
    return found is not None and any(found[field] != value for field, value in wanted.items())
