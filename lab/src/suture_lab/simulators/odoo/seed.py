"""What a fresh database has: currencies, companies with their charts, journals and warehouses, and the users."""

from collections.abc import Sequence

from suture_lab.simulators.odoo import chart
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.store import Row

COMPANIES = ("My Company",)
_LOCATIONS = (("Stock", "internal"), ("Inventory adjustment", "inventory"), ("Production", "production"))


def seed(db: SimulatedDatabase, logins: set[str], companies: Sequence[str] = COMPANIES) -> None:
    """Fill an empty database. Users get ids from 5 on, as after an installation; they may work in all companies."""
    _world(db)
    for name in companies:
        _company(db, name)
    db.store.tables["res.users"].last_id = 4
    ids = list(range(1, len(companies) + 1))
    for login in sorted(logins):
        row = {"name": login, "login": login, "company_id": 1, "company_ids": ids, "active": True, "share": False}
        db.users[login] = db.store.insert("res.users", {**row, "lang": "en_US"})
    db.store.commit()


def _world(db: SimulatedDatabase) -> None:
    add = db.store.insert
    for name, symbol, active in chart.CURRENCIES:
        row = {"name": name, "symbol": symbol, "active": active, "rounding": 0.01, "decimal_places": 2}
        add("res.currency", row)
    countries = {code: add("res.country", {"code": code, "name": name}) for code, name in chart.COUNTRIES}
    for code, country in countries.items():
        db.store.name(f"base.{code.lower()}", "res.country", country, noupdate=False)
    for code, state, name in chart.STATES:
        add("res.country.state", {"code": state, "name": name, "country_id": countries[code]})
    for name in chart.MODULES:
        version = f"{db.version}.0.1.0"
        versions = {"latest_version": version, "installed_version": version}
        add("ir.module.module", {"name": name, "state": "installed", **versions})
    add("account.analytic.plan", {"name": "Project"})
    add("uom.uom", {"name": "Units", "active": True, "rounding": 0.01, "factor": 1.0})
    add("product.category", {"name": "All"})
    for name, usage in (("Customers", "customer"), ("Vendors", "supplier")):
        add("stock.location", {"name": name, "usage": usage, "active": True, "company_id": None})


def _company(db: SimulatedDatabase, name: str) -> None:
    method = "round_globally" if db.version >= 18 else "round_per_line"
    company = db.store.insert(
        "res.company",
        {
            "name": name,
            "currency_id": 1,
            "country_id": 1,
            "chart_template": "generic_coa",
            "fiscalyear_last_day": 31,
            "fiscalyear_last_month": "12",
            "tax_calculation_rounding_method": method,
            "tax_exigibility": False,
        },
    )
    row = db.row("res.company", company)
    accounts = _accounts(db, company)
    row.update(_books(db, company, accounts))
    db.store.insert(
        "res.currency.rate", {"name": "2020-01-01", "rate": chart.EURO_RATE, "currency_id": 2, "company_id": company}
    )
    _warehouse(db, company, name)


def _accounts(db: SimulatedDatabase, company: int) -> dict[str, int]:
    ids = {}
    for code, name, kind, reconcile in chart.ACCOUNTS:
        own: Row = {"name": name, "account_type": kind, "reconcile": reconcile}
        of: Row = {"code": code, "company_id": company}
        if db.version >= 18:
            of = {"code": {company: code}, "company_ids": [company]}
        ids[code] = db.store.insert("account.account", {**own, **of})
    return ids


def _books(db: SimulatedDatabase, company: int, accounts: dict[str, int]) -> Row:
    """Journals and taxes; the company's defaults."""
    taxes = {}
    for name, amount, use, account in chart.TAXES:
        tax = {"name": name, "amount": amount, "type_tax_use": use, "amount_type": "percent", "sequence": 1}
        own = {"active": True, "company_id": company, "account_id": accounts[account]}
        taxes[use] = db.store.insert("account.tax", {**tax, **own})
    journals = {}
    for code, name, kind, income, sequence in chart.JOURNALS:
        row: Row = {
            "code": code,
            "name": name,
            "type": kind,
            "sequence": sequence,
            "active": True,
            "company_id": company,
        }
        default = accounts[income] if income else None
        journals[code] = db.store.insert("account.journal", row | {"default_account_id": default})
    return {
        "account_receivable_id": accounts[chart.RECEIVABLE],
        "account_payable_id": accounts[chart.PAYABLE],
        "income_exchange_account_id": accounts[chart.GAIN],
        "expense_exchange_account_id": accounts[chart.LOSS],
        "currency_exchange_journal_id": journals["EXCH"],
        "account_sale_tax_id": taxes["sale"],
        "account_purchase_tax_id": taxes["purchase"],
    }


def _warehouse(db: SimulatedDatabase, company: int, name: str) -> None:
    add = db.store.insert
    code = "WH" if company == 1 else name[:5]
    root = add("stock.location", {"name": code, "usage": "view", "active": True, "company_id": company})
    stock = 0
    for place, usage in _LOCATIONS:
        above = root if usage == "internal" else None
        own: Row = {"name": place, "usage": usage, "location_id": above, "active": True, "company_id": company}
        location = add("stock.location", own)
        stock = location if usage == "internal" else stock
    house = add("stock.warehouse", {"name": name, "code": code, "active": True, "company_id": company})
    customers, vendors = 1, 2
    kinds = (
        ("in_type_id", "incoming", "Receipts", "IN", vendors, stock),
        ("out_type_id", "outgoing", "Delivery Orders", "OUT", stock, customers),
    )
    row = db.row("stock.warehouse", house)
    row.update({"lot_stock_id": stock, "view_location_id": root})
    for field, kind, label, sequence, source, target in kinds:
        typed = {"code": kind, "name": label, "sequence_code": sequence, "warehouse_id": house, "company_id": company}
        way = {"default_location_src_id": source, "default_location_dest_id": target}
        row[field] = add("stock.picking.type", {**typed, **way})
