"""Products and the like: what an integration names on lines, and orders."""

from collections.abc import Iterable

from suture_lab.simulators.odoo.model import Model
from suture_lab.simulators.odoo.quantities import on_hand, on_the_way, places, reserved
from suture_lab.simulators.odoo.records import linked
from suture_lab.simulators.odoo.store import Row

_TAXES = {"taxes_id": "account_sale_tax_id", "supplier_taxes_id": "account_purchase_tax_id"}


class Products(Model):
    """A product without a word about taxes gets the default taxes of every company of the call."""

    def defaults(self, values: Row) -> Row:
        own = {"type": "consu", "list_price": 1.0, "standard_price": 0.0, "tracking": "none", "uom_id": 1}
        flag = {"is_storable": False} if self.db.version >= 18 else {"detailed_type": "consu", "categ_id": 1}
        return {
            **own,
            **flag,
            "taxes_id": self._default_taxes("account_sale_tax_id", self.db.rows("res.company")),
            "supplier_taxes_id": self._default_taxes("account_purchase_tax_id", self.db.rows("res.company")),
        }

    def insert(self, values: Row) -> int:
        """Taxes that are given, even none, are those of the call's companies; the others' defaults come with them."""
        others = [company for company in self.db.rows("res.company") if company not in self.env.companies]
        values = dict(values)
        for field, default in _TAXES.items():
            if field in values:
                values[field] = [*linked(values[field]), *self._default_taxes(default, others)]
        if self.db.version < 18 and values.get("detailed_type"):
            values["type"] = values["detailed_type"]
        return super().insert(values)

    def update(self, row: Row, values: Row) -> None:
        if self.db.version < 18 and "detailed_type" in values:
            values = {**values, "type": values["detailed_type"]}
        super().update(row, values)

    def compute_display_name(self, row: Row) -> str:
        return f"[{row['default_code']}] {row['name']}" if row.get("default_code") else str(row["name"])

    def compute_qty_available(self, row: Row) -> float:
        return on_hand(self.env, row["id"], self._place())

    def compute_virtual_available(self, row: Row) -> float:
        return round(on_hand(self.env, row["id"], self._place()) + on_the_way(self.env, row["id"], self._place()), 6)

    def compute_free_qty(self, row: Row) -> float:
        quants = self.db.by("stock.quant", "product_id", row["id"])
        where = places(self.env, self._place())
        taken = (
            reserved(self.env, row["id"], q["location_id"], q.get("lot_id"))
            for q in quants
            if q["location_id"] in where
        )
        return round(on_hand(self.env, row["id"], self._place()) - sum(taken), 6)

    def _place(self) -> int | None:
        """The location that the context asks about."""
        return self.env.context.get("location")

    def _default_taxes(self, field: str, companies: Iterable[int]) -> list[int]:
        defaults = (self.db.row("res.company", company).get(field) for company in companies)
        return [tax for tax in defaults if tax]


class SupplierInfo(Model):
    def defaults(self, values: Row) -> Row:
        return {"min_qty": 0.0, "price": 0.0, "delay": 1}
