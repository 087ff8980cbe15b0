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
from suture.connectors.port.reading import Balance, ChangePage, GoodsReceipt, MasterRecord, OpenItem, RunningLow, Span
from suture.connectors.port.system import Connector
from suture.core.money import Money


class Ledger(Connector, Protocol):
    """One company's books.

    Every write is posted with its date guarded against lock dates before and compared after, and its total compared to
    the cent. It is idempotent by its key: the same call again, also after an `Unknown`, changes nothing and answers the
    same. Amounts are decimals in the currency that they carry, rounded to its minor unit; days are the documents' own,
    at their facility.

    Besides what a method names, any call raises `Retriable` (``busy``, ``no_answer``, ``unreachable``), `Throttled`,
    `Fatal` (``credentials_refused``, ``not_permitted``, ``not_prepared``: nothing goes on until it is fixed) and, of
    what was sent and not answered, `Unknown`. A write raises `Rejected` ``period_locked``, ``future_dated`` or
    ``date_moved`` for its date, ``total_differs`` for its amount, and ``deleted_in_odoo`` for a record of ours that a
    person deleted: it is never written again behind that person's back.
    """

    def of_company(self, company: str | None) -> "Ledger":
        """The same ledger, bound to another of its companies (None: the default one). Both share calls and limits."""
        ...

    async def prepare(self, plan: LedgerPlan) -> Sequence[str]:
        """Make what the plan names stand: products, accounts, analytic accounts, stock locations. Answers, in words,
        what it created; what is there is left as it is.

        Key: each one's code. Raises `Fatal` ``tax_unknown``, ``no_stock``. Odoo: `product.product`, `account.account`,
        `account.analytic.account`, `stock.location`.
        """
        ...

    async def register(self, partner: LedgerPartner) -> Registered:
        """Make a contact stand as given. What a person changed in the ledger stays, and is answered.

        Key: the partner's reference. Raises `Rejected` ``deleted_in_odoo``. Odoo: `res.partner`.
        """
        ...

    async def draft_invoice(self, order: InvoiceOrder) -> DraftedInvoice:
        """Draft the visit's invoice, in parts where payer and patient each get one; nothing is posted.

        Key: the appointment. Raises `Rejected` ``total_differs`` where the ledger's total is not the order's,
        ``not_in_odoo`` for a product, tax or journal that isn't there, ``facility_unknown``. FHIR: Invoice. Odoo:
        `account.move` of type ``out_invoice``, state ``draft``.
        """
        ...

    async def post_invoice(self, appointment: str, expected: Money) -> PostedInvoice:
        """Post the draft of a visit, where it still comes to `expected`; answers its number and accounting date.

        Key: the appointment. Raises `Rejected` ``record_missing`` where there is no draft, ``cancelled_in_odoo`` where
        a person cancelled it, ``total_differs``. Odoo: `account.move.action_post`.
        """
        ...

    async def credit_invoice(self, order: CreditOrder) -> LedgerEntry:
        """Credit a part of a posted invoice, reconciled with it.

        Key: the order's own. Raises `Rejected` ``invoice_not_posted``, ``exceeds_open``. Odoo: `account.move` of type
        ``out_refund``.
        """
        ...

    async def check_cancellable(self, appointment: str) -> None:
        """Whether the visit's invoice may be undone: asked before anything is, changes nothing.

        Raises `Rejected` ``invoice_paid`` where anybody paid something of it, in any way: a person decides that.
        """
        ...

    async def cancel_invoice(self, appointment: str, on: date) -> str:
        """Cancel a draft, or reverse a posted invoice by a credit note of this day; answers the credit note's number,
        or an empty string. What was paid meanwhile is a credit of who paid.

        Key: the appointment. Odoo: `account.move.button_cancel`, or an ``out_refund`` reconciled with the invoice.
        """
        ...

    async def apply_payment(
        self, payment: Payment, *, partner: LedgerPartner | None = None, keep_credit: bool = False
    ) -> AppliedPayment:
        """Apply a payment to the visit's invoice, or to what was left to the patient. It is entered in the name of
        `partner`, who paid: the payment's payer, or the patient where it names none (and a payer was billed); without
        one, of whom was billed. With `keep_credit` what is too much stays as a credit of who paid.

        Key: the payment. Raises `Rejected` ``invoice_not_posted``, ``overpaid`` where it is more than is open. Odoo: an
        entry of the clearing account against the receivable, reconciled (`account.partial.reconcile`).
        """
        ...

    async def reverse_payment(self, payment: str, on: date) -> LedgerEntry:
        """Undo a payment that came back, on this day: what it paid is open again. What never was needs nothing.

        Key: the payment. Odoo: the entry's reversal, reconciled with it.
        """
        ...

    async def write_off(self, order: WriteOffOrder) -> LedgerEntry:
        """Write off what nobody will pay of a visit's invoice, or of its patient's part: all that is open, unless the
        order names an amount; on the write-off account, or on that of the reason that it names.

        Key: the order's own. Raises `Rejected` ``exceeds_open``, ``adjustment_unmapped``. X12: CAS, where a reason is
        named. Odoo: an entry against the receivable.
        """
        ...

    async def refund(self, order: RefundOrder) -> LedgerEntry:
        """Pay back what a payer or patient has to the own credit.

        Key: the order's own. Raises `Rejected` ``exceeds_credit``. Odoo: an entry of the receivable against the
        clearing account.
        """
        ...

    async def transfer(self, order: TransferOrder) -> LedgerEntry:
        """Move what the payer leaves to the patient from the payer's receivable to the patient's.

        Key: the order's own. Raises `Rejected` ``exceeds_open``. X12: group PR. Odoo: an entry between the two
        receivables.
        """
        ...

    async def post_remittance(
        self,
        remittance: Remittance,
        partners: Sequence[LedgerPartner],
        progress: Callable[[RemittanceProgress], None] = lambda _: None,
    ) -> PostedRemittance:
        """Book a payer's deposit and all that it says of claims, in parts that are each posted once: after a failure
        the same call goes on where it stopped, and what was open too late is booked by it, too.

        Money is always booked, in the payer's name. Adjustments and the patient's share are only as far as something is
        open for the claim: the payer's invoice or, where another was billed, what stands at the patient. A reversal
        takes back what was booked, whatever it says. `partners` are the payer and the patients who owe a share; the
        share of one who isn't named stays open at the payer, and is told.

        Key: payer and number (TRN02). Raises `Rejected` ``remittance_unbalanced``, ``remittance_differs`` where that
        key stands for something else, ``payer_unknown``, ``adjustment_unmapped`` for what the payer kept (PLB). X12:
        835. Odoo: balanced entries, each claim reconciled with its invoice.
        """
        ...

    async def consume_stock(self, order: StockOrder) -> StockDocument:
        """Take what a visit used up out of its facility's stock, by lots where an article has them.

        Key: the appointment. Raises `Rejected` ``lots_short``, ``not_in_odoo``, ``not_validated``. Odoo:
        `stock.picking`, validated.
        """
        ...

    async def return_stock(self, appointment: str) -> StockDocument:
        """Put back what a visit took out. What never was taken needs nothing.

        Key: the appointment. Raises `Rejected` ``not_validated``. Odoo: `stock.picking` the other way.
        """
        ...

    async def accrue_compensation(self, order: AccrualOrder) -> LedgerEntry:
        """Accrue the practitioner's share of a charge: expense against liability.

        Key: the appointment. Odoo: `account.move` of type ``entry``, the expense analytic.
        """
        ...

    async def reverse_compensation(self, appointment: str, on: date) -> LedgerEntry:
        """Take back a visit's accrual, on this day. What never was accrued needs nothing.

        Key: the appointment. Odoo: the entry's reversal.
        """
        ...

    async def accrue_unbilled(self, order: UnbilledOrder) -> UnbilledAccrual:
        """Accrue income for completed work that is not billed by a month's end, and reverse that on the day after.

        Key: the order's period. Raises `Rejected` ``not_a_month_end``. Odoo: two entries against accrued income.
        """
        ...

    async def undo_unbilled(self, period: str, on: date) -> None:
        """Take back a month-end accrual of `on`, and its reversal. What never was needs nothing.

        Key: the period.
        """
        ...

    async def reverse_twin(self, key: str, number: str, on: date) -> LedgerEntry:
        """Reverse an entry that somebody else posted beside ours for the same payment `key`, by its `number` in the
        ledger.

        Key: payment and number. Raises `Rejected` ``no_twin`` where it is no such entry.
        """
        ...

    async def forget(self, kind: DocumentKind, key: str) -> None:
        """Know nothing of a document any more, so that doing it again writes it anew: somebody deleted it there.

        Key: the document's own.
        """
        ...

    def document_of(self, name: str) -> DocumentKind | None:
        """Which kind of document our own `name` of a record stands for; None where it is no document."""
        ...

    def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        """Every invoice, payment, stock move and accrual of ours (dated within `span`) as the ledger holds it, a page
        at a time; amounts as they stand, `open` what of them is not settled."""
        ...

    def facts_of(self, appointments: Sequence[str], payments: Sequence[str] = ()) -> AsyncIterator[JournalFact]:
        """What the ledger holds of these appointments and payments now."""
        ...

    def master_data(self) -> AsyncIterator[MasterRecord]:
        """Every contact and product of ours, compared with what we last wrote or read."""
        ...

    async def adopt(self, reference: str) -> MasterRecord | None:
        """Take a contact as it is in the ledger now for what it should be; None where it is not known.

        Key: the contact's reference.
        """
        ...

    def how_to_lock(self, until: date) -> str:
        """What a person does in the ledger so that nobody posts up to a day any more, in a sentence without its end."""
        ...

    async def locked_until(self) -> date | None:
        """The last day in which nothing can be posted any more, as it binds us. Odoo: the company's lock dates."""
        ...

    async def balances(self, until: date) -> Sequence[Balance]:
        """The trial balance: every account with posted movements up to and on a day, by code, in the company's
        currency."""
        ...

    def open_items(self) -> AsyncIterator[OpenItem]:
        """What is open on receivables, a page at a time: positive is owed to us."""
        ...

    async def running_low(self) -> Sequence[RunningLow]:
        """Articles below the minimum that the ledger's own rules set for a place.

        Odoo: `stock.warehouse.orderpoint`.
        """
        ...

    def receipts(self, since: date) -> AsyncIterator[GoodsReceipt]:
        """Goods that came in and were validated since a day, the oldest first. Odoo: incoming `stock.picking`."""
        ...

    async def changes(self, cursor: str | None) -> ChangePage:
        """What people changed since the cursor; None begins now. A change may be told again by a later page, under the
        same version. Raises `Fatal` ``cursor_unreadable``."""
        ...
