"""Who our documents name: contacts (with no more than a bill needs) and practitioners' analytic accounts.

Scheduling and billing own a contact's data, and what they change is written. What a person changed in Odoo stays as it
is and is told: a fingerprint of what we left in each field tells the two apart.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from suture.connectors.odoo.records.company_config import PRACTITIONERS, CompanyConfig
from suture.connectors.odoo.records.crosswalk import LedgerCrosswalk, changed_fields
from suture.connectors.odoo.records.external_ids import Finder
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport.client import Odoo, Row
from suture.connectors.port import LedgerPartner, PartyDiscrepancy, Registered
from suture.core.failure import Rejected
from suture.store.crosswalk import Known

PARTNER_FINGERPRINTED = ("name", "ref", "is_company", "street", "city", "zip", "state_id", "country_id")
_COLUMNS = ("id", *(f"{field}/.id" if field.endswith("_id") else field for field in PARTNER_FINGERPRINTED))
_REMEMBERED = 20_000


class PartyWriter:
    """Writes a party when it is first seen and when it changed; knows what this process has seen standing."""

    def __init__(self, odoo: Odoo, finder: Finder, crosswalk: LedgerCrosswalk) -> None:
        self._odoo = odoo
        self._finder = finder
        self._crosswalk = crosswalk
        self._standing: dict[str, tuple[LedgerPartner, Registered]] = {}
        self._countries: dict[str, int] | None = None
        self._states: dict[tuple[int, str], int] | None = None
        self._writing = asyncio.Lock()  # two batches that create one contact at once would fail each other

    def forget(self) -> None:
        """Look again: Odoo said that a party is gone."""
        self._standing.clear()

    async def ensure_partners(self, partners: Iterable[LedgerPartner]) -> dict[str, Registered]:
        """Make each contact stand as given, as far as no person changed it; answers them by reference. One that was
        deleted is not created again: it is a discrepancy."""
        async with self._writing:
            return await self._ensure({partner.reference: partner for partner in partners})

    async def _ensure(self, wanted: Mapping[str, LedgerPartner]) -> dict[str, Registered]:
        known = {ref: self._standing[ref] for ref in wanted if ref in self._standing}
        new = [p for ref, p in wanted.items() if ref not in known or (known[ref][0] != p and p.may_be_written)]
        found = {ref: registered for ref, (_, registered) in known.items()}
        if new:
            found |= await self._write(new)
            if len(self._standing) > _REMEMBERED:
                self._standing.clear()
            self._standing.update({p.reference: (p, found[p.reference]) for p in new})
        return found

    async def _write(self, partners: Sequence[LedgerPartner]) -> dict[str, Registered]:
        countries = await self._country_ids()
        states = await self._state_ids() if any(p.state for p in partners) else {}
        wanted = {external_id("partner", p.reference): (p, _values(p, countries, states)) for p in partners}
        known = await self._crosswalk.recall(list(wanted))
        standing = await self._odoo.external_ids("res.partner", [record.record for record in known.values()])
        deleted = {name for name, record in known.items() if standing.get(record.record) != name}
        rows = [_row(name, values) + _ranks(p) for name, (p, values) in wanted.items() if name not in deleted]
        ids = await self._odoo.create_missing("res.partner", (*_COLUMNS, "customer_rank", "supplier_rank"), rows)
        by_name = dict(zip((str(row[0]) for row in rows), ids, strict=True))
        now = await self._odoo.read("res.partner", ids, [*PARTNER_FINGERPRINTED, "write_uid"])
        us = await self._odoo.user()
        plans = {
            name: _plan(
                wanted[name][1], now[i], known.get(name), self._fingerprints(now[i]), ours=now[i]["write_uid"] == us
            )
            for name, i in by_name.items()
            if i in now and wanted[name][0].may_be_written
        }
        changed = [_row(name, plan.values) for name, plan in plans.items() if plan.writes]
        await self._odoo.upsert("res.partner", _COLUMNS, changed)
        await self._crosswalk.remember(
            [
                Known(
                    name=name,
                    key=wanted[name][0].reference,
                    model="res.partner",
                    record=i,
                    fingerprints=self._left(plans.get(name), known.get(name), now.get(i)),
                )
                for name, i in by_name.items()
            ]
        )
        return {
            p.reference: _registered(p.reference, by_name.get(name, 0), plans.get(name), deleted=name in deleted)
            for name, (p, _) in wanted.items()
        }

    def _fingerprints(self, row: Row) -> dict[str, str]:
        return self._crosswalk.fingerprints({field: row[field] for field in PARTNER_FINGERPRINTED})

    def _left(self, plan: "_Plan | None", known: Known | None, now: Row | None) -> dict[str, str]:
        """What we left in each field; in one that a person changed, what we had left there before."""
        if plan is None:  # not ours to write: what we saw first, until somebody adopts what is there now
            return known.fingerprints if known and known.fingerprints else self._fingerprints(now) if now else {}
        fingerprints = self._fingerprints(plan.values)
        before = known.fingerprints if known else {}
        return {
            field: before.get(field, "") if field in plan.kept else fingerprints[field]
            for field in PARTNER_FINGERPRINTED
        }

    async def with_terms(self, partners: Collection[int]) -> set[int]:
        """Those of these contacts for whom somebody agreed on payment terms in Odoo."""
        rows = await self._odoo.read("res.partner", sorted(partners), ["property_payment_term_id"]) if partners else {}
        return {identifier for identifier, row in rows.items() if row["property_payment_term_id"]}

    async def analytic(self, setting: CompanyConfig, facility: str, practitioner: str) -> Row:
        """A line's analytic distribution: wholly to the facility, and wholly to the practitioner."""
        place = await self._facility(facility)
        person = (await self._finder.by_name("account.analytic.account", "practitioner", [practitioner]))[practitioner]
        return {f"{place},{person}": 100}

    async def ensure_practitioners(self, setting: CompanyConfig, names: Mapping[str, str]) -> None:
        """An analytic account for each practitioner (name by reference) that has none yet. It is every company's: a
        practitioner may work in several."""
        async with self._writing:
            await self._write_practitioners(setting, names)

    async def _write_practitioners(self, setting: CompanyConfig, names: Mapping[str, str]) -> None:
        new = [ref for ref in names if not self._finder.knows(external_id("practitioner", ref))]
        columns = ["id", "name", "code", "plan_id/.id", "company_id"]  # left out, Odoo takes the caller's company
        rows = [[external_id("practitioner", ref), names[ref], ref, setting.plan(PRACTITIONERS), ""] for ref in new]
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

    async def _state_ids(self) -> dict[tuple[int, str], int]:
        """States by their country's id and their code or name."""
        if self._states is None:
            rows = await self._odoo.search("res.country.state", [], ["code", "name", "country_id"])
            named = {(row["country_id"], str(row["name"]).upper()): row["id"] for row in rows}
            self._states = named | {(row["country_id"], str(row["code"]).upper()): row["id"] for row in rows}
        return self._states


class _Plan:
    """What to write into a contact: `values` with what a person changed left as it is, `kept` those fields."""

    def __init__(self, values: Row, kept: tuple[str, ...], *, writes: bool) -> None:
        self.values = values
        self.kept = kept
        self.writes = writes


def _plan(wanted: Row, now: Row, known: Known | None, fingerprints: Mapping[str, str], *, ours: bool) -> _Plan:
    """A field that differs from what is wanted is a person's where it differs from what we left, too. Where we don't
    know what we left, the last writer tells."""
    differing = {field for field, value in wanted.items() if now[field] != value}
    if known is None or not known.fingerprints:
        persons = set() if ours else differing
    else:
        persons = differing & set(changed_fields(known, fingerprints))
    values = {field: now[field] if field in persons else value for field, value in wanted.items()}
    return _Plan(values, tuple(sorted(persons)), writes=bool(differing - persons))


def _registered(reference: str, partner: int, plan: _Plan | None, *, deleted: bool) -> Registered:
    discrepancy = None
    if deleted:
        discrepancy = PartyDiscrepancy(reference=reference, model="res.partner", what="deleted")
    elif plan is not None and plan.kept:
        discrepancy = PartyDiscrepancy(reference=reference, model="res.partner", what="changed", fields=plan.kept)
    return Registered(reference=reference, partner=partner, discrepancy=discrepancy)


def partner_deleted(reference: str) -> Rejected:
    """A contact of ours that a person deleted in Odoo. It is not created again behind that person's back."""
    name = external_id("partner", reference)
    return Rejected(
        "deleted_in_odoo",
        f"Odoo no longer has the contact of {reference}: someone deleted it [{name}]",
        "Restore it in Odoo and retry this, or have it written again: `suture ledger rewrite` with this exception's "
        "number.",
    )


def unknown_facility(code: str) -> Rejected:
    """A facility that the catalogue doesn't list has no analytic account and no stock in Odoo."""
    return Rejected(
        "facility_unknown",
        f"Odoo has nothing for facility {code}",
        f"Add the facility {code} to the catalogue and prepare the ledger again.",
    )


def _values(partner: LedgerPartner, countries: Mapping[str, int], states: Mapping[tuple[int, str], int]) -> Row:
    country = countries.get((partner.country or "").upper(), 0)
    return {
        "name": partner.name,
        "ref": partner.reference,
        "is_company": partner.is_company,
        "street": partner.street or False,
        "city": partner.city or False,
        "zip": partner.postal_code or False,
        "state_id": states.get((country, (partner.state or "").upper()), False),
        "country_id": country or False,
    }


def _row(name: str, values: Row) -> list[Any]:
    return [name, *(_cell(values[field]) for field in PARTNER_FINGERPRINTED)]


def _ranks(partner: LedgerPartner) -> list[str]:
    """In whose lists Odoo shows a contact: `customer_rank` and `supplier_rank`."""
    return ["0", "1"] if partner.role in ("supplier", "practitioner") else ["1", "0"]


def _cell(value: Any) -> Any:
    """A cell as `load` reads it: empty for nothing, 1 and 0 for a flag."""
    if isinstance(value, bool):
        return "1" if value else ""
    return value
