"""Making what a plan names stand, by external id: accounts, analytic plans and accounts, products, locations.

Accounts that exist by code are used as they stand, journals are never created. Each step looks first and creates
what is missing, so that a second run reads a few pages and writes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.articles import PATIENT_SHARE, ROUNDING
from suture.connectors.odoo.records.company_config import (
    CONSUMPTION,
    FACILITIES,
    PRACTITIONERS,
    CompanyConfig,
    account_codes,
    accounts_by_code,
    roles,
    setup_key,
)
from suture.connectors.odoo.records.names import external_id
from suture.connectors.port import LedgerPlan, PlannedFacility, PlannedProduct
from suture.core.failure import Fatal

_ACCOUNTS = {
    "income_account": ("income", "Patient services"),
    "compensation_expense_account": ("expense", "Practitioners' compensation"),
    "compensation_liability_account": ("liability_current", "Compensation payable"),
    "clearing_account": ("asset_current", "Payments clearing"),
    "remittance_clearing_account": ("asset_current", "Remittances clearing"),
    "write_off_account": ("expense", "Write-offs"),
    "unbilled_account": ("asset_current", "Completed work, not billed"),
    "rounding_account": ("income_other", "Rounding differences"),
}
_PRODUCT = "product.product"
_ADJUSTMENT_TYPES = {"contractual": "income", "denial": "expense", "provider": "expense"}


async def prepare(session: CompanySession, plan: LedgerPlan) -> list[str]:
    """Words for what was created; empty when all stood."""
    created = [*await _accounts(session, plan), *await _plans(session)]
    session.forget_setting(plan)
    setting = await session.setting()
    _check(setting, plan)
    created += await _facilities(session, setting, plan.facilities)
    created += await _products(session, setting, [*plan.products, *_own_products(plan)], await _taxes(session, plan))
    if plan.facilities and setting.stock is not None:
        created += await _locations(session, setting, plan.facilities)
    session.forget_setting()
    return created


def _check(setting: CompanyConfig, plan: LedgerPlan) -> None:
    """What only a person may decide is asked for here, before the first document."""
    setting.currency_id(plan.currency)
    for kind in ("sale", "bank", "general"):
        setting.journal(kind)
    if any(product.stocked for product in plan.products) and setting.stock is None:
        raise Fatal("no_stock", "Odoo has no warehouse for the plan's stocked products", "Install Odoo's Inventory.")


async def _accounts(session: CompanySession, plan: LedgerPlan) -> list[str]:
    existing = await accounts_by_code(session.odoo, account_codes(plan).values())
    wanted: dict[str, tuple[str, str, str]] = {}
    for role, code in roles(plan).items():
        kind, name = _ACCOUNTS[role]
        wanted.setdefault(code, (role, name, kind))
    for reason, told in plan.adjustments.items():
        if told.account:
            wanted.setdefault(told.account, (f"adjustment {reason}", told.name, _ADJUSTMENT_TYPES[told.kind]))
    company = "company_ids/.id" if session.odoo.version >= 18 else "company_id/.id"
    missing = {code: of for code, of in wanted.items() if code not in existing}
    rows = [
        [external_id("account", setup_key(session.odoo, key)), code, name, kind, str(session.odoo.company)]
        for code, (key, name, kind) in missing.items()
    ]
    await session.odoo.create_missing("account.account", ["id", "code", "name", "account_type", company], rows)
    return [f"account {code}: {name}" for code, (_, name, _) in missing.items()]


async def _plans(session: CompanySession) -> list[str]:
    names = {FACILITIES: "Facilities", PRACTITIONERS: "Practitioners"}
    rows = {kind: [external_id("analytic_plan", kind), name] for kind, name in names.items()}
    created = await _create(session, "account.analytic.plan", "analytic_plan", ["id", "name"], rows)
    return [f"analytic plan {names[kind]}" for kind in created]


async def _facilities(session: CompanySession, setting: CompanyConfig, places: Sequence[PlannedFacility]) -> list[str]:
    columns = ["id", "name", "code", "plan_id/.id", "company_id/.id"]
    plan = setting.plan(FACILITIES)
    rows = {p.code: [external_id("facility", p.code), p.name, p.code, plan, setting.company] for p in places}
    domain = [["plan_id", "=", plan]]
    created = await _create(session, "account.analytic.account", "facility", columns, rows, domain=domain)
    return [f"analytic account of facility {code}" for code in created]


def _own_products(plan: LedgerPlan) -> list[PlannedProduct]:
    """Products of lines that are no service: what one invoice leaves to another, and differences in rounding."""
    share = PlannedProduct(code=PATIENT_SHARE, name="Patient's share")
    return [share, PlannedProduct(code=ROUNDING, name="Rounding")] if plan.rounding_account else [share]


async def _taxes(session: CompanySession, plan: LedgerPlan) -> dict[str, int]:
    """The company's sales taxes that the plan names. Raises `Fatal` where Odoo has none of a name: taxes are never
    guessed."""
    names = sorted({name for product in plan.products for name in product.taxes})
    if not names:
        return {}
    domain = [["name", "in", names], ["type_tax_use", "=", "sale"], ["company_id", "=", session.odoo.company]]
    found = {row["name"]: row["id"] for row in await session.odoo.search("account.tax", domain, ["name"])}
    for name in names:
        if name not in found:
            raise Fatal("tax_unknown", f"Odoo has no sales tax named {name}", "Correct `taxes` in the catalogue.")
    return found


async def _products(
    session: CompanySession, setting: CompanyConfig, products: Sequence[PlannedProduct], taxes: Mapping[str, int]
) -> list[str]:
    rows = {p.code: product_row(p, setting, session.odoo.version, taxes) for p in products}
    shapes: dict[bool, list[str]] = {
        lots: [p.code for p in products if (p.stocked and p.lots) is lots] for lots in (False, True)
    }
    created: list[str] = []
    for lots, codes in shapes.items():
        columns = product_columns(session.odoo.version, lots=lots)
        domain = [["default_code", "in", codes]]
        of = {code: rows[code] for code in codes}
        created += await _create(session, _PRODUCT, "product", columns, of, domain=domain) if of else []
    await _without_others_taxes(session, created)
    return [*(f"product {code}" for code in created), *await _in_this_company(session, setting, products, taxes)]


async def _without_others_taxes(session: CompanySession, created: Sequence[str]) -> None:
    """Odoo gives a new product the default taxes of all other companies as well, of which nobody asked."""
    if not created:
        return
    ids = await session.finder.by_name(_PRODUCT, "product", created)
    fields = ["taxes_id", "supplier_taxes_id"]
    rows = await session.odoo.search_everywhere(_PRODUCT, [["id", "in", list(ids.values())]], fields)
    given = {tax for row in rows for field in fields for tax in row[field]}
    others = [["id", "in", sorted(given)], ["company_id", "!=", session.odoo.company]]
    foreign = (
        {row["id"] for row in await session.odoo.search_everywhere("account.tax", others, ["id"])} if given else set()
    )
    everywhere = {
        "allowed_company_ids": [session.odoo.company, *(set(await session.odoo.companies()) - {session.odoo.company})]
    }
    for row in rows:
        links = {field: [[3, tax] for tax in row[field] if tax in foreign] for field in fields}
        if any(links.values()):
            await session.odoo.do(_PRODUCT, "write", [row["id"]], vals=links, context=everywhere)


async def _in_this_company(
    session: CompanySession, setting: CompanyConfig, products: Sequence[PlannedProduct], taxes: Mapping[str, int]
) -> list[str]:
    """A product is every company's, and its income account and taxes each company's own. What another company prepared
    lacks our account, and has our default tax: Odoo gives a new product every company's."""
    if session.odoo.main:
        return []
    ids = await session.finder.by_name(_PRODUCT, "product", [product.code for product in products])
    fields = ["property_account_income_id", "taxes_id"]
    rows = await session.odoo.read(_PRODUCT, list(ids.values()), fields)
    done = []
    for product in products:
        row = rows[ids[product.code]]
        if not row["property_account_income_id"]:
            wanted = {taxes[name] for name in product.taxes}
            given = set(row["taxes_id"])
            links = [*([3, tax] for tax in given - wanted), *([4, tax] for tax in wanted - given)]
            values = {"property_account_income_id": _income(product.code, setting), "taxes_id": links}
            await session.odoo.do(_PRODUCT, "write", [row["id"]], vals=values)
            done.append(f"product {product.code} in this company")
    return done


def product_columns(version: int, *, lots: bool = False) -> list[str]:
    """Storable is a type of its own until 17, a flag on goods from 18 on."""
    kind = ["type", "is_storable"] if version >= 18 else ["detailed_type"]
    own = ["id", "name", "default_code", "taxes_id/.id", "supplier_taxes_id", "property_account_income_id/.id"]
    return [*own, *kind, *(["tracking"] if lots else [])]


def product_row(
    product: PlannedProduct, setting: CompanyConfig, version: int, taxes: Mapping[str, int] | None = None
) -> list[Any]:
    """Health services are exempt unless the catalogue says otherwise: no taxes, said explicitly, or Odoo would add the
    company's default."""
    if version >= 18:
        kind = ["consu", "1"] if product.stocked else ["service", ""]
    else:
        kind = ["product" if product.stocked else "service"]
    named = ",".join(str((taxes or {})[name]) for name in product.taxes)
    lots = ["lot"] if product.stocked and product.lots else []
    income = _income(product.code, setting)
    return [external_id("product", product.code), product.name, product.code, named, "", income, *kind, *lots]


def _income(code: str, setting: CompanyConfig) -> int:
    return setting.account("rounding_account" if code == ROUNDING else "income_account")


async def _locations(session: CompanySession, setting: CompanyConfig, places: Sequence[PlannedFacility]) -> list[str]:
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
    consumption = setup_key(session.odoo, CONSUMPTION)
    rows[consumption] = [external_id("location", consumption), "Patient care", "production", "", company]
    domain = [["name", "in", [row[1] for row in rows.values()]], ["company_id", "=", company]]
    created = await _create(session, "stock.location", "location", columns, rows, domain=domain)
    return [f"stock location {rows[code][1]}" for code in created]


async def _create(
    session: CompanySession,
    model: str,
    kind: str,
    columns: Sequence[str],
    rows: Mapping[str, list[Any]],
    *,
    domain: Sequence[Any] = (),
) -> list[str]:
    """Creates the rows (by key) that have no record yet; answers their keys. One that a person renamed is not found by
    `domain`, and is left alone all the same: its external id is there."""
    found = await session.finder.standing(model, kind, list(rows), domain)
    missing = [key for key in rows if key not in found]
    if not missing:
        return []
    newest = await session.odoo.search(model, [], ["id"], order="id desc", limit=1)
    ids = await session.odoo.create_missing(model, columns, [rows[key] for key in missing])
    for key, identifier in zip(missing, ids, strict=True):
        session.finder.remember(external_id(kind, key), identifier)
    return [key for key, i in zip(missing, ids, strict=True) if not newest or i > newest[0]["id"]]
