"""Contacts and users, and what they may ask of external ids."""

from collections.abc import Sequence
from typing import Any

from suture_lab.simulators.odoo.documents import INVOICES, MOVE
from suture_lab.simulators.odoo.errors import OdooUserError, PythonError
from suture_lab.simulators.odoo.model import Model, of_model, of_records
from suture_lab.simulators.odoo.store import Row

_GROUPS = (
    *("base.group_user", "base.group_partner_manager", "base.group_multi_company", "base.group_multi_currency"),
    *("account.group_account_invoice", "account.group_account_user", "account.group_account_manager"),
    *("stock.group_stock_user", "stock.group_stock_manager", "stock.group_production_lot"),
    *("purchase.group_purchase_user", "product.group_product_manager", "analytic.group_analytic_accounting"),
)


class Partners(Model):
    """A contact's receivable and payable accounts are each company's own."""

    def defaults(self, values: Row) -> Row:
        return {"customer_rank": 0, "supplier_rank": 0, "is_company": False, "lang": "en_US"}

    def insert(self, values: Row) -> int:
        if not values.get("name"):
            raise OdooUserError("Contacts require a name")
        return super().insert(values)

    def update(self, row: Row, values: Row) -> None:
        """An invoice keeps its customer's name, and is written with it."""
        super().update(row, values)
        if "name" in values:
            for move in self.db.by(MOVE, "partner_id", row["id"]):
                if move["move_type"] in INVOICES:
                    self.env.model(MOVE).touch(move)

    def compute_property_account_receivable_id(self, row: Row) -> Any:
        return self.db.row("res.company", self.env.company)["account_receivable_id"]

    def compute_property_account_payable_id(self, row: Row) -> Any:
        return self.db.row("res.company", self.env.company)["account_payable_id"]


class Users(Model):
    @of_model
    def context_get(self) -> Row:
        return {"lang": "en_US", "tz": "UTC", "uid": self.env.user}


class Users17(Users):
    """17 asks for the caller, 19 for users."""

    @of_model
    def has_group(self, group_ext_id: str) -> bool:
        return group_ext_id in _GROUPS


class Users19(Users):
    @of_records
    def has_group(self, ids: Sequence[int], group_ext_id: str) -> bool:
        if len(ids) != 1:
            raise PythonError("ValueError", f"Expected singleton: res.users{tuple(ids)!r}")
        return group_ext_id in _GROUPS


class ExternalIds(Model):
    """`ir.model.data` is for administrators; one question is for everyone. It doesn't see what is archived."""

    forbidden = True

    @of_model
    def check_object_reference(self, module: str, xml_id: str, raise_on_access_error: bool = False) -> list[Any]:
        known = self.db.store.external.get(f"{module}.{xml_id}")
        if known is None:
            raise PythonError("ValueError", f"External ID not found in the system: {module}.{xml_id}")
        model, identifier, _ = known
        row = self.db.rows(model).get(identifier)
        hidden = row is not None and not row.get("active", True) and self.env.context.get("active_test") is not False
        return [model, identifier if row is not None and self.env.visible(model, row) and not hidden else False]
