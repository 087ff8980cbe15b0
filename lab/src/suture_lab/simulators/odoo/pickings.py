"""`stock.picking`: transfers, validated into quantities on hand that may go below zero."""

from collections.abc import Sequence
from typing import Any

from suture_lab.simulators.odoo.errors import OdooUserError
from suture_lab.simulators.odoo.model import Model, of_records
from suture_lab.simulators.odoo.stock_moves import moves_of
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.transfers import cancel, finish, reserve

_MOVE = "stock.move"


class Pickings(Model):
    same_company = ("picking_type_id", "location_id", "location_dest_id")

    def defaults(self, values: Row) -> Row:
        kind = self.db.row("stock.picking.type", values["picking_type_id"])
        house = self.db.row("stock.warehouse", kind["warehouse_id"])
        stem = f"{house['code']}/{kind['sequence_code']}/"
        return {
            "name": f"{stem}{self.env.next_number(stem):05}",
            "state": "draft",
            "company_id": kind["company_id"],
            "location_id": kind["default_location_src_id"],
            "location_dest_id": kind["default_location_dest_id"],
            "scheduled_date": self.env.stamp,
        }

    def insert(self, values: Row) -> int:
        identifier = super().insert({name: value for name, value in values.items() if value is not False})
        self.refresh(self.db.row(self.model, identifier))
        return identifier

    def update(self, row: Row, values: Row) -> None:
        super().update(row, values)
        self.refresh(row)

    def delete(self, row: Row) -> None:
        for move in moves_of(self.env, row):
            cancel(self.env, move)
        super().delete(row)

    def refresh(self, row: Row) -> None:
        """A transfer's state from its moves'."""
        states = {move["state"] for move in moves_of(self.env, row)} - {"cancel"}
        for state in ("draft", "confirmed", "assigned", "done"):
            if state in states:
                self.compute(row, {"state": state})
                return

    @of_records
    def action_confirm(self, ids: Sequence[int]) -> bool:
        """What there is is set aside."""
        for row in self.existing(ids):
            for move in moves_of(self.env, row):
                if move["state"] == "draft":
                    self.env.model(_MOVE).compute(move, {"state": "confirmed"})
                    reserve(self.env, move)
            self.refresh(row)
        return True

    @of_records
    def button_validate(self, ids: Sequence[int]) -> Any:
        """True, or the back-order wizard where less is done than asked and the context doesn't decide."""
        rows = self.existing(ids)
        for row in rows:
            self._check(row)
        short = any(_is_short(move) for row in rows for move in moves_of(self.env, row))
        if short and not self.env.context.get("skip_backorder"):
            return {"type": "ir.actions.act_window", "res_model": "stock.backorder.confirmation", "target": "new"}
        for row in rows:
            if row["state"] != "done":
                rest = finish(self.env, row)
                self.compute(row, {"state": "done", "date_done": self.env.stamp})
                if rest and row["id"] not in (self.env.context.get("picking_ids_not_to_backorder") or ()):
                    self._backorder(row, rest)
        return True

    @of_records
    def action_cancel(self, ids: Sequence[int]) -> bool:
        for row in self.existing(ids):
            for move in moves_of(self.env, row):
                cancel(self.env, move)
            self.compute(row, {"state": "cancel"})
        return True

    def _check(self, row: Row) -> None:
        """17 refuses to validate what is done already, 19 doesn't."""
        moves = moves_of(self.env, row)
        if not moves:
            raise OdooUserError(
                "You can't validate an empty transfer. Please add some products to move before proceeding."
            )
        standing = [move for move in moves if move["state"] not in ("done", "cancel")]
        if not standing and (self.db.version < 18 or row["state"] == "cancel"):
            raise OdooUserError("You cannot validate a transfer if no quantities are reserved.")
        if standing and not any(move["quantity"] for move in standing):
            for move in standing:  # nothing was counted at all: what was asked is what is done
                self.env.model(_MOVE).update(move, {"quantity": move["product_uom_qty"]})

    def _backorder(self, row: Row, rest: Sequence[tuple[Row, float]]) -> None:
        """The rest is moved by a transfer of its own, and no longer asked of this one."""
        copied = ("picking_type_id", "location_id", "location_dest_id", "partner_id", "origin", "company_id")
        moves = []
        for move, missing in rest:
            self.env.model(_MOVE).compute(move, {"product_uom_qty": move["quantity"]})
            kept = ("product_id", "purchase_line_id", *(("name",) if self.db.version < 18 else ()))
            moves.append((0, 0, {**{name: move.get(name) for name in kept}, "product_uom_qty": missing}))
        values = {name: row.get(name) for name in (*copied, "purchase_id")}
        self.action_confirm([self.insert({**values, "backorder_id": row["id"], "move_ids": moves})])


def _is_short(move: Row) -> bool:
    return bool(move["quantity"] < move["product_uom_qty"])
