"""Procurement's facts, read and never written: Odoo's own rules say when something runs low and what is ordered."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport.client import Row
from suture.connectors.odoo.transport.paging import pages
from suture.connectors.port import GoodsReceipt, RunningLow
from suture.core.failure import Fatal

_RULE_FIELDS = ("product_id", "location_id", "product_min_qty", "qty_on_hand", "qty_forecast")


async def running_low(session: CompanySession) -> Sequence[RunningLow]:
    """What is below the minimum of its reordering rule (`stock.warehouse.orderpoint`); what is `ordered` is on its way.
    Articles and places that we don't know have Odoo's own code and name."""
    domain = [["company_id", "=", session.odoo.company]]
    try:
        rules = await session.odoo.search("stock.warehouse.orderpoint", domain, _RULE_FIELDS)
    except Fatal as failure:
        if failure.code == "not_understood":
            return ()  # Inventory isn't installed
        raise
    low = [rule for rule in rules if rule["qty_on_hand"] < rule["product_min_qty"]]
    codes = await _codes(session, low)
    places = await _places(session, low)
    return [
        RunningLow(
            product=codes[rule["product_id"]],
            facility=places[rule["location_id"]],
            on_hand=Decimal(str(rule["qty_on_hand"])),
            minimum=Decimal(str(rule["product_min_qty"])),
            ordered=max(Decimal(str(rule["qty_forecast"])) - Decimal(str(rule["qty_on_hand"])), Decimal(0)),
        )
        for rule in low
    ]


async def receipts(session: CompanySession, since: date) -> AsyncIterator[GoodsReceipt]:
    """Incoming transfers that were validated since a day (UTC)."""
    domain = [
        ["company_id", "=", session.odoo.company],
        ["state", "=", "done"],
        ["picking_type_code", "=", "incoming"],
        ["date_done", ">=", f"{since.isoformat()} 00:00:00"],
    ]
    async for page in pages(session.odoo, "stock.picking", domain, ["name", "date_done", "partner_id", "location_id"]):
        ours = await _consumption(session)
        received = [row for row in page if row["location_id"] != ours]
        quantities = await received_quantities(session, [row["id"] for row in received])
        for row in received:
            yield GoodsReceipt(
                number=row["name"],
                received_at=datetime.fromisoformat(row["date_done"]).replace(tzinfo=UTC),
                supplier=row["partner_id"] or None,
                products=quantities[row["id"]],
            )


async def _consumption(session: CompanySession) -> int:
    """What comes back from there is our own return, no receipt."""
    stock = (await session.setting()).stock
    return (stock.consumption_location if stock else None) or 0


async def received_quantities(session: CompanySession, pickings: Sequence[int]) -> dict[int, dict[str, Decimal]]:
    """Done quantities by picking and product code."""
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    if not pickings:
        return found
    domain = [["picking_id", "in", list(pickings)], ["state", "=", "done"]]
    moves = await session.odoo.search("stock.move", domain, ["picking_id", "product_id", "quantity"])
    codes = await _codes(session, moves)
    for move in moves:
        of, code = found[move["picking_id"]], codes[move["product_id"]]
        of[code] = of.get(code, Decimal(0)) + Decimal(str(move["quantity"]))
    return found


async def _codes(session: CompanySession, rows: Sequence[Row]) -> dict[int, str]:
    """Product codes by id; a product without one has its id."""
    ids = sorted({row["product_id"] for row in rows})
    found = await session.odoo.read("product.product", ids, ["default_code"]) if ids else {}
    return {identifier: row["default_code"] or f"odoo/{identifier}" for identifier, row in found.items()}


async def _places(session: CompanySession, rows: Sequence[Row]) -> dict[int, str]:
    """Facility codes by location; a location that isn't a facility's has Odoo's own name."""
    ids = sorted({row["location_id"] for row in rows})
    names = await session.odoo.read("stock.location", ids, ["complete_name"]) if ids else {}
    plan = session.plan
    codes = {external_id("location", place.code): place.code for place in (plan.facilities if plan else ())}
    known = await session.odoo.external_ids("stock.location", ids)
    return {i: codes.get(known.get(i, "")) or row["complete_name"] for i, row in names.items()}
