"""`account.move.line`: journal items and what an invoice's lines amount to."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from suture.simulators.odoo.errors import PythonError, UserError
from suture.simulators.odoo.model import Model, linked, of_records
from suture.simulators.odoo.reconciliation import reconcile, unreconcile
from suture.simulators.odoo.seed import DEFAULT_TAX
from suture.simulators.odoo.store import Row

INVOICES = ("out_invoice", "out_refund")
SIGN = {"out_invoice": 1, "out_refund": -1}


def money(amount: float) -> float:
    """To the cent, half away from zero as seen through the decimal that a person wrote."""
    return float(Decimal(repr(amount)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


class Lines(Model):
    """Journal items: an invoice's own lines are computed from price and quantity, an entry's from amounts."""

    def insert(self, values: Row) -> int:
        move = self.db.row("account.move", values["move_id"])
        return super().insert(self._complete(move, {"display_type": "product", **values}))

    def update(self, row: Row, values: Row) -> None:
        move = self.db.row("account.move", row["move_id"])
        super().update(row, self._complete(move, {**row, **values}))

    @of_records
    def reconcile(self, ids: Sequence[int]) -> None:
        reconcile(self.env, self.existing(ids))

    @of_records
    def remove_move_reconcile(self, ids: Sequence[int]) -> None:
        for row in self.existing(ids):
            unreconcile(self.env, row)

    def _complete(self, move: Row, values: Row) -> Row:
        if move["move_type"] in INVOICES and values["display_type"] == "product":
            values = self._priced(move, values)
        if not values.get("account_id"):
            raise UserError("The field 'Account' is required, please complete it to validate the entry.")
        balance = self._balance(values)
        return {
            **values,
            "partner_id": values.get("partner_id") or move.get("partner_id"),
            "currency_id": values.get("currency_id") or move["currency_id"],
            "balance": balance,
            "amount_currency": balance,
            "debit": max(balance, 0.0),
            "credit": max(-balance, 0.0),
            **self._open(values, balance),
        }

    def _balance(self, values: Row) -> float:
        if values.get("balance") is not None:
            return money(values["balance"])
        if values.get("amount_currency"):
            return money(values["amount_currency"])
        return money((values.get("debit") or 0.0) - (values.get("credit") or 0.0))

    def _open(self, values: Row, balance: float) -> Row:
        """An item without an amount counts as reconciled, and so does one of an account that isn't."""
        matters = self.db.row("account.account", values["account_id"])["reconcile"]
        residual = balance if matters else 0.0
        return {
            "amount_residual": residual,
            "amount_residual_currency": residual,
            "reconciled": bool(matters and not balance),
        }

    def _priced(self, move: Row, values: Row) -> Row:
        product = self.db.rows("product.product").get(values.get("product_id") or 0, {})
        quantity = values["quantity"] if values.get("quantity") is not None else 1.0
        price = money(values.get("price_unit") or 0.0)
        given = values.get("tax_ids")
        taxes = self._default_taxes(product) if given is None else linked(given)
        subtotal = money(quantity * price)
        rate = sum(self.db.row("account.tax", tax)["amount"] for tax in taxes or ()) / 100
        journal = self.db.row("account.journal", move["journal_id"])
        return {
            **values,
            "name": values.get("name") or product.get("name"),
            "quantity": quantity,
            "price_unit": price,
            "tax_ids": taxes or [],
            "account_id": values.get("account_id")
            or product.get("property_account_income_id")
            or journal.get("default_account_id"),
            "price_subtotal": subtotal,
            "price_total": money(subtotal * (1 + rate)),
            "balance": -SIGN[move["move_type"]] * subtotal,
        }

    def _default_taxes(self, product: Row) -> list[int]:
        return product["taxes_id"] if product else [DEFAULT_TAX]

    def check_fields(self, values: Row) -> None:
        super().check_fields(values)
        if "display_type" in values and values["display_type"] not in ("product", "payment_term"):
            raise PythonError("ValueError", f"Wrong value for account.move.line.display_type: {values['display_type']}")
