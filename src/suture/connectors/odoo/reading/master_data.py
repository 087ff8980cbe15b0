"""Contacts and products of ours as Odoo has them now, beside what we last wrote or read. Prints tell what differs, and
never what it is."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.crosswalk import changed_fields
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.records.parties import PARTNER_FINGERPRINTED
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import MasterRecord
from suture.store.crosswalk import Known

_MODEL, _PRODUCT = "res.partner", "product.product"
_AT_ONCE = 500
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


async def master_data(session: CompanySession) -> AsyncIterator[MasterRecord]:
    after = ""
    while known := await session.crosswalk.page(_MODEL, after, _AT_ONCE, _EVER):
        for record in await _compared(session, known):
            yield record
        after = known[-1].name
    for record in await _products(session):
        yield record


async def _compared(session: CompanySession, known: Sequence[Known]) -> list[MasterRecord]:
    standing = await session.odoo.external_ids(_MODEL, [one.record for one in known])
    there = [one for one in known if standing.get(one.record) == one.name]
    read = [*PARTNER_FINGERPRINTED, "active"]
    rows = await session.odoo.read(_MODEL, [one.record for one in there], read) if there else {}
    records = []
    for one in known:
        row = rows.get(one.record)
        if row is None:
            records.append(_record(one, "deleted"))
            continue
        fingerprints = session.crosswalk.fingerprints({field: row[field] for field in PARTNER_FINGERPRINTED})
        fields = changed_fields(one, fingerprints) if one.fingerprints else ()
        records.append(_record(one, _state(row, changed=bool(fields)), fields))
    return records


def _state(row: Row, *, changed: bool) -> str:
    """What was archived can be named by no new document, whatever else is changed of it."""
    return "archived" if not row["active"] else "changed" if changed else "same"


def _record(known: Known, state: str, fields: tuple[str, ...] = ()) -> MasterRecord:
    kind = known.key.partition("/")[0].lower() or "contact"
    return MasterRecord(kind=kind, reference=known.key, record=known.record, state=state, fields=fields)


async def _products(session: CompanySession) -> list[MasterRecord]:
    """The catalogue owns what a product is called. Archived ones are looked for, too: they are there."""
    wanted = {product.code: product for product in session.plan.products} if session.plan else {}
    rows = await _product_rows(session, list(wanted))
    records = []
    for code, product in wanted.items():
        row = rows.get(code)
        renamed = row is not None and row["name"] != product.name
        records.append(
            MasterRecord(
                kind="article" if product.stocked else "service",
                reference=code,
                record=row["id"] if row is not None else 0,
                state="deleted" if row is None else _state(row, changed=renamed),
                fields=("name",) if renamed else (),
            )
        )
    return records


async def _product_rows(session: CompanySession, codes: Sequence[str]) -> dict[str, Row]:
    """Our products by code: found by it, or where a person changed it by external id."""
    if not codes:
        return {}
    fields = ["name", "active"]
    domain = [["default_code", "in", list(codes)], ["active", "in", [True, False]]]
    found = {row["id"]: row for row in await session.odoo.search(_PRODUCT, domain, fields)}
    names = await session.odoo.external_ids(_PRODUCT, list(found))
    of = {external_id("product", code): code for code in codes}
    rows = {of[name]: found[record] for record, name in names.items() if name in of}
    others = await session.finder.by_name(_PRODUCT, "product", [code for code in codes if code not in rows])
    read = await session.odoo.read(_PRODUCT, list(others.values()), fields) if others else {}
    return rows | {code: read[record] for code, record in others.items() if record in read}


async def adopt(session: CompanySession, reference: str) -> MasterRecord | None:
    """A contact is right as it is in Odoo: what we remember of it is what stands there now."""
    name = external_id("partner", reference)
    known = (await session.crosswalk.recall([name])).get(name)
    row = (await session.odoo.read(_MODEL, [known.record], PARTNER_FINGERPRINTED)).get(known.record) if known else None
    if known is None or row is None:
        return None
    fingerprints = session.crosswalk.fingerprints({field: row[field] for field in PARTNER_FINGERPRINTED})
    fields = changed_fields(known, fingerprints) if known.fingerprints else ()
    await session.crosswalk.remember(
        [Known(name=name, key=known.key, model=_MODEL, record=known.record, fingerprints=fingerprints)]
    )
    session.parties.forget()
    return _record(known, "same", fields)
