"""What a system must be able to do to take a place in Suture.

Every method raises only the failures of `core.failure`. Every write is idempotent by the business key it carries:
doing it again, also after an `Unknown`, changes nothing and answers the same. Connectors throttle, gather and look
before they repeat; callers just call.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

import msgspec

from suture.canonical.records import (
    Charge,
    Component,
    Eligibility,
    JournalFact,
    Patient,
    Payment,
    PricedLine,
    Visit,
)
from suture.core.money import Money


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `suture doctor` shows of a system: is it there, what is it, and what must be mended."""

    system: str
    reachable: bool
    version: str = ""
    remedies: tuple[str, ...] = ()


class Connector(Protocol):
    """What every connected system has."""

    name: str

    async def health(self) -> Health: ...

    async def close(self) -> None: ...


class Scheduling(Connector, Protocol):
    """The system of record for appointments."""

    def facts(self) -> AsyncIterator[JournalFact]:
        """Every appointment as the scheduling system holds it (kind ``appointment``, state its FHIR status)."""
        ...


class Billing(Connector, Protocol):
    """The system of record for charges, prices and payments."""

    async def check_eligibility(self, visit: Visit) -> Eligibility: ...

    async def capture_charge(self, visit: Visit) -> Charge:
        """Capture the visit's charge once; again answers the charge that exists."""
        ...

    async def check_voidable(self, number: str) -> None:
        """Raises `Rejected` where the charge could not be voided now. Changes nothing."""
        ...

    async def void_charge(self, appointment: str, number: str = "") -> str:
        """Void the visit's charge, whose `number` may be known; answers its number, or "" where there is none."""
        ...

    def facts(self) -> AsyncIterator[JournalFact]:
        """Every charge (key: appointment) and payment (key: payment) as billing holds it."""
        ...


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A service or a stocked article. `stocked` articles are counted; services are not."""

    code: str
    name: str
    stocked: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A facility: an analytic account and a stock location in the ledger."""

    code: str
    name: str


class LedgerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue wants to stand in the ledger before any document is written.

    Account fields are account codes (`account.account.code`); those that don't exist are created with a suitable type
    and our external id, those that do are used as they stand. Journals are found by code or, where empty, by type.
    """

    currency: str
    income_account: str
    compensation_expense_account: str
    compensation_liability_account: str
    clearing_account: str
    sale_journal: str = ""
    bank_journal: str = ""
    general_journal: str = ""
    products: tuple[Product, ...] = ()
    facilities: tuple[Place, ...] = ()


class LedgerPartner(msgspec.Struct, frozen=True, kw_only=True):
    """Who owes: a payer or a self-paying patient, with no more than a bill needs."""

    reference: str
    name: str
    is_company: bool
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @classmethod
    def of_patient(cls, patient: Patient) -> "LedgerPartner":
        return cls(
            reference=patient.reference,
            name=f"{patient.given} {patient.family}".strip(),
            is_company=False,
            street=patient.address_line,
            city=patient.city,
            postal_code=patient.postal_code,
            country=patient.country,
        )


class InvoiceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice to draft. `names` gives each line's billing name by service code; no clinical text goes along."""

    appointment: str
    partner: LedgerPartner
    practitioner: str
    practitioner_name: str
    facility: str
    invoice_date: date
    total: Money
    lines: tuple[PricedLine, ...]
    names: dict[str, str]


class DraftedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    invoice: int
    total: Money


class PostedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is Odoo's `account.move.name`; `posted_on` its accounting date."""

    invoice: int
    number: str
    posted_on: date
    total: Money


class StockOrder(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    facility: str
    on: date
    components: tuple[Component, ...]


class StockDocument(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is the picking's name, `moves` how many of its moves are done."""

    number: str
    moves: int


class AccrualOrder(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    practitioner: str
    practitioner_name: str
    facility: str
    on: date
    amount: Money


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    amount: Money


class AppliedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """After a payment was applied: the invoice's number, what is open on it and its `payment_state`."""

    invoice_number: str
    residual: Money
    payment_state: str


class Ledger(Connector, Protocol):
    """The system of record for invoices, journal entries and stock."""

    async def prepare(self, plan: LedgerPlan) -> Sequence[str]:
        """Make what the plan names stand; answers, in words, what it created. Again: nothing."""
        ...

    async def draft_invoice(self, order: InvoiceOrder) -> DraftedInvoice:
        """Draft the invoice. Raises `Rejected` when the ledger's total is not the order's, to the cent."""
        ...

    async def post_invoice(self, appointment: str, expected: Money) -> PostedInvoice:
        """Post the drafted invoice, its date guarded against lock dates before and compared after."""
        ...

    async def cancel_invoice(self, appointment: str, on: date) -> str:
        """Cancel a draft, or reverse a posted invoice; answers the credit note's number, or an empty string."""
        ...

    async def consume_stock(self, order: StockOrder) -> StockDocument: ...

    async def return_stock(self, appointment: str) -> StockDocument: ...

    async def accrue_compensation(self, order: AccrualOrder) -> LedgerEntry: ...

    async def reverse_compensation(self, appointment: str, on: date) -> LedgerEntry: ...

    async def apply_payment(self, payment: Payment) -> AppliedPayment: ...

    def facts(self) -> AsyncIterator[JournalFact]:
        """Every invoice, payment, stock move and accrual of ours as the ledger holds it, a page at a time."""
        ...


def amount_of(line: PricedLine) -> Decimal:
    """A line's amount before rounding."""
    return line.quantity * line.unit_price
