"""What a company sets: lock dates, accounts, currencies, taxes."""

from datetime import date
from typing import Any

from suture_lab.simulators.odoo.errors import OdooUserError, RedirectWarning, ValidationError
from suture_lab.simulators.odoo.model import Model
from suture_lab.simulators.odoo.store import Row


class Companies(Model):
    """19's `user_` lock dates are what binds the caller, with ``1-01-01`` for none."""

    def update(self, row: Row, values: Row) -> None:
        """17 closes no period that holds drafts; 19 does, but opens none that was closed for good."""
        until = values.get("fiscalyear_lock_date")
        if until and self.db.version < 18:
            own = [["state", "=", "draft"], ["date", "<=", until], ["company_id", "=", row["id"]]]
            if self.env.model("account.move").search(own):
                raise RedirectWarning("There are still unposted entries in the period you want to lock.")
        if row.get("hard_lock_date") and "hard_lock_date" in values and not values["hard_lock_date"]:
            raise OdooUserError("The Hard Lock Date cannot be removed.")
        super().update(row, values)

    def compute_user_fiscalyear_lock_date(self, row: Row) -> str:
        return row.get("fiscalyear_lock_date") or "1-01-01"

    def compute_user_tax_lock_date(self, row: Row) -> str:
        return row.get("tax_lock_date") or "1-01-01"

    def compute_user_sale_lock_date(self, row: Row) -> str:
        return row.get("sale_lock_date") or "1-01-01"

    def compute_user_purchase_lock_date(self, row: Row) -> str:
        return row.get("purchase_lock_date") or "1-01-01"

    def compute_user_hard_lock_date(self, row: Row) -> str:
        return row.get("hard_lock_date") or "1-01-01"


class Accounts(Model):
    """An account is one company's on 17; from 18 on it may be several's, and its code is each one's own."""

    def defaults(self, values: Row) -> Row:
        kind = values.get("account_type")
        company = self.env.company
        own: Row = {"company_ids": [company]} if self.db.version >= 18 else {"company_id": company}
        return {**own, "reconcile": kind in ("asset_receivable", "liability_payable")}

    def insert(self, values: Row) -> int:
        given = {name: value for name, value in values.items() if value not in (False, []) or name == "reconcile"}
        recent = self.db.version >= 18
        owner = given.get("company_id") or self.env.company
        mine: list[Any] = ["company_ids", "in", [self.env.company]] if recent else ["company_id", "=", owner]
        if self.found([["code", "=", given.get("code")], mine], 0, 1, "id"):
            unique = (
                "unique. You can't create accounts with these duplicate codes:" if recent else "unique per company!"
            )
            raise ValidationError(f"Account codes must be {unique} {given['code']}")
        return super().insert(given)

    def compute_display_name(self, row: Row) -> str:
        code = self.env.getter(self.model, "code")(row)
        return f"{code} {row['name']}" if code else str(row["name"])


class Currencies(Model):
    def compute_rate(self, row: Row) -> float:
        return self.env.rate(row["id"], self.env.today.isoformat())


class Rates(Model):
    def defaults(self, values: Row) -> Row:
        return {"name": self.env.today.isoformat(), "company_id": self.env.company, "rate": 1.0}

    def insert(self, values: Row) -> int:
        if values.get("name"):
            date.fromisoformat(values["name"])
        return super().insert(values)


class Taxes(Model):
    """A tax without an account of its own is booked on that of what is taxed."""

    def defaults(self, values: Row) -> Row:
        own = {"type_tax_use": "sale", "amount_type": "percent", "amount": 0.0, "sequence": 1}
        return {**own, "company_id": self.env.company}

    def compute_price_include(self, row: Row) -> bool:
        return bool(row.get("price_include_override") == "tax_included")


class Owned(Model):
    """Models whose records belong to the caller's company where nobody says otherwise."""

    def defaults(self, values: Row) -> Row:
        return {"company_id": self.env.company}
