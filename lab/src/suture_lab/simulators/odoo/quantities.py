"""How much of a product is where: `stock.quant`, and what transfers will bring and take."""

from collections.abc import Iterable

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.store import Row

_WAITING = ("waiting", "confirmed", "partially_available", "assigned")
_READY = ("partially_available", "assigned")


def within(env: Call, location: int) -> set[int]:
    """A location and all that are in it."""
    found = {location}
    rows = env.db.rows("stock.location")
    grown = True
    while grown:
        more = {i for i, row in rows.items() if row.get("location_id") in found} - found
        found, grown = found | more, bool(more)
    return found


def places(env: Call, location: int | None) -> set[int]:
    """The internal locations that a question is about: those in one, or all of the call's companies'."""
    if location is not None:
        return within(env, location)
    rows = env.db.rows("stock.location")
    return {i for i, row in rows.items() if row["usage"] == "internal" and env.visible("stock.location", row)}


def on_hand(env: Call, product: int, location: int | None) -> float:
    where = places(env, location)
    quants = env.db.by("stock.quant", "product_id", product)
    return float(round(sum(quant["quantity"] for quant in quants if quant["location_id"] in where), 6))


def reserved(env: Call, product: int, location: int, lot: int | None) -> float:
    """What transfers that aren't done have set aside of what a location holds of a product and lot."""
    total = 0.0
    for move in env.db.by("stock.move", "product_id", product):
        if move["state"] in _READY:
            lines = env.db.by("stock.move.line", "move_id", move["id"])
            total += sum(
                line["quantity"] for line in lines if (line["location_id"], line.get("lot_id")) == (location, lot)
            )
    return round(total, 6)


def on_the_way(env: Call, product: int, location: int | None) -> float:
    """What transfers that aren't done will bring, less what they will take."""
    where = places(env, location)
    coming = 0.0
    for move in _waiting(env, product):
        coming += move["product_uom_qty"] * ((move["location_dest_id"] in where) - (move["location_id"] in where))
    return round(coming, 6)


def _waiting(env: Call, product: int) -> Iterable[Row]:
    moves = env.db.by("stock.move", "product_id", product)
    return (move for move in moves if move["state"] in _WAITING)


def carry(env: Call, product: int, location: int, lot: int | None, quantity: float) -> Row:
    """Add to what a location holds of a product and lot, below zero if need be; the quant."""
    model = env.model("stock.quant")
    for quant in env.db.by("stock.quant", "product_id", product):
        if quant["location_id"] == location and quant.get("lot_id") == lot:
            model.compute(quant, {"quantity": round(quant["quantity"] + quantity, 6)})
            return quant
    values = {"product_id": product, "location_id": location, "lot_id": lot, "quantity": quantity}
    identifier = model.insert({**values, "in_date": env.stamp})
    return env.db.row("stock.quant", identifier)
