"""Making what a plan names stand, by external id: accounts, analytic plans and accounts, products, locations.

Accounts that exist by code are used as they stand, journals are never created. Each step looks first and creates
what is missing, so that a second run reads a few pages and writes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from suture.connectors.odoo.books import Books
from suture.connectors.odoo.names import external_id
from suture.connectors.odoo.setting import (
    CONSUMPTION,
    FACILITIES,
    PRACTITIONERS,
    Setting,
    account_codes,
    accounts_by_code,
)
from suture.connectors.port import LedgerPlan, Place, Product
from suture.core.failure import Fatal

_ACCOUNTS = {
    "income_account": ("income", "Patient services"),
    "compensation_expense_account": ("expense", "Practitioners' compensation"),
    "compensation_liability_account": ("liability_current", "Compensation payable"),
    "clearing_account": ("asset_current", "Payments clearing"),
}


async def prepare(books: Books, plan: LedgerPlan) -> list[str]:
    """Words for what was created; empty when all stood."""
    created = [*await _accounts(books, plan), *await _plans(books)]
    books.forget_setting(plan)
    setting = await books.setting()
    _check(setting, plan)
    created += await _facilities(books, setting, plan.facilities)
    created += await _products(books, setting, plan.products)
    if plan.facilities and setting.stock is not None:
        created += await _locations(books, setting, plan.facilities)
    books.forget_setting()
    return created


def _check(setting: Setting, plan: LedgerPlan) -> None:
    """What only a person may decide is asked for here, before the first document."""
    setting.currency_id(plan.currency)
    for kind in ("sale", "bank", "general"):
        setting.journal(kind)
    if any(product.stocked for product in plan.products) and setting.stock is None:
        raise Fatal("no_stock", "Odoo has no warehouse for the plan's stocked products", "Install Odoo's Inventory.")


async def _accounts(books: Books, plan: LedgerPlan) -> list[str]:
    codes = account_codes(plan)
    existing = await accounts_by_code(books.odoo, codes.values())
    missing = {code: role for role, code in codes.items() if code not in existing}
    company = "company_ids/.id" if books.odoo.version >= 18 else "company_id/.id"
    rows = [
        [external_id("account", role), code, _ACCOUNTS[role][1], _ACCOUNTS[role][0], str(books.odoo.company)]
        for code, role in missing.items()
    ]
    await books.odoo.create_missing("account.account", ["id", "code", "name", "account_type", company], rows)
    return [f"account {code}: {_ACCOUNTS[role][1]}" for code, role in missing.items()]


async def _plans(books: Books) -> list[str]:
    names = {FACILITIES: "Facilities", PRACTITIONERS: "Practitioners"}
    rows = {kind: [external_id("analytic_plan", kind), name] for kind, name in names.items()}
    created = await _create(books, "account.analytic.plan", "analytic_plan", ["id", "name"], rows)
    return [f"analytic plan {names[kind]}" for kind in created]


async def _facilities(books: Books, setting: Setting, places: Sequence[Place]) -> list[str]:
    columns = ["id", "name", "code", "plan_id/.id", "company_id/.id"]
    plan = setting.plan(FACILITIES)
    rows = {p.code: [external_id("facility", p.code), p.name, p.code, plan, setting.company] for p in places}
    domain = [["code", "in", list(rows)], ["plan_id", "=", plan]]
    created = await _create(books, "account.analytic.account", "facility", columns, rows, domain=domain)
    return [f"analytic account of facility {code}" for code in created]


async def _products(books: Books, setting: Setting, products: Sequence[Product]) -> list[str]:
    rows = {p.code: product_row(p, setting, books.odoo.version) for p in products}
    columns = product_columns(books.odoo.version)
    domain = [["default_code", "in", list(rows)]]
    created = await _create(books, "product.product", "product", columns, rows, domain=domain)
    return [f"product {code}" for code in created]


def product_columns(version: int) -> list[str]:
    """Storable is a type of its own until 17, a flag on goods from 18 on."""
    kind = ["type", "is_storable"] if version >= 18 else ["detailed_type"]
    own = ["id", "name", "default_code", "taxes_id", "supplier_taxes_id", "property_account_income_id/.id"]
    return [*own, *kind]


def product_row(product: Product, setting: Setting, version: int) -> list[Any]:
    """Health services are exempt: no taxes, said explicitly, or Odoo would add the company's default."""
    income = setting.account("income_account")
    if version >= 18:
        kind = ["consu", "1"] if product.stocked else ["service", ""]
    else:
        kind = ["product" if product.stocked else "service"]
    return [external_id("product", product.code), product.name, product.code, "", "", income, *kind]


async def _locations(books: Books, setting: Setting, places: Sequence[Place]) -> list[str]:
    columns = ["id", "name", "usage", "location_id/.id", "company_id/.id"]
    company = setting.company
    rows: dict[str, list[Any]] = {
        place.code: [
            external_id("location", place.code),
            place.name,
            "internal",
            setting.stocked().warehouse_location,
            company,
        ]
        for place in places
    }
    rows[CONSUMPTION] = [external_id("location", CONSUMPTION), "Patient care", "production", "", company]
    domain = [["name", "in", [row[1] for row in rows.values()]], ["company_id", "=", company]]
    created = await _create(books, "stock.location", "location", columns, rows, domain=domain)
    return [f"stock location {rows[code][1]}" for code in created]


async def _create(
    books: Books,
    model: str,
    kind: str,
    columns: Sequence[str],
    rows: Mapping[str, list[Any]],
    *,
    domain: Sequence[Any] = (),
) -> list[str]:
    """Creates the rows (by key) that have no record yet; answers their keys."""
    if domain:
        found = await books.finder.matching(model, kind, list(rows), domain)
    else:
        found = await books.finder.by_name(model, kind, list(rows))
    missing = [key for key in rows if key not in found]
    ids = await books.odoo.create_missing(model, columns, [rows[key] for key in missing])
    for key, identifier in zip(missing, ids, strict=True):
        books.finder.remember(external_id(kind, key), identifier)
    return missing
