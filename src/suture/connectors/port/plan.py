"""What the catalogue wants to stand in the ledger before any document is written."""

from decimal import Decimal

import msgspec


class PlannedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A service or a stocked article. `stocked` articles are counted; services are not.

    `lots` says that each unit belongs to a lot that must be named when it moves. `taxes` are names of sales taxes.
    """

    code: str
    name: str
    stocked: bool = False
    lots: bool = False
    taxes: tuple[str, ...] = ()


class PlannedFacility(msgspec.Struct, frozen=True, kw_only=True):
    """A facility: an analytic account and a stock location in the ledger."""

    code: str
    name: str


class PlannedAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Where amounts go that a payer adjusts away for one reason. `kind` decides the type of an account that is made."""

    account: str
    name: str
    kind: str = "contractual"


class LedgerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts, journals, products and places that documents need.

    Account fields are account codes (`account.account.code`); those that don't exist are created with a suitable type
    and our external id, those that do are used as they stand. Journals are found by code or, where empty, by type.

    `adjustments` are by group and reason (``CO-45``), by group (``CO``), and for what a payer keeps at provider level
    by ``PLB-`` and its reason, or ``PLB``; the most exact one counts, and a reason without any is refused. A total that
    the ledger rounds differently is corrected by a line on `rounding_account` of at most `rounding_limit`; without an
    account it is refused. Invoices are due after `payment_term_days`, unless their partner has payment terms in the
    ledger.
    """

    currency: str
    income_account: str
    compensation_expense_account: str
    compensation_liability_account: str
    clearing_account: str
    remittance_clearing_account: str = "101490"
    write_off_account: str = "659000"
    unbilled_account: str = "121900"
    rounding_account: str = ""
    rounding_limit: Decimal = Decimal("0.05")
    payment_term_days: int = 0
    adjustments: dict[str, PlannedAdjustment] = {}
    sale_journal: str = ""
    bank_journal: str = ""
    general_journal: str = ""
    products: tuple[PlannedProduct, ...] = ()
    facilities: tuple[PlannedFacility, ...] = ()
