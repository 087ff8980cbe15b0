"""Contacts and products of ours as Odoo has them now, beside what we last wrote or read. Prints tell what differs, and
never what it is."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from suture.connectors.odoo.books import Books
from suture.connectors.odoo.crosswalk import changed_fields
from suture.connectors.odoo.names import external_id
from suture.connectors.odoo.parties import PARTNER_PRINTED
from suture.connectors.port import MasterRecord
from suture.store.crosswalk import Known

_MODEL = "res.partner"
_AT_ONCE = 500
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


async def master_data(books: Books) -> AsyncIterator[MasterRecord]:
    after = ""
    while known := await books.crosswalk.page(_MODEL, after, _AT_ONCE, _EVER):
        for record in await _compared(books, known):
            yield record
        after = known[-1].name
    for record in await _products(books):
        yield record


async def _compared(books: Books, known: Sequence[Known]) -> list[MasterRecord]:
    standing = await books.odoo.external_ids(_MODEL, [one.record for one in known])
    there = [one for one in known if standing.get(one.record) == one.name]
    rows = await books.odoo.read(_MODEL, [one.record for one in there], PARTNER_PRINTED) if there else {}
    records = []
    for one in known:
        row = rows.get(one.record)
        if row is None:
            records.append(_record(one, "deleted"))
            continue
        prints = books.crosswalk.prints({field: row[field] for field in PARTNER_PRINTED})
        fields = changed_fields(one, prints) if one.prints else ()
        records.append(_record(one, "changed" if fields else "same", fields))
    return records


def _record(known: Known, state: str, fields: tuple[str, ...] = ()) -> MasterRecord:
    kind = known.key.partition("/")[0].lower() or "contact"
    return MasterRecord(kind=kind, reference=known.key, record=known.record, state=state, fields=fields)


async def _products(books: Books) -> list[MasterRecord]:
    """The catalogue owns what a product is called."""
    wanted = {product.code: product for product in books.plan.products} if books.plan else {}
    ids = await books.finder.by_name("product.product", "product", list(wanted))
    rows = await books.odoo.read("product.product", list(ids.values()), ["name"]) if ids else {}
    records = []
    for code, product in wanted.items():
        row = rows.get(ids.get(code, 0))
        state = "deleted" if row is None else "same" if row["name"] == product.name else "changed"
        fields = ("name",) if state == "changed" else ()
        records.append(
            MasterRecord(
                kind="article" if product.stocked else "service",
                reference=code,
                record=ids.get(code, 0),
                state=state,
                fields=fields,
            )
        )
    return records


async def adopt(books: Books, reference: str) -> MasterRecord | None:
    """A contact is right as it is in Odoo: what we remember of it is what stands there now."""
    name = external_id("partner", reference)
    known = (await books.crosswalk.recall([name])).get(name)
    row = (await books.odoo.read(_MODEL, [known.record], PARTNER_PRINTED)).get(known.record) if known else None
    if known is None or row is None:
        return None
    prints = books.crosswalk.prints({field: row[field] for field in PARTNER_PRINTED})
    fields = changed_fields(known, prints) if known.prints else ()
    await books.crosswalk.remember([Known(name=name, key=known.key, model=_MODEL, record=known.record, prints=prints)])
    books.parties.forget()
    return _record(known, "same", fields)
