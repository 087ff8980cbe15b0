"""`stock.move` and `stock.move.line`: what a transfer moves of each product, and of which lots."""

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.errors import OdooUserError
from suture_lab.simulators.odoo.model import Model
from suture_lab.simulators.odoo.store import Row

_MOVE, _LINE, _PICKING = "stock.move", "stock.move.line", "stock.picking"


class StockMoves(Model):
    """A move counts what its lines do. One that is given a quantity gets a line for it."""

    same_company = ("location_id", "location_dest_id")

    def defaults(self, values: Row) -> Row:
        if self.db.version < 18 and not values.get("name"):
            raise OdooUserError("Missing required value for the field 'Description' (name)")
        picking = self.db.rows(_PICKING).get(values.get("picking_id") or 0, {})
        product = self.db.rows("product.product").get(values.get("product_id") or 0, {})
        return {
            "state": "draft",
            "product_uom_qty": 0.0,
            "quantity": 0.0,
            "picked": False,
            "company_id": picking.get("company_id") or self.env.company,
            "location_id": picking.get("location_id"),
            "location_dest_id": picking.get("location_dest_id"),
            "product_uom": product.get("uom_id"),
            "origin": picking.get("origin"),
            "reference": picking.get("name"),
            "date": picking.get("scheduled_date") or self.env.stamp,
        }

    def insert(self, values: Row) -> int:
        given = {name: value for name, value in values.items() if value is not False}
        quantity = given.pop("quantity", 0.0)
        identifier = super().insert(given)
        row = self.db.row(self.model, identifier)
        if quantity:
            self._count(row, quantity)
        count(self.env, row)
        return identifier

    def update(self, row: Row, values: Row) -> None:
        own = {name: value for name, value in values.items() if name != "quantity"}
        super().update(row, own)
        if "quantity" in values:
            self._count(row, values["quantity"] or 0.0)
            count(self.env, row)

    def _count(self, row: Row, quantity: float) -> None:
        """What was counted beyond its lines is one more line, without a lot."""
        lines = lines_of_move(self.env, row)
        missing = round(quantity - sum(line["quantity"] for line in lines), 6)
        loose = next((line for line in lines if not line.get("lot_id") and not line.get("lot_name")), None)
        if loose is not None:
            self.env.model(_LINE).compute(loose, {"quantity": max(loose["quantity"] + missing, 0.0)})
        elif missing > 0:
            own = {"move_id": row["id"], "picking_id": row.get("picking_id"), "product_id": row["product_id"]}
            self.env.model(_LINE).insert({**own, "quantity": missing})


class StockLines(Model):
    """A line that is created within its move has no transfer of its own, as in Odoo: only its move says which."""

    same_company = ("location_id", "location_dest_id")

    def defaults(self, values: Row) -> Row:
        move = self.db.rows(_MOVE).get(values.get("move_id") or 0, {})
        picking = self.db.rows(_PICKING).get(values.get("picking_id") or move.get("picking_id") or 0, {})
        product = values.get("product_id") or move.get("product_id")
        return {
            "quantity": 0.0,
            "picked": move.get("picked", False),
            "product_id": product,
            "product_uom_id": self.db.rows("product.product").get(product or 0, {}).get("uom_id"),
            "location_id": move.get("location_id") or picking.get("location_id"),
            "location_dest_id": move.get("location_dest_id") or picking.get("location_dest_id"),
            "company_id": move.get("company_id") or picking.get("company_id") or self.env.company,
            "date": self.env.stamp,
        }

    def insert(self, values: Row) -> int:
        """A line without a move goes to the transfer's move of its product; where there is none, it makes one."""
        given = {name: value for name, value in values.items() if value is not False}
        if not given.get("move_id"):
            given["move_id"] = self._move_for(given)
        identifier = super().insert(given)
        count(self.env, self.db.row(_MOVE, given["move_id"]))
        return identifier

    def update(self, row: Row, values: Row) -> None:
        super().update(row, values)
        count(self.env, self.db.row(_MOVE, row["move_id"]))

    def delete(self, row: Row) -> None:
        super().delete(row)
        move = self.db.rows(_MOVE).get(row["move_id"])
        if move is not None:
            count(self.env, move)

    def _move_for(self, values: Row) -> int:
        for move in self.db.by(_MOVE, "picking_id", values["picking_id"]):
            if move["product_id"] == values.get("product_id"):
                return int(move["id"])
        own = {"picking_id": values["picking_id"], "product_id": values["product_id"], "picked": True}
        named = {"name": "Move"} if self.db.version < 18 else {}
        return self.env.model(_MOVE).insert({**own, **named})


def moves_of(env: Call, picking: Row) -> list[Row]:
    return env.db.by(_MOVE, "picking_id", picking["id"])


def lines_of_move(env: Call, move: Row) -> list[Row]:
    return env.db.by(_LINE, "move_id", move["id"])


def count(env: Call, move: Row) -> None:
    """A move's quantity is its lines'; one that has some is ready."""
    if move["state"] in ("done", "cancel"):
        return
    lines = lines_of_move(env, move)
    quantity = round(sum(line["quantity"] for line in lines), 6)
    picked = bool(move.get("picked")) or (bool(lines) and all(line.get("picked") for line in lines))
    state = "assigned" if quantity else move["state"]
    env.model(_MOVE).compute(move, {"quantity": quantity, "picked": picked, "state": state})
    picking = env.db.rows(_PICKING).get(move.get("picking_id") or 0)
    if picking is not None and quantity and picking["state"] in ("draft", "confirmed"):
        env.model(_PICKING).compute(picking, {"state": "assigned"})
