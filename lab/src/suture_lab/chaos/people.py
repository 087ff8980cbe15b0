"""What people do meanwhile: they lock the books, import contacts, rename a payer, book a remittance and its reversal.

Whatever fails just then, they try until it is done. What must come of it is for the verdict to say.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from time import monotonic
from typing import Any

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext, LedgerContext
from suture.bootstrap.composition import context_for, foundation
from suture.bootstrap.settings import SettingsError
from suture.canonical.records import Payer
from suture.canonical.remittance import ClaimPayment, ClaimStatus, Remittance
from suture.cli.trouble import UserError
from suture.commands.table import BookRemittance, RetryExceptions, perform
from suture.core.failure import Failure, Rejected
from suture.core.money import Money
from suture.store.database import DATABASE_AWAY
from suture.store.exceptions import ExceptionSelection
from suture.views.exceptions import queue
from suture_lab.chaos.plan import Injury
from suture_lab.simulators.observed import Standing
from suture_lab.stage import Stage
from suture_lab.verdict.due import dues
from suture_lab.verdict.judge import Finding

_ACTOR = Actor("ada", "a day of chaos", (ADMINISTRATOR,))
_BURST = 3000
_PATIENCE = 90.0
_LOOKS = 15
_LOCKED = ("period_locked", "date_moved")


class People:
    """Acts of people on the stage. `booked` are the keys of what they had booked beside the day's plan, `renamed` the
    payers with the names that they gave them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.renamed: dict[str, str] = {}
        self._remitted: set[str] = set()
        self.booked: set[str] = set()

    async def act(self, injury: Injury) -> str:
        """Do it, and undo it after its time; answers what was done, empty where there was nothing to do it to."""
        acts: dict[str, Callable[[Injury], Awaitable[str]]] = {
            "people_lock": self._lock,
            "people_change": self._change,
            "people_rename": self._rename,
            "people_remit": self._remit,
        }
        for _ in range(_LOOKS):
            if told := await acts[injury.kind](injury):
                return told
            await asyncio.sleep(1)
        return ""

    async def retry_what_was_locked(self) -> int:
        """The books are open again: have go on what met the lock. Answers how many that were."""
        done = 0
        async with self._acting(CommandContext) as context:
            for code in _LOCKED:
                met = await queue(context.database, ExceptionSelection(code=code), most=100_000)
                if met:
                    wanted = RetryExceptions(numbers=tuple(one.number for one in met), rate=500)
                    done += len((await perform(context, _ACTOR, "exceptions.retry", wanted)).result.processes)
        return done

    async def findings(self) -> list[Finding]:
        """A name that its owner gave stays."""
        found = []
        for reference, name in self.renamed.items():
            for row in await self._partners(reference):
                if row["name"] != name:
                    found.append(Finding("party", reference, f"named {name!r} by its owner, and is {row['name']!r}"))
        return found

    async def _lock(self, injury: Injury) -> str:
        today = self._stage.day.day.isoformat()
        await self._by_hand("res.company", "write", [1], vals={"fiscalyear_lock_date": today})
        await asyncio.sleep(injury.lasts)
        await self._by_hand("res.company", "write", [1], vals={"fiscalyear_lock_date": False})
        return f"the books locked until {today} for {injury.lasts:.1f} s"

    async def _change(self, _: Injury) -> str:
        rows = [{"name": f"Imported contact {number}"} for number in range(_BURST)]
        ids = await self._by_hand("res.partner", "create", vals_list=rows)
        await self._by_hand("res.partner", "write", ids, vals={"city": "Elsewhere"})
        return f"{_BURST} contacts imported and changed"

    async def _rename(self, injury: Injury) -> str:
        payers = sorted({plan.payer for plan in self._stage.day.appointments if plan.payer})
        reference = f"Payer/{payers[min(int(injury.pick * len(payers)), len(payers) - 1)]}"
        known = await self._partners(reference)
        if not known:
            return ""
        name = f"{known[0]['name'].partition(' (')[0]} (renamed at {injury.at:g} s)"
        await self._by_hand("res.partner", "write", [row["id"] for row in known], vals={"name": name})
        self.renamed[reference] = name
        return f"{reference} renamed"

    async def _remit(self, injury: Injury) -> str:
        """A payer pays an invoice that nobody else pays, and takes it back."""
        invoice = await self._unpaid()
        if invoice is None or invoice.amount is None:
            return ""
        self._remitted.add(invoice.key)
        number = f"CHAOS-{len(self._remitted)}"
        await self._book(number, invoice, 1)
        await asyncio.sleep(injury.lasts)
        await self._book(f"{number}-R", invoice, -1)
        return f"{invoice.amount} for {invoice.key} remitted and taken back"

    async def _unpaid(self) -> Standing | None:
        """A posted invoice of a payer for which the day plans no payment."""
        due = dues(self._stage.day)
        plain = {plan.id for plan in self._stage.day.appointments if plan.payer and not plan.payments}
        wanted = {key for key in plain if due[key].fate == "billed"} - self._remitted
        standing: list[Standing] = await asyncio.to_thread(
            self._stage.simulated.read, "odoo", "/control/standing", list[Standing]
        )
        ready = [one for one in standing if one.kind == "invoice" and one.state == "posted" and one.key in wanted]
        return min(ready, key=lambda one: one.key, default=None)

    async def _book(self, number: str, invoice: Standing, sign: int) -> None:
        currency, payer = self._stage.day.currency, invoice.party
        amount = Money((invoice.amount or Decimal(0)) * sign, currency)
        status = ClaimStatus.PRIMARY if sign > 0 else ClaimStatus.REVERSAL
        claim = ClaimPayment(
            claim=f"CLM-{invoice.key}",
            appointment=invoice.key,
            status=status,
            charged=amount,
            paid=amount,
            patient_responsibility=Money.zero(currency),
        )
        remittance = Remittance(
            number=number, payer=payer, deposit=amount, received_on=self._stage.day.day, claims=(claim,)
        )
        name = next((p.name for p in self._stage.day.payers if f"Payer/{p.id}" == payer), payer)
        self.booked.add(number)

        async def book() -> None:
            async with self._acting(LedgerContext) as context:
                told = BookRemittance(remittance=remittance, payer=Payer(reference=payer, name=name))
                await perform(context, _ACTOR, "remittances.book", told)

        await _persistently(book)

    @asynccontextmanager
    async def _acting(self, needs: type[CommandContext]) -> AsyncIterator[CommandContext]:
        async with (
            foundation(self._stage.settings, self._stage.secrets, most=2) as base,
            context_for(base, needs) as context,
        ):
            yield context

    async def _partners(self, reference: str) -> list[dict[str, Any]]:
        domain = [["ref", "=", reference]]
        found: list[dict[str, Any]] = await self._by_hand(
            "res.partner", "search_read", domain=domain, fields=["name", "ref"]
        )
        return found

    async def _by_hand(self, model: str, method: str, ids: list[int] | None = None, **named: Any) -> Any:
        told = {"model": model, "method": method, "ids": ids, "named": named}
        answer = await asyncio.to_thread(self._stage.simulated.control, "odoo", "/control/by_hand", told)
        if "refused" in answer:
            raise UserError(f"the simulated Odoo refused a person's act: {answer['refused']}")
        return answer["result"]


async def _persistently(attempt: Callable[[], Awaitable[None]]) -> None:
    """A person tries again when a system is away; the same remittance again goes on where it stopped."""
    until = monotonic() + _PATIENCE
    while True:
        try:
            return await attempt()
        except (Failure, SettingsError, *DATABASE_AWAY) as error:
            lasting = isinstance(error, Rejected) and error.code not in _LOCKED
            if lasting or monotonic() > until:
                raise
        await asyncio.sleep(1)
