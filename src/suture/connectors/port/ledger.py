"""The system of record for invoices, journal entries and stock."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from typing import Protocol

from suture.canonical.records import JournalFact, Payment
from suture.canonical.remittance import Remittance
from suture.connectors.port.documents import (
    AccrualOrder,
    AppliedPayment,
    CreditOrder,
    DocumentKind,
    DraftedInvoice,
    InvoiceOrder,
    LedgerEntry,
    PostedInvoice,
    PostedRemittance,
    RefundOrder,
    RemittanceProgress,
    StockDocument,
    StockOrder,
    TransferOrder,
    UnbilledAccrual,
    UnbilledOrder,
    WriteOffOrder,
)
from suture.connectors.port.parties import LedgerPartner, Registered
from suture.connectors.port.plan import LedgerPlan
from suture.connectors.port.reading import Balance, ChangePage, MasterRecord, OpenItem, Receipt, RunningLow, Span
from suture.connectors.port.system import Connector
from suture.core.money import Money


class Ledger(Connector, Protocol):
    """One company's books. Every write is posted with its date guarded against lock dates before and compared after,
    and its total compared to the cent."""

    def of_company(self, company: str | None) -> "Ledger":
        """The same ledger, bound to another of its companies (None: the default one). Both share calls and limits."""
        ...

    async def prepare(self, plan: LedgerPlan) -> Sequence[str]:
        """Make what the plan names stand; answers, in words, what it created. Again: nothing."""
        ...

    async def register(self, partner: LedgerPartner) -> Registered:
        """Make a contact stand as given. What a person changed in the ledger stays, and is answered."""
        ...

    async def draft_invoice(self, order: InvoiceOrder) -> DraftedInvoice:
        """Draft the invoice. Raises `Rejected` when the ledger's total is not the order's, to the cent."""
        ...

    async def post_invoice(self, appointment: str, expected: Money) -> PostedInvoice: ...

    async def credit_invoice(self, order: CreditOrder) -> LedgerEntry:
        """Credit a part of a posted invoice, reconciled with it."""
        ...

    async def check_cancellable(self, appointment: str) -> None:
        """Raises `Rejected` (`invoice_paid`) where anybody paid something of the visit's invoice, in any way: a person
        is asked before that is undone."""
        ...

    async def cancel_invoice(self, appointment: str, on: date) -> str:
        """Cancel a draft, or reverse a posted invoice; answers the credit note's number, or an empty string. What was
        paid meanwhile is a credit of who paid."""
        ...

    async def apply_payment(
        self, payment: Payment, *, partner: LedgerPartner | None = None, keep_credit: bool = False
    ) -> AppliedPayment:
        """Apply a payment to the visit's invoice, or to what was left to the patient. It is entered in the name of
        `partner`, who paid: the payment's payer, or the patient where it names none (and a payer was billed); without
        one, of whom was billed. A payment that is larger than what is open is refused, or with `keep_credit` what is
        too much stays as a credit of who paid."""
        ...

    async def reverse_payment(self, payment: str, on: date) -> LedgerEntry:
        """Undo a payment that came back: what it paid is open again. What never was needs nothing."""
        ...

    async def write_off(self, order: WriteOffOrder) -> LedgerEntry: ...

    async def refund(self, order: RefundOrder) -> LedgerEntry: ...

    async def transfer(self, order: TransferOrder) -> LedgerEntry: ...

    async def post_remittance(
        self,
        remittance: Remittance,
        partners: Sequence[LedgerPartner],
        progress: Callable[[RemittanceProgress], None] = lambda _: None,
    ) -> PostedRemittance:
        """Book a payer's deposit and all that it says of claims, in parts that are each posted once: after a failure
        the same call goes on where it stopped. A number is its payer's own; what stands under it with other content is
        refused (`remittance_differs`).

        Money is always booked, in the payer's name. Adjustments and the patient's share are only as far as something is
        open for the claim: the payer's invoice or, where another was billed, what stands at the patient. What was open
        too late is booked by the same call again. A reversal takes back what was booked, whatever it says.
        `partners` are the payer and the patients who owe a share; the share of one who isn't named stays open at the
        payer, and is told."""
        ...

    async def consume_stock(self, order: StockOrder) -> StockDocument: ...

    async def return_stock(self, appointment: str) -> StockDocument: ...

    async def accrue_compensation(self, order: AccrualOrder) -> LedgerEntry: ...

    async def reverse_compensation(self, appointment: str, on: date) -> LedgerEntry: ...

    async def accrue_unbilled(self, order: UnbilledOrder) -> UnbilledAccrual: ...

    async def undo_unbilled(self, period: str, on: date) -> None:
        """Take back a month-end accrual of `on`, and its reversal; what never was needs nothing."""
        ...

    async def reverse_twin(self, key: str, number: str, on: date) -> LedgerEntry:
        """Reverse an entry that somebody else posted beside ours for the same payment `key`, by its `number` in the
        ledger. Raises `Rejected` where it is no such entry."""
        ...

    async def forget(self, kind: DocumentKind, key: str) -> None:
        """Know nothing of a document any more, so that doing it again writes it anew: somebody deleted it there."""
        ...

    def document_of(self, name: str) -> DocumentKind | None:
        """Which kind of document our own `name` of a record stands for; None where it is no document."""
        ...

    def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        """Every invoice, payment, stock move and accrual of ours (dated within `span`) as the ledger holds it, a page
        at a time."""
        ...

    def facts_of(self, appointments: Sequence[str], payments: Sequence[str] = ()) -> AsyncIterator[JournalFact]:
        """What the ledger holds of these appointments and payments now."""
        ...

    def master_data(self) -> AsyncIterator[MasterRecord]:
        """Every contact and product of ours, compared with what we last wrote or read."""
        ...

    async def adopt(self, reference: str) -> MasterRecord | None:
        """Take a contact as it is in the ledger now for what it should be; None where it is not known."""
        ...

    def how_to_lock(self, until: date) -> str:
        """What a person does in the ledger so that nobody posts up to a day any more, in a sentence without its end."""
        ...

    async def locked_until(self) -> date | None:
        """The last day in which nothing can be posted any more, as it binds us."""
        ...

    async def balances(self, until: date) -> Sequence[Balance]:
        """The trial balance: every account with posted movements up to and on a day, by code."""
        ...

    def open_items(self) -> AsyncIterator[OpenItem]:
        """What is open on receivables, a page at a time."""
        ...

    async def running_low(self) -> Sequence[RunningLow]: ...

    def receipts(self, since: date) -> AsyncIterator[Receipt]: ...

    async def changes(self, cursor: str | None) -> ChangePage:
        """What people changed since the cursor; None begins now."""
        ...
