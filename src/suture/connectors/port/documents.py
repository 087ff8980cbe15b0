"""What a ledger is ordered to write, and what it answers. Every order carries the business key it is idempotent by."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from suture.canonical.records import Component, PricedLine
from suture.connectors.port.parties import LedgerPartner, PartyDiscrepancy
from suture.core.money import Money

Part = Literal["", "patient"]
"""Which of a visit's invoices: the payer's (or the only one), or the patient's own share."""


DocumentKind = Literal["invoice", "payment", "accrual", "stock_move"]
"""Kinds of documents of a visit, as `JournalFact.kind` names them."""


class InvoiceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice to draft. `names` gives each line's billing name by service code; no clinical text goes along.

    `service_date` is the visit's day, where the invoice is dated later. `total` includes taxes, which are each
    product's own. With `patient` and `patient_share`, the patient's part of the total is invoiced to the patient and
    taken off this invoice, so that both are the charge's total together.
    """

    appointment: str
    partner: LedgerPartner
    practitioner: str
    practitioner_name: str
    facility: str
    invoice_date: date
    total: Money
    lines: tuple[PricedLine, ...]
    names: dict[str, str]
    patient: LedgerPartner | None = None
    patient_share: Money | None = None
    service_date: date | None = None


class DraftedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """`patient_invoice` is the patient's own part, where there is one; `total` is both parts together."""

    invoice: int
    total: Money
    patient_invoice: int | None = None
    discrepancies: tuple[PartyDiscrepancy, ...] = ()


class PostedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is the ledger's own; `posted_on` its accounting date. `total` is of all parts together."""

    invoice: int
    number: str
    posted_on: date
    total: Money
    patient_number: str = ""


class CreditOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A posted credit note over a part of a visit's invoice, for a charge that was corrected.

    `key` is the correction's own, `part` says of which invoice.
    """

    key: str
    appointment: str
    on: date
    total: Money
    lines: tuple[PricedLine, ...]
    names: dict[str, str]
    part: Part = ""


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A posted document: `number` is its name in the ledger, empty where there was nothing to do."""

    number: str
    amount: Money


class AppliedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """After a payment was applied: the invoice's number, what is open on it and its `payment_state`.

    `unapplied` is what of the payment found nothing open: a credit of whoever paid.
    """

    invoice_number: str
    residual: Money
    payment_state: str
    unapplied: Money | None = None


class WriteOffOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is open on an invoice and won't be paid. `account` is a key of the plan's adjustments, or empty for the
    write-off account. `amount` None writes off all that is open."""

    key: str
    appointment: str
    on: date
    amount: Money | None = None
    account: str = ""
    part: Part = ""


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Money paid back to `partner` (its reference) out of what it has to its credit: an overpayment or a credit note.

    `key` is the refund's own id, `credit` the payment or credit key that it pays back.
    """

    key: str
    partner: str
    amount: Money
    on: date
    credit: str


class TransferOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a payer leaves to the patient: moved from its receivable to the patient's."""

    key: str
    appointment: str
    patient: LedgerPartner
    amount: Money
    on: date


class StockOrder(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    facility: str
    on: date
    components: tuple[Component, ...]


class StockDocument(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is the picking's name, `moves` how many of its moves are done. `lots` are the lots taken from."""

    number: str
    moves: int
    lots: tuple[str, ...] = ()


class AccrualOrder(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    practitioner: str
    practitioner_name: str
    facility: str
    on: date
    amount: Money


class UnbilledLine(msgspec.Struct, frozen=True, kw_only=True):
    """Completed and unbilled work of one facility and practitioner in a period."""

    facility: str
    practitioner: str
    practitioner_name: str
    amount: Money


class UnbilledOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The month-end accrual of what was completed in the month that ends on `on` and isn't billed yet.

    `period` (``2026-11``) is its key. It reverses itself on the first day of the next month.
    """

    period: str
    on: date
    lines: tuple[UnbilledLine, ...]


class UnbilledAccrual(msgspec.Struct, frozen=True, kw_only=True):
    """The accrual and its reversal, both posted or, for a reversal in the future, to be posted on its day."""

    number: str
    amount: Money
    reversal_number: str
    reversed_on: date


class RemittanceProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a remittance is posted, in claims and in parts."""

    claims: int
    of: int


class SettledInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as it stands after a remittance of its visit: what is open on it, and how the ledger calls that."""

    appointment: str
    invoice: int
    number: str
    residual: Money
    payment_state: str


class OpenClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim left open: money of its payer that found nothing to pay (`credit`), money that it took back and
    nothing stood for (`debit`), and what is over to whoever had paid before (`over`). All nothing where only what it
    says beyond its money found too little."""

    claim: str
    credit: Money
    debit: Money
    over: Money


class PostedRemittance(msgspec.Struct, frozen=True, kw_only=True):
    """`numbers` are the posted entries, the deposit's first. What else it answers names claims that a person decides.

    Of `unapplied` ones something found nothing open: what was paid stands to the payer's credit (or debit), and nothing
    else that the claim says is booked; `left` says of each how much. Of those `without_patient` the share stays open at
    the payer. Nothing is booked but money of an `unusual` one, whose status (CLP02) is not about money; of an
    `unbalanced` one, which doesn't add up by itself; and of an `unmapped` one, with the reason that the plan has no
    account for.
    """

    numbers: tuple[str, ...]
    deposit: Money
    claims: int
    of_visits: Mapping[str, tuple[str, ...]] = {}
    """By appointment: the numbers of the entries that hold what its claims say, also of those that completed a claim
    later. By these, and by the deposit's, its visit is found."""
    invoices: tuple[SettledInvoice, ...] = ()
    """Those of the visits whose claims it has, as they stand then."""
    unapplied: tuple[str, ...] = ()
    left: tuple[OpenClaim, ...] = ()
    without_patient: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()
    unbalanced: tuple[str, ...] = ()
    unmapped: tuple[tuple[str, str], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nobody needs to look at any of its claims."""
        return not (self.unapplied or self.without_patient or self.unusual or self.unbalanced or self.unmapped)
