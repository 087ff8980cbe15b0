"""`account.move.line`: journal items. An invoice's own lines have a price, an entry's their amounts."""

from collections.abc import Sequence
from typing import Any

from suture_lab.simulators.odoo import access
from suture_lab.simulators.odoo.documents import INVOICES, MOVE, SALES, touch_lines
from suture_lab.simulators.odoo.errors import OdooUserError, PythonError, ValidationError
from suture_lab.simulators.odoo.model import Model, of_records
from suture_lab.simulators.odoo.open_items import partials_of
from suture_lab.simulators.odoo.reconciliation import reconcile, unreconcile
from suture_lab.simulators.odoo.records import linked
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.taxes import money

_PRICE = ("quantity", "price_unit", "discount", "tax_ids", "product_id")
_AMOUNT = ("balance", "debit", "credit", "amount_currency", "currency_id")
_TYPES = ("product", "tax", "payment_term", "line_section", "line_note", "cogs", "rounding")


class Lines(Model):
    """What changes an amount makes its move be computed again at the end of the call (`Environment.flush`)."""

    same_company = ("account_id", "tax_ids")

    def insert(self, values: Row) -> int:
        self.check_fields(values)
        move = self.db.row(MOVE, values["move_id"])
        values = {"display_type": "product", **_NOTHING_OPEN, **values}
        values = self._priced(move, values) if _has_price(move, values) else self._weighed(move, values)
        values["matching_number"] = _mark(values.get("matching_number"))
        values["partner_id"] = values.get("partner_id") or move.get("partner_id")
        if not values.get("account_id"):
            raise ValidationError("The operation cannot be completed: Missing required account on accountable line.")
        self.env.compute_later(move)
        return super().insert(values)

    def update(self, row: Row, values: Row) -> None:
        self.check_fields(values)
        move = self.db.row(MOVE, row["move_id"])
        if "matching_number" in values:
            values = {**values, "matching_number": self._new_mark(row, values["matching_number"])}
        if _has_price(move, row) and any(field in values for field in _PRICE):
            values = values | self._repriced(move, row, values)
            if move["state"] == "draft" or self.db.version < 18:
                self.env.compute_later(move)  # from 18 on a posted line takes a price, and nothing follows from it
        elif any(field in values for field in _AMOUNT):
            values = values | self._weighed(move, {"currency_id": row["currency_id"], **values})
            self.env.compute_later(move)
        super().update(row, values)
        if move["move_type"] in INVOICES and move["state"] == "draft":
            self.env.model(MOVE).touch(move)
            touch_lines(self.env, move)

    def delete(self, row: Row) -> None:
        unreconcile(self.env, row)
        self.env.compute_later(self.db.row(MOVE, row["move_id"]))
        super().delete(row)

    @of_records
    def reconcile(self, ids: Sequence[int]) -> None:
        access.check(self.env.model("account.partial.reconcile"), "create")
        reconcile(self.env, self.existing(ids, "read"))

    @of_records
    def remove_move_reconcile(self, ids: Sequence[int]) -> None:
        access.check(self.env.model("account.partial.reconcile"), "unlink")
        for row in self.existing(ids, "read"):
            unreconcile(self.env, row)

    def compute_display_name(self, row: Row) -> str:
        move = self.db.row(MOVE, row["move_id"])
        return " ".join(part for part in (self.env.model(MOVE).compute_display_name(move), row.get("name")) if part)

    def check_fields(self, values: Row) -> None:
        super().check_fields(values)
        if values.get("display_type", "product") not in _TYPES:
            raise PythonError("ValueError", f"Wrong value for account.move.line.display_type: {values['display_type']}")

    def _weighed(self, move: Row, values: Row) -> Row:
        """An entry's line: what is missing of its amounts follows from the others by the day's rate."""
        company = self.db.row("res.company", move["company_id"])
        invoice = move["move_type"] in INVOICES
        currency = values.get("currency_id") or (move if invoice else company)["currency_id"]
        rate = self.env.rate(currency, move.get("invoice_date") or move["date"], move["company_id"])
        values = {name: value for name, value in values.items() if name not in _AMOUNT or _given(value)}
        balance, foreign = _balance_of(values), values.get("amount_currency")
        if balance is None:
            balance = money((foreign or 0.0) / rate)
        foreign = money(balance * rate) if foreign is None or rate == 1.0 else money(foreign)
        if (balance > 0 > foreign) or (balance < 0 < foreign):
            raise ValidationError("The amount expressed in the secondary currency must have the sign of the balance.")
        return {**values, "currency_id": currency, **sides(balance, foreign)}

    def _priced(self, move: Row, values: Row) -> Row:
        """An invoice's line, as far as it doesn't depend on the others: what it comes to is computed with them."""
        product = self.db.rows("product.product").get(values.get("product_id") or 0, {})
        return {
            **values,
            **sides(0.0, 0.0),
            "name": values.get("name") or self._named(product),
            "quantity": values["quantity"] if _given(values.get("quantity")) else 1.0,
            "price_unit": money(self._price(move, product, values) or 0.0),
            "discount": values.get("discount") or 0.0,
            "tax_ids": self._taxes(move, product, values),
            "account_id": values.get("account_id") or self._account(move, product),
            "currency_id": move["currency_id"],
            "sequence": 100,
        }

    def _repriced(self, move: Row, row: Row, values: Row) -> Row:
        changed = {field: values[field] for field in _PRICE if field in values}
        if "price_unit" in changed:
            changed["price_unit"] = money(changed["price_unit"] or 0.0)
        return changed

    def _named(self, product: Row) -> str | None:
        return self.env.model("product.product").compute_display_name(product) if product else None

    def _price(self, move: Row, product: Row, values: Row) -> Any:
        if values.get("price_unit") is not None or not product:
            return values.get("price_unit")
        return product.get("list_price" if move["move_type"] in SALES else "standard_price")

    def _taxes(self, move: Row, product: Row, values: Row) -> list[int]:
        """Those that the line says; without a word the product's, of the move's company."""
        if values.get("tax_ids") is not None:
            return linked(values["tax_ids"])
        field = "taxes_id" if move["move_type"] in SALES else "supplier_taxes_id"
        taxes = self.db.rows("account.tax")
        return [tax for tax in product.get(field) or () if taxes[tax]["company_id"] == move["company_id"]]

    def _account(self, move: Row, product: Row) -> Any:
        field = "income" if move["move_type"] in SALES else "expense"
        own = (product.get(f"property_account_{field}_id") or {}).get(move["company_id"])
        return own or self.db.row("account.journal", move["journal_id"]).get("default_account_id")

    def _new_mark(self, row: Row, value: Any) -> Any:
        """Refused where something was matched with the line already."""
        if value and partials_of(self.env, row):
            raise ValidationError("A temporary number can not be used in a real matching")
        return _mark(value)


def sides(balance: float, foreign: float) -> Row:
    """A line's amounts in the company's currency and its own."""
    debit, credit = max(balance, 0.0), max(-balance, 0.0)
    return {"balance": balance, "amount_currency": foreign, "debit": debit, "credit": credit}


_NOTHING_OPEN = {"amount_residual": 0.0, "amount_residual_currency": 0.0, "reconciled": False}


def _given(value: Any) -> bool:
    """Whether there is a number; zero is one."""
    return value is not None and value is not False


def _has_price(move: Row, values: Row) -> bool:
    return move["move_type"] in INVOICES and values["display_type"] == "product"


def _balance_of(values: Row) -> float | None:
    if "balance" in values:
        return money(values["balance"])
    if values.get("debit") or values.get("credit") or "amount_currency" not in values:
        return money(values.get("debit", 0.0) - values.get("credit", 0.0))
    return None


def _mark(value: Any) -> Any:
    """A number that is given is a temporary mark, and begins with an I."""
    return value and (value if str(value).startswith("I") else f"I{value}")


def refuse_reconciled(move: Row) -> OdooUserError:
    return OdooUserError(
        "You cannot do this modification on a reconciled journal entry. You can just change some non legal fields or "
        f"you must unreconcile first.\nJournal Entry (id): {move['name']} ({move['id']})"
    )
