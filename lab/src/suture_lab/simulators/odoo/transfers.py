"""Setting aside what a transfer will take, and carrying what it counted."""

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.errors import OdooUserError
from suture_lab.simulators.odoo.quantities import carry, reserved
from suture_lab.simulators.odoo.stock_moves import lines_of_move, moves_of
from suture_lab.simulators.odoo.store import Row

_MOVE, _LINE = "stock.move", "stock.move.line"


def reserve(env: Call, move: Row) -> None:
    """A line for each lot that there is, what came first before the rest; a supplier has everything."""
    wanted = move["product_uom_qty"] - move["quantity"]
    place = env.db.row("stock.location", move["location_id"])
    if place["usage"] != "internal":
        if wanted > 0:
            _set_aside(env, move, None, wanted)
        return
    quants = env.db.by("stock.quant", "product_id", move["product_id"])
    for quant in sorted(quants, key=lambda quant: str(quant["in_date"])):
        lot = quant.get("lot_id")
        if quant["location_id"] == place["id"]:
            free = quant["quantity"] - reserved(env, move["product_id"], place["id"], lot)
            quantity = round(min(free, wanted), 6)
            if quantity > 0:
                _set_aside(env, move, lot, quantity)
                wanted = round(wanted - quantity, 6)


def finish(env: Call, picking: Row) -> list[tuple[Row, float]]:
    """Carry what was counted; answers the moves that are short, and of how much. Raises `OdooUserError` for a tracked
    product without a lot."""
    rest = []
    for move in moves_of(env, picking):
        if move["state"] != "cancel":
            missing = round(move["product_uom_qty"] - move["quantity"], 6)
            _finish(env, move)
            if missing > 0:
                rest.append((move, missing))
    return rest


def cancel(env: Call, move: Row) -> None:
    if move["state"] == "done":
        raise OdooUserError("You cannot cancel a stock move that has been set to 'Done'.")
    env.model(_MOVE).compute(move, {"state": "cancel"})


def _set_aside(env: Call, move: Row, lot: int | None, quantity: float) -> None:
    own = {"move_id": move["id"], "picking_id": move.get("picking_id"), "product_id": move["product_id"]}
    env.model(_LINE).insert({**own, "lot_id": lot, "quantity": quantity})


def _finish(env: Call, move: Row) -> None:
    product = env.db.row("product.product", move["product_id"])
    for line in lines_of_move(env, move):
        lot = line.get("lot_id") or _new_lot(env, product, line)
        if product.get("tracking", "none") != "none" and not lot:
            named = env.model("product.product").compute_display_name(product)
            raise OdooUserError(f"You need to supply a Lot/Serial number for products {named}.")
        carry(env, product["id"], line["location_id"], lot, -line["quantity"])
        carry(env, product["id"], line["location_dest_id"], lot, line["quantity"])
        env.model(_LINE).compute(line, {"lot_id": lot, "picked": True, "date": env.stamp})
    env.model(_MOVE).compute(move, {"state": "done", "picked": True, "date": env.stamp})


def _new_lot(env: Call, product: Row, line: Row) -> int | None:
    """A lot that is received under a name."""
    if not line.get("lot_name"):
        return None
    for lot in env.db.by("stock.lot", "name", line["lot_name"]):
        if lot["product_id"] == product["id"]:
            return int(lot["id"])
    values = {"name": line["lot_name"], "product_id": product["id"], "expiration_date": line.get("expiration_date")}
    return env.model("stock.lot").insert(values)
