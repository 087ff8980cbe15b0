"""Odoo as the ledger (`connectors.port.Ledger`): one company of a database, each order given to its flow."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date

from suture.canonical.records import JournalFact, Payment
from suture.canonical.remittance import Remittance
from suture.connectors.guard import Guard
from suture.connectors.http import HttpClient
from suture.connectors.odoo.accruals import compensation, unbilled
from suture.connectors.odoo.manifest import OdooSettings
from suture.connectors.odoo.reading import balances, changes, facts, master_data
from suture.connectors.odoo.receivables import adjustments, credits, duplicate_payments, invoices, payments, refunds
from suture.connectors.odoo.records.crosswalk import LedgerCrosswalk, Memory
from suture.connectors.odoo.records.names import external_id, kind_of
from suture.connectors.odoo.remittances.posting import post as post_remittance
from suture.connectors.odoo.server import Access, Flow, OdooServer, TransportName
from suture.connectors.odoo.setup import health, prepare
from suture.connectors.odoo.stock import consumption, procurement
from suture.connectors.odoo.transport.client import writes_noted
from suture.connectors.port import (
    AccrualOrder,
    AppliedPayment,
    Balance,
    ChangePage,
    CreditOrder,
    DocumentKind,
    DraftedInvoice,
    GoodsReceipt,
    Health,
    InvoiceOrder,
    LedgerEntry,
    LedgerPartner,
    LedgerPlan,
    MasterRecord,
    OpenItem,
    PostedInvoice,
    PostedRemittance,
    RefundOrder,
    Registered,
    RemittanceProgress,
    RunningLow,
    Span,
    StockDocument,
    StockOrder,
    TransferOrder,
    UnbilledAccrual,
    UnbilledOrder,
    WriteOffOrder,
)
from suture.connectors.port.connecting import Connecting
from suture.core.clock import Clock, SystemClock
from suture.core.failure import Failure
from suture.core.money import Money

_DRAFT = Flow(invoices.draft, lambda order: order.appointment, lambda order: order.invoice_date)
_POST = Flow(invoices.post, lambda posting: posting.appointment)
_CANCEL = Flow(credits.cancel, lambda cancellation: cancellation.appointment, lambda cancellation: cancellation.on)
_CREDIT = Flow(credits.credit, lambda order: order.appointment, lambda order: order.on)
_APPLY = Flow(payments.apply, lambda paying: paying.payment.appointment, lambda paying: paying.payment.received_on)
_REVERSE_PAYMENT = Flow(payments.reverse, lambda reversal: reversal.payment, lambda reversal: reversal.on)
_WRITE_OFF = Flow(adjustments.write_off, lambda order: order.appointment, lambda order: order.on)
_TRANSFER = Flow(adjustments.transfer, lambda order: order.appointment, lambda order: order.on)
_REFUND = Flow(refunds.refund, lambda order: order.credit, lambda order: order.on)
_CONSUME = Flow(consumption.consume, lambda order: order.appointment, abreast=1)  # quantities on hand are hot rows
_RETURN = Flow(consumption.give_back, lambda appointment: appointment, abreast=1)
_ACCRUE = Flow(compensation.accrue, lambda order: order.appointment, lambda order: order.on)
_REVERSE = Flow(compensation.reverse, lambda reversal: reversal.appointment, lambda reversal: reversal.on)
_UNBILLED = Flow(unbilled.accrue, lambda order: order.period, lambda order: order.on)

_NAMES: dict[DocumentKind, tuple[str, ...]] = {
    "invoice": ("invoice", "invoice_patient"),
    "payment": ("payment",),
    "accrual": ("accrual",),
    "stock_move": ("picking",),
}
"""By kind of document: what its external ids begin with."""


def document_of(name: str) -> DocumentKind | None:
    """The kind of document that an external id is one of."""
    kind = kind_of(name)
    return next((document for document, kinds in _NAMES.items() if kind in kinds), None)


class OdooLedger:
    """One company in one Odoo database. Connects, and finds out what it talks to, at the first call."""

    def __init__(self, server: OdooServer, company: str | None = None) -> None:
        self.name = server.http.system
        self._server = server
        self._company = company

    @classmethod
    def connect(
        cls,
        *,
        name: str,
        url: str,
        database: str,
        api_key: str,
        organisation: str,
        login: str | None = None,
        transport: TransportName | None = None,
        company: str | None = None,
        plan: LedgerPlan | Callable[[str | None], LedgerPlan | None] | None = None,
        guard: Guard | None = None,
        timeout: float = 120,
        clock: Clock | None = None,
        crosswalk: LedgerCrosswalk | None = None,
    ) -> "OdooLedger":
        """A ledger that connects at first use.

        `transport` None takes JSON-2 where the server has it; JSON-RPC needs the user's `login`. `company` is a name,
        by default the user's own. `plan` (of one company, or of each by name) is what `prepare` is told: a worker that
        doesn't prepare needs it to find journals and accounts by code. `timeout` is long because Odoo retries
        conflicting work itself. `crosswalk` remembers what was written; without one, only this process does.
        """
        server = OdooServer(
            HttpClient(name, url, headers={}, timeout=timeout, guard=guard),
            Access(database=database, api_key=api_key, login=login, transport=transport),
            company=company,
            organisation=organisation,
            plan=plan if callable(plan) else lambda _: plan,
            clock=clock or SystemClock(),
            crosswalk=crosswalk or Memory(),
        )
        return cls(server)

    def of_company(self, company: str | None) -> "OdooLedger":
        return self if company == self._company else OdooLedger(self._server, company)

    async def health(self) -> Health:
        try:
            session = await self._server.session(self._company)
            return await health.examine(session, self.name, self._server.version)
        except Failure as failure:
            words = f"{failure.message}. {failure.remedy}".strip()
            version = self._server.version
            return Health(system=self.name, reachable=bool(version), version=version, remedies=(words,))

    async def close(self) -> None:
        await self._server.http.close()

    async def prepare(self, plan: LedgerPlan) -> Sequence[str]:
        return await prepare.prepare(await self._server.session(self._company), plan)

    async def register(self, partner: LedgerPartner) -> Registered:
        session = await self._server.session(self._company)
        with writes_noted():
            return (await session.parties.ensure_partners([partner]))[partner.reference]

    async def draft_invoice(self, order: InvoiceOrder) -> DraftedInvoice:
        return await self._server.do(_DRAFT, self._company, order)

    async def post_invoice(self, appointment: str, expected: Money) -> PostedInvoice:
        return await self._server.do(_POST, self._company, invoices.InvoicePosting(appointment, expected))

    async def credit_invoice(self, order: CreditOrder) -> LedgerEntry:
        return await self._server.do(_CREDIT, self._company, order)

    async def check_cancellable(self, appointment: str) -> None:
        await credits.check_cancellable(await self._server.session(self._company), appointment)

    async def cancel_invoice(self, appointment: str, on: date) -> str:
        return await self._server.do(_CANCEL, self._company, credits.Cancellation(appointment, on))

    async def apply_payment(
        self, payment: Payment, *, partner: LedgerPartner | None = None, keep_credit: bool = False
    ) -> AppliedPayment:
        return await self._server.do(_APPLY, self._company, payments.Paying(payment, keep_credit, partner))

    async def reverse_payment(self, payment: str, on: date) -> LedgerEntry:
        return await self._server.do(_REVERSE_PAYMENT, self._company, payments.PaymentReversal(payment, on))

    async def write_off(self, order: WriteOffOrder) -> LedgerEntry:
        return await self._server.do(_WRITE_OFF, self._company, order)

    async def transfer(self, order: TransferOrder) -> LedgerEntry:
        return await self._server.do(_TRANSFER, self._company, order)

    async def refund(self, order: RefundOrder) -> LedgerEntry:
        return await self._server.do(_REFUND, self._company, order)

    async def post_remittance(
        self,
        remittance: Remittance,
        partners: Sequence[LedgerPartner],
        progress: Callable[[RemittanceProgress], None] = lambda _: None,
    ) -> PostedRemittance:
        session = await self._server.session(self._company)
        with writes_noted():
            return await post_remittance(session, remittance, partners, progress)

    async def consume_stock(self, order: StockOrder) -> StockDocument:
        return await self._server.do(_CONSUME, self._company, order)

    async def return_stock(self, appointment: str) -> StockDocument:
        return await self._server.do(_RETURN, self._company, appointment)

    async def accrue_compensation(self, order: AccrualOrder) -> LedgerEntry:
        return await self._server.do(_ACCRUE, self._company, order)

    async def reverse_compensation(self, appointment: str, on: date) -> LedgerEntry:
        return await self._server.do(_REVERSE, self._company, compensation.Reversal(appointment, on))

    async def accrue_unbilled(self, order: UnbilledOrder) -> UnbilledAccrual:
        return await self._server.do(_UNBILLED, self._company, order)

    async def undo_unbilled(self, period: str, on: date) -> None:
        session = await self._server.session(self._company)
        with writes_noted():
            await unbilled.undo(session, period, on)

    async def reverse_twin(self, key: str, number: str, on: date) -> LedgerEntry:
        session = await self._server.session(self._company)
        with writes_noted():
            return await duplicate_payments.reverse(session, duplicate_payments.Twin(key, number, on))

    async def forget(self, kind: DocumentKind, key: str) -> None:
        session = await self._server.session(self._company)
        names = [external_id(name, key) for name in _NAMES[kind]]
        session.finder.forget(names)
        for name in names:
            await session.crosswalk.forget(name)

    def document_of(self, name: str) -> DocumentKind | None:
        return document_of(name)

    async def ping(self) -> None:
        await self._server.ping()

    async def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        chosen = facts.DocumentSelection() if span is None else facts.dated(span)
        async for fact in facts.facts(await self._server.session(self._company), chosen):
            yield fact

    async def facts_of(self, appointments: Sequence[str], payments: Sequence[str] = ()) -> AsyncIterator[JournalFact]:
        chosen = facts.keyed(appointments, payments)
        async for fact in facts.facts(await self._server.session(self._company), chosen):
            yield fact

    async def master_data(self) -> AsyncIterator[MasterRecord]:
        async for record in master_data.master_data(await self._server.session(self._company)):
            yield record

    async def adopt(self, reference: str) -> MasterRecord | None:
        return await master_data.adopt(await self._server.session(self._company), reference)

    def how_to_lock(self, until: date) -> str:
        return f"In Odoo: Accounting, Lock Dates: lock everything until {until}"

    async def locked_until(self) -> date | None:
        session = await self._server.session(self._company)
        locks = await session.poster.reread_locks()
        until = max(locks.everything, locks.sales)
        return None if until == date.min else until

    async def balances(self, until: date) -> Sequence[Balance]:
        return await balances.balances(await self._server.session(self._company), until)

    async def open_items(self) -> AsyncIterator[OpenItem]:
        async for one in balances.open_items(await self._server.session(self._company)):
            yield one

    async def running_low(self) -> Sequence[RunningLow]:
        return await procurement.running_low(await self._server.session(self._company))

    async def receipts(self, since: date) -> AsyncIterator[GoodsReceipt]:
        async for receipt in procurement.receipts(await self._server.session(self._company), since):
            yield receipt

    async def changes(self, cursor: str | None) -> ChangePage:
        return await changes.changes(await self._server.session(self._company), cursor)


def connect(to: Connecting) -> OdooLedger:
    """The ledger that a catalogue describes."""
    told: OdooSettings = to.settings
    return OdooLedger.connect(
        name=to.name,
        url=to.url,
        database=told.database,
        api_key=to.secret,
        login=told.login,
        transport=None if told.transport == "auto" else told.transport,
        company=told.company,
        organisation=to.organisation,
        plan=to.plan,
        guard=to.guard,
        timeout=to.timeout,
        crosswalk=to.crosswalk,
    )
