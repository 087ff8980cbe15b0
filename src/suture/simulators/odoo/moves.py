"""`account.move` and its lines: amounts, posting, numbers, lock dates, cancelling."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from suture.simulators.odoo.errors import PythonError, UserError
from suture.simulators.odoo.model import Model, linked, of_records
from suture.simulators.odoo.reconciliation import reconcile, unreconcile
from suture.simulators.odoo.seed import DEFAULT_TAX, RECEIVABLE
from suture.simulators.odoo.store import Row

_JOURNAL_OF = {"out_invoice": "sale", "out_refund": "sale", "in_invoice": "purchase", "in_refund": "purchase"}
_INVOICES = ("out_invoice", "out_refund")
_SIGN = {"out_invoice": 1, "out_refund": -1}


def money(amount: float) -> float:
    """To the cent, half away from zero as seen through the decimal that a person wrote."""
    return float(Decimal(repr(amount)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


class Moves(Model):
    """Journal entries, customer invoices and credit notes."""

    def defaults(self, values: Row) -> Row:
        kind = values.get("move_type") or "entry"
        journal = values.get("journal_id") or self._journal(_JOURNAL_OF.get(kind, "general"))
        day = values.get("invoice_date") or values.get("date") or self.env.today.isoformat()
        if kind in _INVOICES:
            day = self._allowed(kind, date.fromisoformat(day)).isoformat()
        return {
            "move_type": kind,
            "journal_id": journal,
            "company_id": self.env.company,
            "currency_id": self.db.row("res.company", self.env.company)["currency_id"],
            "date": day,
            "state": "draft",
            "payment_state": "not_paid",
            "name": "/" if self.db.version < 18 else False,
        }

    def insert(self, values: Row) -> int:
        identifier = super().insert(values)
        self._compute(self.db.row(self.model, identifier))
        return identifier

    def update(self, row: Row, values: Row) -> None:
        """17 lets a posted, unpaid invoice change without a word; 19 doesn't."""
        lines = any(self.fields[name].kind == "one2many" for name in values if name in self.fields)
        if row["state"] == "posted" and lines and (self.db.version >= 18 or row["payment_state"] != "not_paid"):
            raise UserError("You cannot modify the following readonly fields on a posted move: line_ids")
        if row["state"] == "posted" and values.get("journal_id", row["journal_id"]) != row["journal_id"]:
            raise UserError("You cannot edit the journal of an account move if it has been posted once.")
        super().update(row, values)
        if lines:
            self._compute(row)

    def delete(self, row: Row) -> None:
        if row["state"] == "posted":
            raise UserError("You cannot delete a posted journal item without resetting it to draft first.")
        super().delete(row)

    @of_records
    def action_post(self, ids: Sequence[int]) -> bool:
        rows = self.existing(ids)
        wrong = [row for row in rows if row["state"] != "draft"]
        if wrong:
            raise UserError("\n".join(f"The entry {row['name']} (id {row['id']}) must be in draft." for row in wrong))
        for row in rows:
            self._post(row)
        return False

    @of_records
    def button_cancel(self, ids: Sequence[int]) -> None:
        """A posted move is reset to draft first, on 17 and 19 alike."""
        rows = self.existing(ids)
        self.button_draft([row["id"] for row in rows if row["state"] == "posted"])
        for row in rows:
            self.db.store.set(self.model, row, "state", "cancel")

    @of_records
    def button_draft(self, ids: Sequence[int]) -> None:
        for row in self.existing(ids):
            if row["state"] not in ("posted", "cancel"):
                raise UserError("Only posted/cancelled journal entries can be reset to draft.")
            for line in self._lines(row):
                unreconcile(self.env, line)
            self.db.store.set(self.model, row, "state", "draft")

    def _post(self, row: Row) -> None:
        lines = self._lines(row)
        if not [line for line in lines if line["display_type"] == "product"]:
            raise UserError("You need to add a line before posting.")
        if row["move_type"] in _INVOICES and not row.get("partner_id"):
            raise UserError("The 'Customer' field is required to validate the invoice.")
        if row["move_type"] in _INVOICES and not row.get("invoice_date"):
            self.db.store.set(self.model, row, "invoice_date", self.env.today.isoformat())
        day = self._allowed(row["move_type"], date.fromisoformat(row["date"]))
        self.db.store.set(self.model, row, "date", day.isoformat())
        if row["name"] in ("/", False):
            self.db.store.set(self.model, row, "name", self._next_name(row, day))
        self.db.store.set(self.model, row, "state", "posted")
        if row.get("reversed_entry_id"):
            self._reconcile_reversed(row)

    def _reconcile_reversed(self, row: Row) -> None:
        original = self.db.row(self.model, row["reversed_entry_id"])
        for line in self._lines(row):
            twins = [twin for twin in self._lines(original) if twin["account_id"] == line["account_id"]]
            open_twins = [twin for twin in twins if not twin["reconciled"]]
            if open_twins and self.db.row("account.account", line["account_id"])["reconcile"]:
                reconcile(self.env, [*open_twins, line])

    def _allowed(self, kind: str, day: date) -> date:
        """Odoo's silent way with locked periods: an invoice moves to today, an entry to the next month's end."""
        locked = self.locked_until(kind)
        if day > locked:
            return day
        if kind in _INVOICES:
            return max(self.env.today, locked + timedelta(days=1))
        month = (locked.replace(day=1) + timedelta(days=32)).replace(day=1)
        return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    def locked_until(self, kind: str) -> date:
        company = self.db.row("res.company", self.env.company)
        names = ["fiscalyear_lock_date", "period_lock_date", "hard_lock_date"]
        if kind in _INVOICES:
            names.append("sale_lock_date")
        return max((date.fromisoformat(company[name]) for name in names if company.get(name)), default=date.min)

    def _next_name(self, row: Row, day: date) -> str:
        journal = self.db.row("account.journal", row["journal_id"])
        prefix = "R" if row["move_type"] == "out_refund" else ""
        period = f"{day.year}/{day.month:02}" if journal["type"] == "general" else str(day.year)
        width = 4 if journal["type"] == "general" else 5
        stem = f"{prefix}{journal['code']}/{period}/"
        return f"{stem}{self.env.next_number(stem):0{width}}"

    def _compute(self, row: Row) -> None:
        """Amounts of a draft from its lines, and an invoice's receivable line."""
        lines = [line for line in self._lines(row) if line["display_type"] == "product"]
        if row["move_type"] not in _INVOICES:
            self._compute_entry(row, lines)
            return
        untaxed = money(sum(line["price_subtotal"] for line in lines))
        total = money(sum(line["price_total"] for line in lines))
        self._receivable(row, total)
        self._amounts(row, untaxed, total)

    def _compute_entry(self, row: Row, lines: Sequence[Row]) -> None:
        if lines and abs(sum(line["balance"] for line in lines)) > 0.004:
            raise UserError("The entry is not balanced.")
        total = money(sum(line["debit"] for line in lines))
        self._amounts(row, total, total)
        self.db.store.set(self.model, row, "amount_residual", 0.0)

    def _amounts(self, row: Row, untaxed: float, total: float) -> None:
        amounts = {"amount_untaxed": untaxed, "amount_tax": money(total - untaxed), "amount_total": total}
        for field, value in {**amounts, "amount_residual": total}.items():
            self.db.store.set(self.model, row, field, value)

    def _receivable(self, row: Row, total: float) -> None:
        balance = _SIGN[row["move_type"]] * total
        items = self.env.model("account.move.line")
        known = [line for line in self._lines(row) if line["display_type"] == "payment_term"]
        if known:
            items.update(known[0], {"balance": balance})
            return
        account = self.env.account(RECEIVABLE)
        items.insert({"move_id": row["id"], "account_id": account, "display_type": "payment_term", "balance": balance})

    def _lines(self, row: Row) -> list[Row]:
        table = self.db.store.tables["account.move.line"]
        return [table.rows[i] for i in table.index["move_id"].get(row["id"], ())]

    def _journal(self, kind: str) -> int:
        journals = self.db.rows("account.journal").values()
        return int(next(row["id"] for row in journals if row["type"] == kind))


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
        if move["move_type"] in _INVOICES and values["display_type"] == "product":
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
            "balance": -_SIGN[move["move_type"]] * subtotal,
        }

    def _default_taxes(self, product: Row) -> list[int]:
        return product["taxes_id"] if product else [DEFAULT_TAX]

    def check_fields(self, values: Row) -> None:
        super().check_fields(values)
        if "display_type" in values and values["display_type"] not in ("product", "payment_term"):
            raise PythonError("ValueError", f"Wrong value for account.move.line.display_type: {values['display_type']}")
