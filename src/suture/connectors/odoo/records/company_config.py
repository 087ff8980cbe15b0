"""What our documents need of an Odoo company: the ids of its currency, journals, accounts, plans and locations.

Read once, by code or by our external ids, and never guessed: what is missing says how to make it stand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from suture.connectors.odoo.records.external_ids import Finder
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport.client import Odoo, Row
from suture.connectors.port import LedgerPlan
from suture.core.failure import Fatal, Rejected

FACILITIES, PRACTITIONERS = "facilities", "practitioners"
CONSUMPTION = "consumption"

_JOURNAL_TYPES = {"sale": "sale_journal", "bank": "bank_journal", "general": "general_journal"}
_ROLES = (
    "income_account",
    "compensation_expense_account",
    "compensation_liability_account",
    "clearing_account",
    "remittance_clearing_account",
    "write_off_account",
    "unbilled_account",
    "rounding_account",
)


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """The main warehouse's ways out and in, and where consumed articles go."""

    outgoing_type: int
    incoming_type: int
    warehouse_location: int
    consumption_location: int | None


class CompanyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Ids in one company. `accounts` are by the plan's roles, `adjustments` by its reasons (None: what is adjusted so
    stays open); what prepare() still has to create is None or absent."""

    company: int
    company_currency: int
    cash_basis: bool
    currency: str
    currencies: dict[str, int]
    journals: dict[str, int]
    accounts: dict[str, int]
    adjustments: dict[str, int | None]
    plans: dict[str, int]
    stock: Stock | None

    def codes(self) -> dict[int, str]:
        """Currency codes by id."""
        return {identifier: code for code, identifier in self.currencies.items()}

    def currency_id(self, code: str) -> int:
        return self._standing(self.currencies.get(code), f"currency {code} (is it active in Odoo?)")

    def journal(self, kind: str) -> int:
        return self._standing(self.journals.get(kind), f"a journal of type {kind}")

    def account(self, role: str) -> int:
        return self._standing(self.accounts.get(role), f"the {role.replace('_', ' ')}")

    def adjustment(self, code: str) -> int | None:
        """The account of what is adjusted for a reason (``CO-45``, ``PLB-WO``): the most exact that the plan has. None
        where such an amount is to stay open. Raises `Rejected` where the plan has none."""
        for key in _keys(code):
            if key in self.adjustments:
                return self.adjustments[key]
        raise Rejected(
            "adjustment_unmapped",
            f"the catalogue has no account for adjustments of reason {code}",
            f"Add {code}, or {code.partition('-')[0]} for all of its group, to `ledger.adjustments` in the catalogue, "
            "run `suture prepare`, then retry it.",
        )

    def knows_adjustment(self, code: str) -> bool:
        """Whether the plan says what becomes of what is adjusted for a reason."""
        return any(key in self.adjustments for key in _keys(code))

    def plan(self, kind: str) -> int:
        return self._standing(self.plans.get(kind), f"the analytic plan of {kind}")

    def stocked(self) -> Stock:
        if self.stock is None:
            raise Fatal("not_prepared", "Odoo has no warehouse", "Install Odoo's Inventory and prepare the ledger.")
        return self.stock

    def consumption(self) -> int:
        return self._standing(self.stocked().consumption_location, "the location of consumed articles")

    @staticmethod
    def _standing(found: int | None, what: str) -> int:
        if found is None:
            raise Fatal("not_prepared", f"Odoo lacks {what}", "Run `suture prepare`, once for each catalogue.")
        return found


async def read_setting(odoo: Odoo, finder: Finder, plan: LedgerPlan | None) -> CompanyConfig:
    """What stands now. Without a plan journals are found by type and accounts by our own external ids."""
    company = (await odoo.read("res.company", [odoo.company], ["currency_id", "tax_exigibility"]))[odoo.company]
    currencies = {row["name"]: row["id"] for row in await odoo.search("res.currency", [], ["name"])}
    names = {identifier: code for code, identifier in currencies.items()}
    by_code = await accounts_by_code(odoo, account_codes(plan).values()) if plan else {}
    return CompanyConfig(
        company=odoo.company,
        company_currency=company["currency_id"],
        cash_basis=bool(company["tax_exigibility"]),
        currency=plan.currency if plan else names[company["currency_id"]],
        currencies=currencies,
        journals=await _journals(odoo, plan),
        accounts=await _accounts(odoo, finder, plan, by_code),
        adjustments=_adjustments(plan, by_code),
        plans=await finder.standing("account.analytic.plan", "analytic_plan", [FACILITIES, PRACTITIONERS], []),
        stock=await _stock(odoo, finder),
    )


async def _journals(odoo: Odoo, plan: LedgerPlan | None) -> dict[str, int]:
    domain = [["company_id", "=", odoo.company], ["type", "in", list(_JOURNAL_TYPES)]]
    rows = await odoo.search("account.journal", domain, ["code", "type"], order="sequence, type, code")
    chosen = {kind: getattr(plan, field) if plan else "" for kind, field in _JOURNAL_TYPES.items()}
    return choose_journals(rows, chosen)


def choose_journals(rows: Sequence[Row], codes: Mapping[str, str]) -> dict[str, int]:
    """The journal of each type: the one with the given code or, where that is empty, the first in Odoo's order."""
    found: dict[str, int] = {}
    for row in rows:
        if codes[row["type"]] in ("", row["code"]):
            found.setdefault(row["type"], row["id"])
    return found


async def _accounts(odoo: Odoo, finder: Finder, plan: LedgerPlan | None, by_code: Mapping[str, int]) -> dict[str, int]:
    if plan is None:
        found = await finder.by_name("account.account", "account", [setup_key(odoo, role) for role in _ROLES])
        return {role: found[key] for role in _ROLES if (key := setup_key(odoo, role)) in found}
    return {role: by_code[code] for role, code in roles(plan).items() if code in by_code}


def _adjustments(plan: LedgerPlan | None, by_code: Mapping[str, int]) -> dict[str, int | None]:
    if plan is None:
        return {}
    return {
        reason: by_code[told.account] if told.account else None
        for reason, told in plan.adjustments.items()
        if not told.account or told.account in by_code
    }


def roles(plan: LedgerPlan) -> dict[str, str]:
    """The plan's account codes by their roles; a role that it leaves out is absent."""
    return {role: code for role in _ROLES if (code := getattr(plan, role))}


def account_codes(plan: LedgerPlan) -> dict[str, str]:
    """Every account code of the plan, by its role or the reason of an adjustment."""
    reasons = {reason: told.account for reason, told in plan.adjustments.items() if told.account}
    return roles(plan) | reasons


def setup_key(odoo: Odoo, key: str) -> str:
    """The key of what stands once in each company: the main one's is the bare key."""
    return key if odoo.main else f"{key}@{odoo.company}"


async def accounts_by_code(odoo: Odoo, codes: Any) -> dict[str, int]:
    """Accounts of the company by code. An account belongs to one company on 17 and to several from 18 on."""
    belongs = ["company_ids", "in", [odoo.company]] if odoo.version >= 18 else ["company_id", "=", odoo.company]
    rows = await odoo.search("account.account", [["code", "in", sorted(set(codes))], belongs], ["code"])
    return {row["code"]: row["id"] for row in rows}


async def _stock(odoo: Odoo, finder: Finder) -> Stock | None:
    try:
        mine = [["company_id", "=", odoo.company]]
        houses = await odoo.search("stock.warehouse", mine, ["lot_stock_id", "out_type_id", "in_type_id"], limit=1)
    except Fatal as error:
        if error.code == "not_understood":
            return None  # Inventory isn't installed
        raise
    if not houses:
        return None
    consumed = [["usage", "=", "production"], ["company_id", "=", odoo.company]]
    location = await finder.standing("stock.location", "location", [setup_key(odoo, CONSUMPTION)], consumed)
    return Stock(
        outgoing_type=houses[0]["out_type_id"],
        incoming_type=houses[0]["in_type_id"],
        warehouse_location=houses[0]["lot_stock_id"],
        consumption_location=location.get(setup_key(odoo, CONSUMPTION)),
    )


def product_id(code: str) -> str:
    return external_id("product", code)


def _keys(code: str) -> tuple[str, str]:
    """A reason with its group, and the group alone."""
    return code, code.partition("-")[0]
