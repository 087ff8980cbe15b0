"""What others changed in Odoo since a cursor, read by `write_date`.

`write_date` is the time at which a transaction began, by the database's clock, and is answered in whole seconds. So the
cursor is Odoo's own time and never ours; it is read before the rows, and moves to what was newest then; rows are paged
by id, so that equal times and rows that change meanwhile hide nothing; and each look goes back by an overlap that is
longer than Odoo's transactions: so a change is told again, under the same version, by which whoever takes it knows it.
A look at much, such as somebody's import, is many pages: the cursor says how far it is, and memory holds one of them.
What was deleted leaves no time: a few of the records that we know are looked for each time, and our module in Odoo,
where it is installed, notes deletions as they happen.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from suture.connectors.odoo.documents.posting import MOVE_FINGERPRINTED, fingerprinted
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.reading import change_origin
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.records.parties import PARTNER_FINGERPRINTED
from suture.connectors.odoo.stock.procurement import received_quantities, running_low
from suture.connectors.odoo.transport.client import Row
from suture.connectors.odoo.transport.paging import PAGE
from suture.connectors.port import ChangePage, LedgerChange, RunningLow
from suture.core.failure import Fatal

OVERLAP = timedelta(minutes=2)
"""Longer than Odoo's longest transaction: what began before and committed after a look is found by the next."""

_SWEPT = ("account.move", "res.partner", "stock.picking")
_LINE = "account.move.line"
_SWEPT_AT_ONCE = 200
_NOTES_AGAIN, _NOTES_AT_ONCE = 200, 2000
_SWEPT_FOR = timedelta(days=400)
_WRITTEN = ("write_date", "write_uid", "create_date", "create_uid")
_MOVE_FIELDS = (*MOVE_FINGERPRINTED, "move_type", "ref", "payment_state", "amount_residual", "currency_id", *_WRITTEN)
_PARTNER_FIELDS = (*PARTNER_FINGERPRINTED, "supplier_rank", *_WRITTEN)
_PRODUCT_FIELDS = ("name", "default_code", "list_price", "property_account_income_id", *_WRITTEN)
_PICKING_FIELDS = ("name", "location_id", "partner_id", "date_done", *_WRITTEN)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far each model is read, in Odoo's time; where the search for deleted records is; what ran low already.

    While a look is under way, `target` is how far it will have read and `reading` the model whose turn it is, with the
    id after which its next page begins.
    """

    until: dict[str, str] = {}
    target: dict[str, str] = {}
    reading: tuple[str, int] | None = None
    sweep: tuple[int, str] = (0, "")
    outbox: int = 0
    low: tuple[str, ...] = ()


async def changes(session: CompanySession, cursor: str | None) -> ChangePage:
    """A page of what changed. Raises `Fatal` where the cursor isn't one of ours."""
    if cursor is None:
        return await _beginning(session)
    try:
        at = msgspec.json.decode(cursor, type=Cursor)
    except msgspec.DecodeError as error:
        raise Fatal("cursor_unreadable", "the cursor of Odoo's changes can't be read") from error
    if at.reading is None:
        first = next((model for model in _READERS if model in at.until), None)
        at = msgspec.structs.replace(at, target=await _newest(session), reading=(first, 0) if first else None)
    found, reading = await _found(session, at)
    if reading is not None:
        at = msgspec.structs.replace(at, reading=reading)
        return ChangePage(changes=tuple(found), cursor=_written(at), more=True)
    gone, sweep = await _sweep(session, at.sweep)
    noted, outbox = await _noted(session, at.outbox)
    low = await running_low(session)
    ran_low = [_ran_low(one, session.clock.now()) for one in low if _place(one) not in at.low]
    new = Cursor(until=at.until | at.target, sweep=sweep, low=_places(low), outbox=outbox)
    return ChangePage(changes=(*found, *gone, *noted, *ran_low), cursor=_written(new))


async def _beginning(session: CompanySession) -> ChangePage:
    """From now on: what was there before nobody needs to be told."""
    low = await running_low(session)
    _, outbox = await _noted(session, 0)
    start = Cursor(until=await _newest(session), low=_places(low), outbox=outbox)
    return ChangePage(changes=(), cursor=_written(start))


def _written(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _domains(session: CompanySession) -> dict[str, list[Any]]:
    """What is watched in each model."""
    mine = [["company_id", "=", session.odoo.company]]
    incoming = [*mine, ["picking_type_code", "=", "incoming"], ["state", "=", "done"]]
    return {"account.move": mine, "res.partner": [], "product.product": [], "stock.picking": incoming}


async def _newest(session: CompanySession) -> dict[str, str]:
    """The newest `write_date` of each model now. A model that isn't installed has none."""
    newest: dict[str, str] = {}
    for model, domain in _domains(session).items():
        try:
            rows = await session.odoo.search(model, domain, ["write_date"], order="write_date desc", limit=1)
        except Fatal as failure:
            if failure.code != "not_understood":
                raise
            continue
        newest[model] = rows[0]["write_date"] if rows else "1970-01-01 00:00:00"
    return newest


async def _found(session: CompanySession, at: Cursor) -> tuple[list[LedgerChange], tuple[str, int] | None]:
    """What changed in a page or so of rows, and where the next page begins; None at the end of the look."""
    us, domains = await session.odoo.user(), _domains(session)
    found: list[LedgerChange] = []
    reading, seen = at.reading, 0
    while reading is not None and seen < PAGE:
        model, after = reading
        attribute, fields = _READERS[model]
        since = [["id", ">", after], ["write_date", ">=", _earlier(at.until[model])], *domains[model]]
        rows = await session.odoo.search(model, since, fields, limit=PAGE)
        found += await attribute(session, rows, us) if rows else []
        seen += len(rows)
        reading = (model, rows[-1]["id"]) if len(rows) == PAGE else _next_model(model, at.until)
    return found, reading


def _next_model(model: str, until: Mapping[str, str]) -> tuple[str, int] | None:
    models = list(_READERS)
    later = models[models.index(model) + 1 :]
    return next(((other, 0) for other in later if other in until), None)


def _earlier(told: str) -> str:
    return f"{datetime.fromisoformat(told) - OVERLAP:%Y-%m-%d %H:%M:%S}"


async def _moves(session: CompanySession, rows: Sequence[Row], us: int) -> list[LedgerChange]:
    known = await session.crosswalk.by_record("account.move", [row["id"] for row in rows])
    codes = (await session.setting()).codes()
    strangers = {row["ref"] for row in rows if row["id"] not in known and row["ref"]}
    ours = await session.crosswalk.recall([external_id("invoice", ref) for ref in strangers])
    fingerprints = {row["id"]: session.crosswalk.fingerprints(fingerprinted(row, codes)) for row in rows}
    unsure = [
        row["id"]
        for row in rows
        if change_origin.may_be_settled(row, known.get(row["id"]), fingerprints[row["id"]], us=us)
    ]
    others = await _settled_by_others(session, unsure, us)
    told = (
        change_origin.of_move(
            row,
            known.get(row["id"]),
            fingerprints[row["id"]],
            us=us,
            currency=codes[row["currency_id"]],
            twin_of=row["ref"] if row["ref"] and external_id("invoice", row["ref"]) in ours else "",
            settled_by=others.get(row["id"], ()),
        )
        for row in rows
    )
    return [change for change in told if change is not None]


async def _settled_by_others(session: CompanySession, invoices: Sequence[int], us: int) -> dict[int, list[int]]:
    """The reconciliations of each invoice with what we did not write."""
    if not invoices:
        return {}
    receivable = [["move_id", "in", list(invoices)], ["account_type", "=", "asset_receivable"]]
    lines = {row["id"]: row["move_id"] for row in await session.odoo.search(_LINE, receivable, ["move_id"])}
    either = ["|", ["debit_move_id", "in", list(lines)], ["credit_move_id", "in", list(lines)]]
    sides = ["debit_move_id", "credit_move_id"]
    partials = await session.odoo.search("account.partial.reconcile", either, sides)
    facing = {row["id"]: next((row[s], row[o]) for s, o in (sides, sides[::-1]) if row[s] in lines) for row in partials}
    counterparts = await session.odoo.read(
        _LINE, sorted({line for _, line in facing.values()}), ["move_id", "create_uid"]
    )
    known = await session.crosswalk.by_record("account.move", [row["move_id"] for row in counterparts.values()])
    found: dict[int, list[int]] = {}
    for partial, (line, counterpart) in facing.items():
        row = counterparts.get(counterpart)
        if row is not None and row["create_uid"] != us and row["move_id"] not in known:
            found.setdefault(lines[line], []).append(partial)
    return found


async def _partners(session: CompanySession, rows: Sequence[Row], us: int) -> list[LedgerChange]:
    known = await session.crosswalk.by_record("res.partner", [row["id"] for row in rows])
    told = (
        change_origin.of_partner(
            row,
            known.get(row["id"]),
            session.crosswalk.fingerprints({field: row[field] for field in PARTNER_FINGERPRINTED}),
            us=us,
        )
        for row in rows
    )
    return [change for change in told if change is not None]


async def _products(session: CompanySession, rows: Sequence[Row], us: int) -> list[LedgerChange]:
    others = [row for row in rows if row["write_uid"] != us]
    names = await session.odoo.external_ids("product.product", [row["id"] for row in others])
    told = (change_origin.of_product(row, names.get(row["id"], ""), us=us) for row in others)
    return [change for change in told if change is not None]


async def _receipts(session: CompanySession, rows: Sequence[Row], us: int) -> list[LedgerChange]:
    stock = (await session.setting()).stock
    ours = (stock.consumption_location if stock else None) or 0
    quantities = await received_quantities(session, [row["id"] for row in rows])
    told = (change_origin.of_receipt(row, quantities[row["id"]], us=us, ours=ours) for row in rows)
    return [change for change in told if change is not None]


_READERS: Mapping[
    str, tuple[Callable[[CompanySession, Sequence[Row], int], Awaitable[list[LedgerChange]]], tuple[str, ...]]
] = {
    "account.move": (_moves, _MOVE_FIELDS),
    "res.partner": (_partners, _PARTNER_FIELDS),
    "product.product": (_products, _PRODUCT_FIELDS),
    "stock.picking": (_receipts, _PICKING_FIELDS),
}
"""By model, in the order in which they are read: what its rows mean, and the fields that are read of them."""


async def _sweep(session: CompanySession, at: tuple[int, str]) -> tuple[list[LedgerChange], tuple[int, str]]:
    """A page of the records that we know, looked for in Odoo; and where the next look goes on."""
    which, after = at
    model, now = _SWEPT[which % len(_SWEPT)], session.clock.now()
    known = await session.crosswalk.page(model, after, _SWEPT_AT_ONCE, now - _SWEPT_FOR)
    standing = await session.odoo.external_ids(model, [record.record for record in known])
    missing = [record for record in known if standing.get(record.record) != record.name]
    gone = [record for record in missing if await session.finder.reference(model, record.name) is None]
    more = len(known) == _SWEPT_AT_ONCE
    return [change_origin.deleted(record, now) for record in gone], (
        (which, known[-1].name) if more else ((which + 1) % len(_SWEPT), "")
    )


async def _noted(session: CompanySession, after: int) -> tuple[list[LedgerChange], int]:
    """Deletions that our own module in Odoo noted, and the newest note. Ids are given before a transaction ends, so a
    few before the cursor are read again."""
    if not await session.poster.connects():
        return [], after
    domain = [["id", ">", max(after - _NOTES_AGAIN, 0)], ["what", "=", "unlink"], ["model", "in", list(_SWEPT)]]
    notes = await session.odoo.search("suture.outbox", domain, ["model", "res_id", "at"], limit=_NOTES_AT_ONCE)
    if len(notes) == _NOTES_AT_ONCE:  # the next look goes on where this one stopped
        newest = notes[-1:]
    else:
        newest = await session.odoo.search("suture.outbox", [], ["id"], order="id desc", limit=1)
    gone: list[LedgerChange] = []
    for model in _SWEPT:
        at = {note["res_id"]: note["at"] for note in notes if note["model"] == model}
        known = await session.crosswalk.by_record(model, list(at))
        gone += [change_origin.deleted(one, change_origin.moment_of({"write_date": at[i]})) for i, one in known.items()]
    return gone, newest[0]["id"] if newest else after


def _places(low: Sequence[RunningLow]) -> tuple[str, ...]:
    return tuple(sorted(_place(one) for one in low))


def _place(low: RunningLow) -> str:
    return f"{low.product}/{low.facility}"


def _ran_low(low: RunningLow, now: datetime) -> LedgerChange:
    """What fell below its minimum, as a change at this moment: Odoo keeps no time of it."""
    return LedgerChange(
        kind="stock",
        what="running_low",
        reference=low.product,
        record=0,
        at=now,
        version=f"{_place(low)}/{now:%Y-%m-%dT%H:%M:%S}",
        state=low.facility,
        quantities={"on_hand": low.on_hand, "minimum": low.minimum, "ordered": low.ordered},
    )
