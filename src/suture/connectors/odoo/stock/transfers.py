"""Stock transfers as documents: what a visit consumed, and its way back. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from suture.connectors.odoo.documents.document_rows import Document, plain
from suture.connectors.odoo.records.company_config import CompanyConfig, product_id
from suture.connectors.odoo.records.names import external_id, line_id
from suture.connectors.odoo.stock.lots import TakenLot
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import StockOrder

Route = tuple[int, int]


def picking(
    order: StockOrder,
    setting: CompanyConfig,
    origin_location: int,
    version: int,
    lots: Mapping[str, Sequence[TakenLot]],
) -> Document:
    """The components of a visit out of the facility's stock, already counted as done. What is tracked by lots is
    counted by them (`lot_lines`)."""
    name = external_id("picking", order.appointment)
    stock = setting.stocked()
    route = (origin_location, setting.consumption())
    lines = tuple(
        {"id": line_id(name, position), "product_id/id": product_id(component.product)}
        | _moved(component.quantity, route, setting, version, counted=component.product not in lots)
        for position, component in enumerate(order.components, 1)
    )
    values = _transfer(name, stock.outgoing_type, route, company=setting.company, origin=order.appointment, on=order.on)
    return Document(values, "move_ids", lines)


def lot_lines(order: StockOrder, route: Route, lots: Mapping[str, Sequence[TakenLot]]) -> list[Row]:
    """A line for each lot that a visit's transfer takes from (`stock.move.line`)."""
    name = external_id("picking", order.appointment)
    rows = []
    for position, component in enumerate(order.components, 1):
        for taken in lots.get(component.product, ()):
            move = line_id(name, position)
            product = {"product_id/id": product_id(component.product)}
            rows.append(_lot_line(name, move, taken.lot, taken.quantity, route) | product)
    return rows


def return_picking(
    appointment: str,
    done: Row,
    moves: Sequence[Row],
    setting: CompanyConfig,
    *,
    version: int,
    tracked: Mapping[int, object],
) -> Document:
    """The way back of a done picking, each move linked to the one it returns. `tracked` are the moves with lots."""
    name = external_id("picking_return", appointment)
    route = (done["location_dest_id"], done["location_id"])
    lines = tuple(
        {
            "id": line_id(name, position),
            "product_id/.id": move["product_id"],
            "origin_returned_move_id/.id": move["id"],
        }
        | _moved(Decimal(str(move["quantity"])), route, setting, version, counted=move["id"] not in tracked)
        for position, move in enumerate(moves, 1)
    )
    on = date.fromisoformat(done["scheduled_date"][:10])
    values = _transfer(name, setting.stocked().incoming_type, route, company=setting.company, origin=appointment, on=on)
    return Document(values, "move_ids", lines)


def return_lot_lines(
    appointment: str, done: Row, moves: Sequence[Row], tracked: Mapping[int, Sequence[Row]]
) -> list[Row]:
    """The lots that a visit's transfer took, on their way back."""
    name = external_id("picking_return", appointment)
    route = (done["location_dest_id"], done["location_id"])
    rows = []
    for position, move in enumerate(moves, 1):
        for line in tracked.get(move["id"], ()):
            quantity = Decimal(str(line["quantity"]))
            lot = _lot_line(name, line_id(name, position), line["lot_id"], quantity, route)
            rows.append(lot | {"product_id/.id": move["product_id"]})
    return rows


def _lot_line(picking: str, move: str, lot: int, quantity: Decimal, route: Route) -> Row:
    return {
        "id": line_id(move, f"lot{lot}"),
        "picking_id/id": picking,
        "move_id/id": move,
        "lot_id/.id": lot,
        "quantity": plain(quantity),
        "picked": "1",
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
    }


def _moved(quantity: Decimal, route: Route, setting: CompanyConfig, version: int, *, counted: bool) -> Row:
    moved: Row = {
        "product_uom_qty": plain(quantity),
        "quantity": plain(quantity) if counted else "",
        "picked": "1" if counted else "",
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
        "company_id/.id": setting.company,
    }
    return moved if version >= 19 else {**moved, "name": "Consumption"}


def _transfer(name: str, kind: int, route: Route, *, company: int, origin: str, on: date) -> Row:
    return {
        "id": name,
        "picking_type_id/.id": kind,
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
        "company_id/.id": company,
        "origin": origin,
        "scheduled_date": f"{on.isoformat()} 12:00:00",
    }
