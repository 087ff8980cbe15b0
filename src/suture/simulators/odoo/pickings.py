"""`stock.picking` and its moves: transfers, validated into quantities on hand that may go below zero."""

from collections.abc import Sequence
from typing import Any

from suture.simulators.odoo.errors import UserError
from suture.simulators.odoo.model import Model, of_records
from suture.simulators.odoo.store import Row


class Pickings(Model):
    def defaults(self, values: Row) -> Row:
        kind = self.db.row("stock.picking.type", values["picking_type_id"])
        stem = f"WH/{kind['sequence_code']}/"
        return {
            "name": f"{stem}{self.env.next_number(stem):05}",
            "state": "draft",
            "company_id": self.env.company,
            "scheduled_date": self.db.now(),
        }

    def insert(self, values: Row) -> int:
        identifier = super().insert(values)
        row = self.db.row(self.model, identifier)
        if any(move["quantity"] for move in self._moves(row)):
            self._set_state(row, "assigned")
        return identifier

    @of_records
    def button_validate(self, ids: Sequence[int]) -> Any:
        """True, or the back-order wizard where less is done than asked and the context doesn't decide."""
        rows = [row for row in self.existing(ids) if row["state"] != "done"]
        for row in rows:
            if row["state"] == "cancel":
                raise UserError("You cannot validate a cancelled transfer.")
            if not self._moves(row):
                raise UserError("Please add some items to move.")
            self._fill(row)
        short = [row["id"] for row in rows if any(m["quantity"] < m["product_uom_qty"] for m in self._moves(row))]
        if short and not self.env.context.get("skip_backorder"):
            return {"type": "ir.actions.act_window", "res_model": "stock.backorder.confirmation", "target": "new"}
        for row in rows:
            self._finish(row)
        return True

    @of_records
    def action_cancel(self, ids: Sequence[int]) -> bool:
        for row in self.existing(ids):
            if row["state"] == "done":
                raise UserError("You cannot cancel a stock move that has been set to 'Done'.")
            self._set_state(row, "cancel")
        return True

    def _fill(self, row: Row) -> None:
        """Nothing was counted at all: what was asked is what is done."""
        moves = self._moves(row)
        if not any(move["quantity"] for move in moves):
            for move in moves:
                self.db.store.set("stock.move", move, "quantity", move["product_uom_qty"])

    def _finish(self, row: Row) -> None:
        now = self.db.now()
        for move in self._moves(row):
            self.db.store.set("stock.move", move, "picked", True)
            self.db.store.set("stock.move", move, "date", now)
            self._carry(move, move["location_id"], -move["quantity"])
            self._carry(move, move["location_dest_id"], move["quantity"])
        self._set_state(row, "done")
        self.db.store.set(self.model, row, "date_done", now)

    def _carry(self, move: Row, location: int, quantity: float) -> None:
        table = self.db.store.tables["stock.quant"]
        for identifier in table.index["product_id"].get(move["product_id"], ()):
            quant = table.rows[identifier]
            if quant["location_id"] == location:
                self.db.store.set("stock.quant", quant, "quantity", round(quant["quantity"] + quantity, 6))
                return
        new = {"product_id": move["product_id"], "location_id": location, "quantity": quantity}
        self.env.model("stock.quant").insert(new)

    def _set_state(self, row: Row, state: str) -> None:
        self.db.store.set(self.model, row, "state", state)
        for move in self._moves(row):
            self.db.store.set("stock.move", move, "state", state)

    def _moves(self, row: Row) -> list[Row]:
        table = self.db.store.tables["stock.move"]
        return [table.rows[i] for i in table.index["picking_id"].get(row["id"], ())]


class StockMoves(Model):
    def defaults(self, values: Row) -> Row:
        if self.db.version < 18 and not values.get("name"):
            raise UserError("Missing required value for the field 'Description' (name)")
        return {"state": "draft", "quantity": 0.0, "picked": False, "company_id": self.env.company}
