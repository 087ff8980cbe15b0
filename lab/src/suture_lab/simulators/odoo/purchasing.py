"""`purchase.order`: what is ordered of suppliers, and the receipt that a confirmed order awaits."""

from collections.abc import Sequence
from typing import Any

from suture_lab.simulators.odoo.invoicing import tax_of
from suture_lab.simulators.odoo.model import Model, of_records
from suture_lab.simulators.odoo.records import linked
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.taxes import Priced, by_tax, compute, money


class Orders(Model):
    def defaults(self, values: Row) -> Row:
        company = values.get("company_id") or self.env.company
        return {
            "name": f"P{self.env.next_number('P'):05}",
            "state": "draft",
            "invoice_status": "no",
            "company_id": company,
            "currency_id": self.db.row("res.company", company)["currency_id"],
            "date_order": self.env.stamp,
            "picking_type_id": self._house(company)["in_type_id"],
        }

    def insert(self, values: Row) -> int:
        identifier = super().insert(values)
        self._sum(self.db.row(self.model, identifier))
        return identifier

    def update(self, row: Row, values: Row) -> None:
        super().update(row, values)
        self._sum(row)

    @of_records
    def button_confirm(self, ids: Sequence[int]) -> bool:
        """The order stands, and its receipt is awaited."""
        for row in self.existing(ids):
            if row["state"] in ("draft", "sent"):
                self.compute(row, {"state": "purchase", "date_approve": self.env.stamp, "invoice_status": "no"})
                self._await(row)
        return True

    @of_records
    def button_cancel(self, ids: Sequence[int]) -> None:
        for row in self.existing(ids):
            self.compute(row, {"state": "cancel"})

    def _await(self, row: Row) -> None:
        kind = self.db.row("stock.picking.type", row["picking_type_id"])
        suppliers = next(i for i, p in self.db.rows("stock.location").items() if p["usage"] == "supplier")
        lines = self._lines(row)
        moves = [
            {
                "product_id": line["product_id"],
                "product_uom_qty": line["product_qty"],
                "purchase_line_id": line["id"],
                **({"name": line["name"]} if self.db.version < 18 else {}),
            }
            for line in lines
        ]
        picking = {
            "picking_type_id": kind["id"],
            "location_id": suppliers,
            "location_dest_id": kind["default_location_dest_id"],
            "partner_id": row.get("partner_id"),
            "origin": row["name"],
            "company_id": row["company_id"],
            "purchase_id": row["id"],
        }
        pickings: Any = self.env.model("stock.picking")
        pickings.action_confirm([pickings.insert({**picking, "move_ids": [(0, 0, move) for move in moves]})])

    def _sum(self, row: Row) -> None:
        method: Any = self.db.row("res.company", row["company_id"])["tax_calculation_rounding_method"]
        field = "tax_ids" if self.db.version >= 18 else "taxes_id"
        lines = [
            Priced(line["product_qty"] * line["price_unit"], [tax_of(self.env, tax) for tax in line[field]])
            for line in self._lines(row)
        ]
        taxed, shares = compute(lines, method, self.db.version)
        untaxed, tax = money(sum(line.base for line in taxed)), money(sum(by_tax(shares).values()))
        self.compute(row, {"amount_untaxed": untaxed, "amount_tax": tax, "amount_total": money(untaxed + tax)})

    def _lines(self, row: Row) -> list[Row]:
        return [line for line in self.db.rows("purchase.order.line").values() if line["order_id"] == row["id"]]

    def _house(self, company: int) -> Row:
        return next(row for row in self.db.rows("stock.warehouse").values() if row["company_id"] == company)


class OrderLines(Model):
    """A line without a word about taxes has the product's, of the order's company."""

    def insert(self, values: Row) -> int:
        return super().insert(self._complete(values))

    def update(self, row: Row, values: Row) -> None:
        super().update(row, values)
        self.compute(row, self._complete(row))

    def compute_qty_received(self, row: Row) -> float:
        moves = self.db.rows("stock.move").values()
        done = [move for move in moves if move.get("purchase_line_id") == row["id"] and move["state"] == "done"]
        return float(sum(move["quantity"] for move in done))

    def _complete(self, values: Row) -> Row:
        product = self.db.rows("product.product").get(values.get("product_id") or 0, {})
        quantity, price = values.get("product_qty") or 1.0, values.get("price_unit") or 0.0
        field = "tax_ids" if self.db.version >= 18 else "taxes_id"
        named = self.env.model("product.product").compute_display_name(product) if product else None
        taxes = linked(values[field]) if field in values else product.get("supplier_taxes_id") or []
        order = self.db.row("purchase.order", values["order_id"])
        rows = self.db.rows("account.tax")
        return {
            **values,
            "name": values.get("name") or named,
            field: [tax for tax in taxes if rows[tax]["company_id"] == order["company_id"]],
            "product_qty": quantity,
            "price_unit": price,
            "price_subtotal": money(quantity * price),
            "qty_invoiced": 0.0,
        }
