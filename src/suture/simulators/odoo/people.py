"""Small models whose rules an integration meets: contacts, products, users, companies, external ids."""

from collections.abc import Sequence
from typing import Any

from suture.simulators.odoo.errors import PythonError, RedirectWarning, UserError
from suture.simulators.odoo.model import Model, of_model
from suture.simulators.odoo.seed import DEFAULT_TAX
from suture.simulators.odoo.store import Row


class Partners(Model):
    def insert(self, values: Row) -> int:
        if not values.get("name"):
            raise UserError("Contacts require a name")
        return super().insert(values)


class Products(Model):
    """A product without a word about taxes gets the company's default tax."""

    def defaults(self, values: Row) -> Row:
        kind = "consu" if self.db.version >= 18 else values.get("detailed_type") or "consu"
        return {"taxes_id": [DEFAULT_TAX], "supplier_taxes_id": [], "type": kind, "list_price": 1.0}


class Accounts(Model):
    def defaults(self, values: Row) -> Row:
        return {"reconcile": values.get("account_type") in ("asset_receivable", "liability_payable")}

    def insert(self, values: Row) -> int:
        if self.found([["code", "=", values.get("code")]], 0, 1, None):
            raise UserError("Account codes must be unique. You can't create accounts with these duplicate codes.")
        return super().insert(values)


class Users(Model):
    @of_model
    def context_get(self) -> Row:
        return {"lang": "en_US", "tz": "UTC", "uid": self.env.user}


class Companies(Model):
    """19's `user_` lock dates are what binds the caller, with ``1-01-01`` for none."""

    def update(self, row: Row, values: Row) -> None:
        """17 closes no period that holds drafts; 19 does."""
        until = values.get("fiscalyear_lock_date")
        if until and self.db.version < 18:
            drafts = self.env.model("account.move").search([["state", "=", "draft"], ["date", "<=", until]])
            if drafts:
                raise RedirectWarning("There are still unposted entries in the period you want to lock.")
        super().update(row, values)

    def answer(self, rows: Sequence[Row], fields: Sequence[str] | None, load: str) -> list[Row]:
        answers = super().answer(rows, fields, load)
        for row, answer in zip(rows, answers, strict=True):
            for field in answer:
                if field.startswith("user_"):
                    answer[field] = row.get(field.removeprefix("user_")) or "1-01-01"
        return answers


class ExternalIds(Model):
    """`ir.model.data` is for administrators; one question is for everyone."""

    forbidden = True

    @of_model
    def check_object_reference(self, module: str, xml_id: str, raise_on_access_error: bool = False) -> list[Any]:
        known = self.db.store.external.get(f"{module}.{xml_id}")
        if known is None:
            raise PythonError("ValueError", f"External ID not found in the system: {module}.{xml_id}")
        model, identifier, _ = known
        return [model, identifier if identifier in self.db.rows(model) else False]
