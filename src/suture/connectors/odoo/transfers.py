"""Stock transfers as documents: what a visit consumed, and its way back. Pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from suture.connectors.odoo.client import Row
from suture.connectors.odoo.documents import Document, plain
from suture.connectors.odoo.names import external_id, line_id
from suture.connectors.odoo.setting import Setting, product_id
from suture.connectors.port import StockOrder


def picking(order: StockOrder, setting: Setting, origin_location: int, version: int) -> Document:
    """The components of a visit out of the facility's stock, already counted as done."""
    name = external_id("picking", order.appointment)
    stock = setting.stocked()
    route = (origin_location, setting.consumption())
    lines = tuple(
        {"id": line_id(name, position), "product_id/id": product_id(component.product)}
        | _moved(component.quantity, route, setting, version)
        for position, component in enumerate(order.components, 1)
    )
    values = _transfer(name, stock.outgoing_type, route, company=setting.company, origin=order.appointment, on=order.on)
    return Document(values, "move_ids", lines)


def return_picking(appointment: str, done: Row, moves: Sequence[Row], setting: Setting, version: int) -> Document:
    """The way back of a done picking, each move linked to the one it returns."""
    name = external_id("picking_return", appointment)
    route = (done["location_dest_id"], done["location_id"])
    lines = tuple(
        {
            "id": line_id(name, position),
            "product_id/.id": move["product_id"],
            "origin_returned_move_id/.id": move["id"],
        }
        | _moved(Decimal(str(move["quantity"])), route, setting, version)
        for position, move in enumerate(moves, 1)
    )
    on = date.fromisoformat(done["scheduled_date"][:10])
    values = _transfer(name, setting.stocked().incoming_type, route, company=setting.company, origin=appointment, on=on)
    return Document(values, "move_ids", lines)


def _moved(quantity: Decimal, route: tuple[int, int], setting: Setting, version: int) -> Row:
    moved: Row = {
        "product_uom_qty": plain(quantity),
        "quantity": plain(quantity),
        "picked": "1",
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
        "company_id/.id": setting.company,
    }
    return moved if version >= 19 else {**moved, "name": "Consumption"}


def _transfer(name: str, kind: int, route: tuple[int, int], *, company: int, origin: str, on: date) -> Row:
    return {
        "id": name,
        "picking_type_id/.id": kind,
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
        "company_id/.id": company,
        "origin": origin,
        "scheduled_date": f"{on.isoformat()} 12:00:00",
    }
