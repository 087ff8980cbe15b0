"""Odoo as the ledger (`connectors.port.Ledger`): concurrent calls become few calls of many."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Literal, TypeVar

from suture.canonical.records import JournalFact, Payment
from suture.connectors.guard import Guard
from suture.connectors.http import HttpClient
from suture.connectors.odoo import compensation, facts, health, invoices, payments, prepare, stock
from suture.connectors.odoo.books import Books, unwrap
from suture.connectors.odoo.client import (
    JSON2_SINCE,
    Json2,
    JsonRpc,
    Odoo,
    Transport,
    server_version,
    writes_noted,
)
from suture.connectors.odoo.failures import one_item_at_fault
from suture.connectors.odoo.names import external_id
from suture.connectors.port import (
    AccrualOrder,
    AppliedPayment,
    DraftedInvoice,
    Health,
    InvoiceOrder,
    LedgerEntry,
    LedgerPlan,
    PostedInvoice,
    StockDocument,
    StockOrder,
)
from suture.core.clock import Clock, SystemClock
from suture.core.failure import Failure, Fatal
from suture.core.gather import Gather
from suture.core.money import Money

Item = TypeVar("Item")
Result = TypeVar("Result")
Flow = Callable[[Books, Sequence[Item]], Awaitable[Sequence[Result | Failure]]]

BATCH = 50
TransportName = Literal["json2", "jsonrpc"]


class OdooLedger:
    """One company in one Odoo database. Connects, and finds out what it talks to, at the first call."""

    def __init__(
        self,
        http: HttpClient,
        *,
        database: str,
        api_key: str,
        login: str | None,
        transport: TransportName | None,
        company: str | None,
        organisation: str,
        plan: LedgerPlan | None,
        clock: Clock,
    ) -> None:
        self.name = http.system
        self._http = http
        self._database = database
        self._api_key = api_key
        self._login = login
        self._transport = transport
        self._company = company
        self._organisation = organisation
        self._plan = plan
        self._clock = clock
        self._books: Books | None = None
        self._version = ""
        self._connecting = asyncio.Lock()
        self._invoice_locks: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()
        self._draft = self._gather(invoices.draft)
        self._post = self._gather(invoices.post)
        self._cancel = self._gather(invoices.cancel)
        self._consume = self._gather(stock.consume)
        self._return = self._gather(stock.give_back)
        self._accrue = self._gather(compensation.accrue)
        self._reverse = self._gather(compensation.reverse)
        self._apply = self._gather(payments.apply)

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
        plan: LedgerPlan | None = None,
        guard: Guard | None = None,
        timeout: float = 120,
        clock: Clock | None = None,
    ) -> "OdooLedger":
        """A ledger that connects at first use.

        `transport` None takes JSON-2 where the server has it; JSON-RPC needs the user's `login`. `company` is a name,
        by default the user's own. `plan` is what `prepare` is told: a worker that doesn't prepare needs it to find
        journals and accounts by code. `timeout` is long because Odoo retries conflicting work itself.
        """
        http = HttpClient(name, url, headers={}, timeout=timeout, guard=guard)
        return cls(
            http,
            database=database,
            api_key=api_key,
            login=login,
            transport=transport,
            company=company,
            organisation=organisation,
            plan=plan,
            clock=clock or SystemClock(),
        )

    async def health(self) -> Health:
        try:
            books = await self._open()
            return await health.examine(books.odoo, self.name, self._version)
        except Failure as failure:
            words = f"{failure.message}. {failure.remedy}".strip()
            return Health(system=self.name, reachable=bool(self._version), version=self._version, remedies=(words,))

    async def close(self) -> None:
        await self._http.close()

    async def prepare(self, plan: LedgerPlan) -> Sequence[str]:
        return await prepare.prepare(await self._open(), plan)

    async def draft_invoice(self, order: InvoiceOrder) -> DraftedInvoice:
        return unwrap(await self._draft(order))

    async def post_invoice(self, appointment: str, expected: Money) -> PostedInvoice:
        return unwrap(await self._post(invoices.Posting(appointment, expected)))

    async def cancel_invoice(self, appointment: str, on: date) -> str:
        return unwrap(await self._cancel(invoices.Cancellation(appointment, on)))

    async def consume_stock(self, order: StockOrder) -> StockDocument:
        return unwrap(await self._consume(order))

    async def return_stock(self, appointment: str) -> StockDocument:
        return unwrap(await self._return(appointment))

    async def accrue_compensation(self, order: AccrualOrder) -> LedgerEntry:
        return unwrap(await self._accrue(order))

    async def reverse_compensation(self, appointment: str, on: date) -> LedgerEntry:
        return unwrap(await self._reverse(compensation.Reversal(appointment, on)))

    async def apply_payment(self, payment: Payment) -> AppliedPayment:
        async with self._alone(payment.appointment):
            return unwrap(await self._apply(payment))

    async def facts(self) -> AsyncIterator[JournalFact]:
        async for fact in facts.facts(await self._open()):
            yield fact

    def _gather(self, flow: Flow[Item, Result]) -> Gather[Item, Result | Failure]:
        async def flush(items: Sequence[Item]) -> Sequence[Result | Failure]:
            books = await self._open()
            with writes_noted():
                try:
                    return await flow(books, items)
                except Failure as failure:
                    if not _was_outdated(books, failure):
                        raise
                return await flow(books, items)

        return Gather(flush, limit=BATCH, divisible=one_item_at_fault)

    @asynccontextmanager
    async def _alone(self, appointment: str) -> AsyncIterator[None]:
        """One payment of an invoice at a time: two at once would both find it open."""
        lock = self._invoice_locks.setdefault(appointment, asyncio.Lock())
        self._waiting[appointment] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting[appointment] -= 1
            if not self._waiting[appointment]:
                del self._waiting[appointment], self._invoice_locks[appointment]

    async def _open(self) -> Books:
        async with self._connecting:
            if self._books is None:
                self._version, major = await server_version(self._http)
                transport = self._speak(major)
                odoo = Odoo(transport, major, await _company_id(transport, self._company))
                self._books = Books(odoo, self._organisation, self._clock, self._plan)
            return self._books

    def _speak(self, major: int) -> Transport:
        if (self._transport or ("json2" if major >= JSON2_SINCE else "jsonrpc")) == "json2":
            return Json2(self._http, self._database, self._api_key)
        if self._login is None:
            raise Fatal("login_missing", "JSON-RPC needs the integration user's login", "Name it in the catalogue.")
        return JsonRpc(self._http, self._database, self._login, self._api_key)


async def _company_id(transport: Transport, name: str | None) -> int:
    if name is None:
        rows = await transport.call("res.users", "read", ids=[await transport.user()], fields=["company_id"], load="")
        return int(rows[0]["company_id"])
    found = await transport.call("res.company", "search_read", domain=[["name", "=", name]], fields=["id"])
    if len(found) != 1:
        raise Fatal("company_unknown", f"Odoo has no company named {name}", "Correct the company in the catalogue.")
    return int(found[0]["id"])


def _was_outdated(books: Books, failure: Failure) -> bool:
    """Whether a failure says that our picture of Odoo is old. It is forgotten then, and the work worth another try."""
    if failure.code == "not_prepared":
        books.forget_setting()
        return True
    if failure.code == "not_in_odoo" and external_id("partner", "") in failure.message:
        books.parties.forget()
        return True
    return False
