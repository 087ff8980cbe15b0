"""What a fresh company has: a currency, a short chart of accounts, journals, a warehouse, and the users."""

from typing import TYPE_CHECKING

from suture.simulators.odoo.store import Row

if TYPE_CHECKING:
    from suture.simulators.odoo.database import Database

RECEIVABLE = "121000"
DEFAULT_TAX = 1

_ACCOUNTS = (
    ("101401", "Bank", "asset_cash", False),
    ("101402", "Bank suspense", "asset_current", True),
    ("101403", "Receipts under way", "asset_current", True),
    ("101404", "Payments under way", "asset_current", True),
    ("110100", "Inventory value", "asset_current", False),
    (RECEIVABLE, "Customers", "asset_receivable", True),
    ("211000", "Suppliers", "liability_payable", True),
    ("230000", "Salaries payable", "liability_current", True),
    ("251000", "Taxes received", "liability_current", False),
    ("400000", "Sales", "income", False),
    ("500000", "Cost of sales", "expense_direct_cost", False),
    ("600000", "General expenses", "expense", False),
    ("630000", "Salaries", "expense", False),
)
_JOURNALS = (
    ("INV", "Customer invoices", "sale", "400000", 5),
    ("BILL", "Vendor bills", "purchase", "600000", 6),
    ("MISC", "Miscellaneous", "general", None, 8),
    ("EXCH", "Exchange differences", "general", None, 9),
    ("BNK1", "Bank", "bank", "101401", 7),
    ("CSH1", "Cash", "cash", "101401", 7),
)
_LOCATIONS = (
    ("WH", "view", None),
    ("Stock", "internal", 1),
    ("Customers", "customer", None),
    ("Vendors", "supplier", None),
    ("Inventory adjustment", "inventory", None),
    ("Production", "production", None),
)
_COUNTRIES = (("US", "United States"), ("CA", "Canada"), ("GB", "United Kingdom"), ("DE", "Germany"), ("FR", "France"))


def seed(db: "Database", logins: set[str]) -> None:
    """Fill an empty database. Users get ids from 5 on, as after an installation."""
    add = db.store.insert
    for name, symbol in (("USD", "$"), ("EUR", "€"), ("GBP", "£")):
        add("res.currency", {"name": name, "symbol": symbol, "active": True, "rounding": 0.01})
    for code, name in _COUNTRIES:
        country = add("res.country", {"code": code, "name": name})
        db.store.name(f"base.{code.lower()}", "res.country", country, noupdate=False)
    add("res.company", {"name": "My Company", "currency_id": 1})
    add("account.tax", {"name": "15%", "amount": 15.0, "type_tax_use": "sale"})
    _books(db)
    _warehouse(db)
    db.store.tables["res.users"].last_id = 4
    for login in sorted(logins):
        db.users[login] = add("res.users", {"name": login, "login": login, "company_id": 1})
    db.store.commit()


def _books(db: "Database") -> None:
    company: Row = {"company_ids": [1]} if db.version >= 18 else {"company_id": 1}
    ids = {}
    for code, name, kind, reconcile in _ACCOUNTS:
        row = {"code": code, "name": name, "account_type": kind, "reconcile": reconcile, **company}
        ids[code] = db.store.insert("account.account", row)
    for code, name, kind, account, sequence in _JOURNALS:
        row = {"code": code, "name": name, "type": kind, "sequence": sequence, "company_id": 1}
        db.store.insert("account.journal", {**row, "default_account_id": ids[account] if account else None})


def _warehouse(db: "Database") -> None:
    for name, usage, parent in _LOCATIONS:
        company = None if usage in ("customer", "supplier") else 1
        db.store.insert("stock.location", {"name": name, "usage": usage, "location_id": parent, "company_id": company})
    for code, name, sequence in (("incoming", "Receipts", "IN"), ("outgoing", "Delivery Orders", "OUT")):
        row = {"code": code, "name": name, "sequence_code": sequence, "warehouse_id": 1}
        db.store.insert("stock.picking.type", row)
    house = {"name": "My Company", "code": "WH", "company_id": 1, "lot_stock_id": 2, "view_location_id": 1}
    db.store.insert("stock.warehouse", {**house, "in_type_id": 1, "out_type_id": 2})
