"""One Odoo database, whichever protocol and version: found out at the first call, shared by its companies' books.

Concurrent calls of one kind become few calls of many: a gather a flow, with the companies as groups that take turns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from suture.connectors.http import HttpClient
from suture.connectors.odoo.documents.posting import period_locked
from suture.connectors.odoo.documents.session import CompanySession, unwrap
from suture.connectors.odoo.records.crosswalk import LedgerCrosswalk
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.transport.client import (
    JSON2_SINCE,
    Json2,
    JsonRpc,
    Odoo,
    Transport,
    server_version,
    writes_noted,
)
from suture.connectors.odoo.transport.failures import one_item_at_fault
from suture.connectors.port import LedgerPlan
from suture.core.clock import Clock
from suture.core.failure import Failure, Fatal, Rejected
from suture.core.gather import Gather
from suture.core.pace import Pace

Item = TypeVar("Item")
Result = TypeVar("Result")
TransportName = Literal["json2", "jsonrpc"]

FIRST_BATCH, LARGEST_BATCH = 50, 200
_AIM_SECONDS = 4.0
_LONGEST_WINDOW = 0.05
_LANES = 4


@dataclass(frozen=True)
class Flow(Generic[Item, Result]):
    """A way to do many orders of one kind at once. `record` names what an order changes: orders of one record are done
    one after the other. `day` is what it is dated, where it says so. `abreast` batches of a company run side by side:
    Odoo has several workers."""

    run: Callable[[CompanySession, Sequence[Item]], Awaitable[Sequence[Result | Failure]]]
    record: Callable[[Item], Hashable]
    day: Callable[[Item], date] | None = None
    abreast: int = 2


class _GatheredOrder(NamedTuple):
    company: str | None
    item: Any


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to get into a database. `transport` None takes JSON-2 where the server has it; `login` is for JSON-RPC."""

    database: str
    api_key: str
    login: str | None = None
    transport: TransportName | None = None


class OdooServer:
    """One database. `plans` are what each company (by name; None is the default one) is to have."""

    def __init__(
        self,
        http: HttpClient,
        access: Access,
        *,
        company: str | None,
        organisation: str,
        plan: Callable[[str | None], LedgerPlan | None],
        clock: Clock,
        crosswalk: LedgerCrosswalk,
    ) -> None:
        self.http = http
        self.version = ""
        self._access = access
        self._company = company
        self._organisation = organisation
        self._plan = plan
        self._clock = clock
        self._crosswalk = crosswalk
        self._transport: Transport | None = None
        self._major = 0
        self._sessions: dict[str | None, CompanySession] = {}
        self._connecting = asyncio.Lock()
        self._gathered: dict[Flow[Any, Any], Gather[_GatheredOrder, Any]] = {}

    async def do(self, flow: Flow[Item, Result], company: str | None, item: Item) -> Result:
        """One order's result, done together with others that come now. Raises its own failure alone."""
        gather = self._gathered.get(flow)
        if gather is None:
            gather = self._gathered[flow] = self._gather(flow)
        outcome: Result | Failure = await gather(_GatheredOrder(company, item))
        return unwrap(outcome)

    async def session(self, company: str | None) -> CompanySession:
        """The books of a company, by name; None is the catalogue's, or the integration user's own."""
        async with self._connecting:
            if company not in self._sessions:
                transport = await self._connect()
                identifier = await _company_id(transport, company or self._company)
                odoo = Odoo(transport, self._major, identifier, main=company is None)
                self._sessions[company] = CompanySession(
                    odoo, self._organisation, self._clock, self._plan(company), self._crosswalk
                )
            return self._sessions[company]

    async def ping(self) -> None:
        """One cheap call with the credentials; unlike signing in, Odoo keeps no note of it."""
        async with self._connecting:
            transport = await self._connect()
        await transport.call("res.users", "context_get")

    async def _connect(self) -> Transport:
        if self._transport is None:
            self.version, self._major = await server_version(self.http)
            self._transport = self._speak(self._major)
        return self._transport

    def _gather(self, flow: Flow[Any, Any]) -> Gather[_GatheredOrder, Any]:
        async def flush(orders: Sequence[_GatheredOrder]) -> Sequence[Any]:
            session = await self.session(orders[0].company)
            items = [order.item for order in orders]
            with writes_noted():
                try:
                    return await flow.run(session, items)
                except Failure as failure:
                    if not _was_outdated(session, failure):
                        raise await _for_a_lock(session, flow, items, failure) or failure from failure
                return await flow.run(session, items)

        return Gather(
            flush,
            limit=Pace(FIRST_BATCH, least=5, most=LARGEST_BATCH, aim=_AIM_SECONDS, longest=_LONGEST_WINDOW),
            lanes=_LANES,
            abreast=flow.abreast,
            divisible=one_item_at_fault,
            group=lambda order: order.company,
            record=lambda order: (order.company, flow.record(order.item)),
        )

    def _speak(self, major: int) -> Transport:
        told = self._access
        if (told.transport or ("json2" if major >= JSON2_SINCE else "jsonrpc")) == "json2":
            return Json2(self.http, told.database, told.api_key)
        if told.login is None:
            raise Fatal("login_missing", "JSON-RPC needs the integration user's login", "Name it in the catalogue.")
        return JsonRpc(self.http, told.database, told.login, told.api_key)


async def _company_id(transport: Transport, name: str | None) -> int:
    if name is None:
        rows = await transport.call("res.users", "read", ids=[await transport.user()], fields=["company_id"], load="")
        return int(rows[0]["company_id"])
    found = await transport.call("res.company", "search_read", domain=[["name", "=", name]], fields=["id"])
    if len(found) != 1:
        raise Fatal(
            "company_unknown",
            f"Odoo shows the integration user no company named {name}",
            "Correct the company in the catalogue, or allow it to the integration user (Settings, Users, Allowed "
            "Companies).",
        )
    return int(found[0]["id"])


async def _for_a_lock(
    session: CompanySession, flow: Flow[Item, Result], items: Sequence[Item], failure: Failure
) -> Rejected | None:
    """Odoo's refusals don't say that a period is locked: one order alone that is dated in such a one is told so, by the
    lock dates as they are now."""
    if failure.code not in ("refused_by_odoo", "not_importable") or len(items) > 1 or flow.day is None:
        return None
    locks = await session.poster.reread_locks()
    return period_locked(str(flow.record(items[0])), flow.day(items[0]), max(locks.everything, locks.sales))


def _was_outdated(session: CompanySession, failure: Failure) -> bool:
    """Whether a failure says that our picture of Odoo is old. It is forgotten then, and the work worth another try."""
    if failure.code in ("not_prepared", "adjustment_unmapped"):
        session.forget_setting()
        return failure.code == "not_prepared"
    if failure.code == "not_in_odoo":
        session.articles.forget()
        if external_id("partner", "") in failure.message:
            session.parties.forget()
            return True
    return False
