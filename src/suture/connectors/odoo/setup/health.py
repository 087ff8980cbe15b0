"""What `suture doctor` shows of Odoo: what it is and can, which rights are lacking, and how to grant them."""

from collections.abc import Sequence
from datetime import date

import msgspec

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.transport.client import Odoo, Row
from suture.connectors.port import Health
from suture.core.failure import Failure, Fatal


class Need(msgspec.Struct, frozen=True):
    """A right that work needs: on a model, an operation, what it is for, and the least group that grants it."""

    model: str
    operation: str
    what: str
    group: str


_ACCOUNTANT = "Accounting: Accountant"
_STOCK = "Inventory: User"
NEEDS = (
    Need("res.partner", "create", "create contacts", "Contact Creation"),
    Need("res.partner", "write", "keep contacts up to date", "Contact Creation"),
    Need("account.move", "create", "write invoices and entries", _ACCOUNTANT),
    Need("account.move.line", "write", "mark lines that belong together", _ACCOUNTANT),
    Need("account.analytic.account", "create", "write analytic accounts", _ACCOUNTANT),
    Need("account.partial.reconcile", "create", "reconcile payments", _ACCOUNTANT),
    Need("account.partial.reconcile", "unlink", "take back what a reversal undoes", _ACCOUNTANT),
    Need("account.account", "create", "create accounts (to prepare the ledger)", "Accounting: Administrator"),
    Need(
        "product.product",
        "create",
        "create products (to prepare the ledger)",
        "Products: Create (19), or Inventory: Administrator (17, 18)",
    ),
    Need("stock.picking", "create", "move stock", _STOCK),
    Need("stock.lot", "read", "take from lots", _STOCK),
    Need("stock.location", "create", "create stock locations (to prepare the ledger)", "Inventory: Administrator"),
    Need("stock.warehouse.orderpoint", "read", "see what runs low", _STOCK),
)
_MODULES = {
    "account.move": "Invoicing",
    "stock.picking": "Inventory",
    "purchase.order": "Purchase",
    "suture.outbox": "Suture Connect (optional)",
}


async def examine(session: CompanySession, system: str, version: str) -> Health:
    remedies = [words for need in NEEDS if (words := await _lacks(session.odoo, need))]
    found = [await _companies(session.odoo), await _modules(session.odoo), *await _money(session)]
    try:
        found += [await _income(session), await _without_cost(session)]
    except Failure as failure:
        remedies.append(f"{failure.message}. {failure.remedy}".strip())
    return Health(
        system=system,
        reachable=True,
        version=f"Odoo {version}",
        found=tuple(words for words in found if words),
        remedies=tuple(dict.fromkeys(remedies)),
    )


async def _lacks(odoo: Odoo, need: Need) -> str:
    try:
        allowed = await _may(odoo, need.model, need.operation)
    except Fatal as error:
        if error.code == "not_understood":
            return f"Odoo has no {need.model}: install the app that it belongs to (Invoicing, Inventory)."
        return f"{error.message}. {error.remedy}"
    except Failure as error:
        return f"{error.message}. {error.remedy}"
    if allowed:
        return ""
    return (
        f"The integration user may not {need.what}: give it '{need.group}' in Odoo (Settings, Users; in developer mode "
        "where the choice is not shown)."
    )


async def _may(odoo: Odoo, model: str, operation: str) -> bool:
    """Whether the user may; 18 renamed the question."""
    if odoo.version >= 18:
        return bool(await odoo.do(model, "has_access", [], operation=operation))
    return bool(await odoo.ask(model, "check_access_rights", operation=operation, raise_exception=False))


async def _companies(odoo: Odoo) -> str:
    companies = await odoo.companies()
    names = ", ".join(name + (" (ours)" if i == odoo.company else "") for i, name in companies.items())
    return f"companies: {names}"


async def _modules(odoo: Odoo) -> str:
    """What is installed, told by the models that are there: the list of modules is for administrators."""
    there = [name for model, name in _MODULES.items() if await odoo.has_model(model)]
    return f"apps: {', '.join(there)}"


async def _money(session: CompanySession) -> Sequence[str]:
    """Active currencies, how taxes are rounded, and until when the books are locked."""
    company = await _company(session.odoo)
    currencies = await session.odoo.search("res.currency", [], ["name"])
    locks = await session.poster.locks()
    until = max(locks.everything, locks.sales)
    return (
        f"currencies: {', '.join(sorted(row['name'] for row in currencies))}",
        f"taxes are rounded {company['tax_calculation_rounding_method'].replace('_', ' ')}",
        "no period is locked" if until == date.min else f"locked until {until}",
    )


async def _income(session: CompanySession) -> str:
    """Where income is booked, by the account's own name: a chart's first income account is that of sold goods."""
    account = (await session.setting()).accounts.get("income_account")
    if account is None:
        return ""
    row = (await session.odoo.read("account.account", [account], ["code", "name"]))[account]
    return f"income is booked on {row['code']} {row['name']}"


async def _without_cost(session: CompanySession) -> str:
    """Articles whose consumption costs nothing by what Odoo knows."""
    stocked = [product.code for product in session.plan.products if product.stocked] if session.plan else []
    ids = await session.finder.by_name("product.product", "product", stocked)
    rows = await session.odoo.read("product.product", list(ids.values()), ["standard_price"]) if ids else {}
    free = sorted(code for code, i in ids.items() if i in rows and not rows[i]["standard_price"])
    if not free:
        return ""
    return f"no cost is set on {', '.join(free)}: what is used of them is valued at nothing (Odoo, product, Cost)"


async def _company(odoo: Odoo) -> Row:
    return (await odoo.read("res.company", [odoo.company], ["tax_calculation_rounding_method"]))[odoo.company]
