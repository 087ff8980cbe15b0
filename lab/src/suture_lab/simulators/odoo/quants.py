"""`stock.quant`, `stock.lot` and `stock.warehouse.orderpoint`: what is held, of which lots, and what runs low."""

from collections.abc import Sequence

from suture_lab.simulators.odoo.errors import ValidationError
from suture_lab.simulators.odoo.model import Model, of_records
from suture_lab.simulators.odoo.quantities import carry, on_hand, on_the_way, reserved
from suture_lab.simulators.odoo.store import Row


class Lots(Model):
    def defaults(self, values: Row) -> Row:
        return {"company_id": self.env.company}

    def insert(self, values: Row) -> int:
        same = self.db.by("stock.lot", "name", values.get("name"))
        if any(lot["product_id"] == values.get("product_id") for lot in same):
            raise ValidationError("The combination of lot/serial number and product must be unique within a company.")
        return super().insert(values)

    def compute_product_qty(self, row: Row) -> float:
        quants = self.db.by("stock.quant", "lot_id", row["id"])
        inside = {i for i, place in self.db.rows("stock.location").items() if place["usage"] == "internal"}
        return float(round(sum(quant["quantity"] for quant in quants if quant["location_id"] in inside), 6))


class Quants(Model):
    """Stock is counted: an `inventory_quantity` that is applied becomes what is held."""

    def defaults(self, values: Row) -> Row:
        return {"quantity": 0.0, "inventory_quantity": 0.0, "in_date": self.env.stamp}

    def insert(self, values: Row) -> int:
        counted = values.get("inventory_quantity")
        if counted is None:
            return super().insert(values)
        quant = carry(self.env, values["product_id"], values["location_id"], values.get("lot_id") or None, 0.0)
        self.compute(quant, {"inventory_quantity": counted, "inventory_quantity_set": True})
        return int(quant["id"])

    def update(self, row: Row, values: Row) -> None:
        if "inventory_quantity" in values:
            values = {**values, "inventory_quantity_set": True}
        super().update(row, values)

    @of_records
    def action_apply_inventory(self, ids: Sequence[int]) -> Row | None:
        """17 asks in a wizard for the lot of what is tracked, and changes nothing; 19 counts it without one."""
        rows = self.existing(ids)
        if self.db.version < 18 and any(self._lacks_lot(row) for row in rows):
            return {"type": "ir.actions.act_window", "res_model": "stock.track.confirmation", "target": "new"}
        for row in rows:
            moved = round(row["inventory_quantity"] - row["quantity"], 6)
            place = self.db.row("stock.location", row["location_id"])
            carry(self.env, row["product_id"], self._adjustment(place), row.get("lot_id"), -moved)
            counted = {"quantity": row["inventory_quantity"], "inventory_quantity": 0.0}
            self.compute(row, {**counted, "inventory_quantity_set": False})
        return None

    def compute_reserved_quantity(self, row: Row) -> float:
        if self.db.row("stock.location", row["location_id"])["usage"] != "internal":
            return 0.0
        return reserved(self.env, row["product_id"], row["location_id"], row.get("lot_id"))

    def compute_available_quantity(self, row: Row) -> float:
        return float(round(row["quantity"] - self.compute_reserved_quantity(row), 6))

    def compute_display_name(self, row: Row) -> str:
        return str(self.db.row("stock.location", row["location_id"])["name"])

    def _lacks_lot(self, row: Row) -> bool:
        product = self.db.row("product.product", row["product_id"])
        return bool(product.get("tracking", "none") != "none" and not row.get("lot_id"))

    def _adjustment(self, place: Row) -> int:
        """Where counted differences come from and go to."""
        places = self.db.rows("stock.location").values()
        mine = (row for row in places if row["company_id"] == place["company_id"])
        return int(next(row["id"] for row in mine if row["usage"] == "inventory"))


class Orderpoints(Model):
    """Odoo's own rule says how much is missing: up to the maximum, once the forecast is below the minimum."""

    def defaults(self, values: Row) -> Row:
        number = self.env.next_number("OP/")
        own = {"name": f"OP/{number:05}", "company_id": self.env.company, "trigger": "auto"}
        return {**own, "product_min_qty": 0.0, "product_max_qty": 0.0, "warehouse_id": self._house(values)}

    def insert(self, values: Row) -> int:
        for rule in self.db.rows(self.model).values():
            if (rule["product_id"], rule["location_id"]) == (values.get("product_id"), values.get("location_id")):
                raise ValidationError("A replenishment rule already exists for this product on this location.")
        return super().insert(values)

    def compute_qty_on_hand(self, row: Row) -> float:
        return on_hand(self.env, row["product_id"], row["location_id"])

    def compute_qty_forecast(self, row: Row) -> float:
        coming = on_the_way(self.env, row["product_id"], row["location_id"])
        return round(self.compute_qty_on_hand(row) + coming, 6)

    def compute_qty_to_order(self, row: Row) -> float:
        forecast = self.compute_qty_forecast(row)
        if forecast >= row["product_min_qty"]:
            return 0.0
        return float(round(max(row["product_max_qty"], row["product_min_qty"]) - forecast, 6))

    def _house(self, values: Row) -> int:
        company = values.get("company_id") or self.env.company
        houses = self.db.rows("stock.warehouse").values()
        return int(next(house["id"] for house in houses if house["company_id"] == company))


class Locations(Model):
    def defaults(self, values: Row) -> Row:
        return {"company_id": self.env.company, "usage": "internal"}

    def compute_complete_name(self, row: Row) -> str:
        above = self.db.rows("stock.location").get(row.get("location_id") or 0)
        if above is None or row["usage"] == "view":
            return str(row["name"])
        return f"{self.compute_complete_name(above)}/{row['name']}"

    def compute_display_name(self, row: Row) -> str:
        return self.compute_complete_name(row)
