"""Plays one life against the world, step by step, and drives what is left to its end once all faults have stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from suture_lab.simulators.billing.adjudicator import notice as payment_notice
from suture_lab.simulators.billing.messages import BilledCharge, BilledPayment

from .script import COMPLETIONS, Catch, Deliver, Ending, Kind, Lapse, Life, Pay, Repeat, Share, Step, Work
from .world import LAPSED, LEASE, World

Notice = Callable[..., dict[str, Any]]

TICK = timedelta(seconds=2)
"""Between two steps: longer than any wait before another try, far shorter than a lease."""
LONGER_THAN_ANY_WAIT = timedelta(days=4)

_MOST_ROUNDS = 400
_SHARES: dict[Share, Decimal] = {"third": Decimal(1) / 3, "half": Decimal("0.5"), "full": Decimal(1)}
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Letter:
    """One delivery, as its sender keeps it."""

    interface: str
    name: str
    body: bytes


class Play:
    """One life on its way."""

    def __init__(self, world: World, life: Life, notice: Notice) -> None:
        world.begin(life.attempts)
        self.world = world
        self._life = life
        self._notice = notice
        self._unsent = [self._letter(kind, version) for version, kind in enumerate(life.story, 1)]
        self._sent: list[Letter] = []
        self._renamed = 0

    async def run(self) -> None:
        if self._life.begun:
            await self._begin()
        for step in self._life.steps:
            self.world.clock.advance(TICK)
            await self._play(step)
        await self._finish(self._life.ending)

    async def _begin(self) -> None:
        first = next((n for n, kind in enumerate(self._life.story) if kind in COMPLETIONS), -1)
        for letter in self._unsent[: first + 1]:
            await self._send(letter)
            await self._ingest()
        del self._unsent[: first + 1]

    async def _play(self, step: Step) -> None:
        match step:
            case Deliver(skip, ingest):
                if self._unsent:
                    await self._send(self._unsent.pop(min(skip, len(self._unsent) - 1)))
                if ingest:
                    await self._ingest()
            case Repeat(which, renamed):
                await self._repeat(which, renamed)
            case Pay(share, told):
                await self._pay(share, told)
            case Work(worker, calls, fate):
                await self.world.workers[worker].work(calls, fate)
            case Lapse():
                self.world.clock.advance(LEASE)
            case Catch():
                await self._catch()

    async def _finish(self, ending: Ending) -> None:
        if not ending.sleepers_last:
            await self._wake_sleepers()
        rest = reversed(self._unsent) if ending.backwards else self._unsent
        for letter in list(rest):
            await self._send(letter)
            if ending.pace != "together":
                await self._ingest()
            if ending.pace == "acted on":
                await self._drive()
        self._unsent.clear()
        await self._drive()
        await self._wake_sleepers()
        await self._drive()
        if ending.paid:
            await self._pay_rest()
            await self._drive()

    async def _wake_sleepers(self) -> None:
        for worker in self.world.workers:
            while worker.busy:
                await worker.work_freely()
        await self._catch()

    async def _drive(self) -> None:
        """Until nothing is due any more, the clock being moved on to whatever comes next."""
        worker = self.world.workers[-1]
        await self._ingest()
        for _ in range(_MOST_ROUNDS):
            if await worker.work_freely():
                continue
            due = await self._next_due()
            if due is None:
                return
            self.world.clock.time = max(self.world.clock.time, due)
        raise AssertionError("the platform never comes to rest")

    async def _next_due(self) -> Any:
        """When something is due; processes that only wait are left waiting until they give up."""
        async with self.world.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT state, due_at FROM process WHERE state IN ('running', 'waiting', 'compensating')"
            )
        if rows and all(row["state"] == "waiting" for row in rows):
            return self.world.clock.time + LONGER_THAN_ANY_WAIT
        return min((row["due_at"] for row in rows if row["state"] != "waiting"), default=None)

    async def _catch(self) -> None:
        given_up = list(self.world.late)
        self.world.late.clear()
        for work in given_up:
            await work()

    async def _repeat(self, which: int, renamed: bool) -> None:
        if not self._sent:
            return
        letter = self._sent[which % len(self._sent)]
        if renamed:
            self._renamed += 1
            letter = Letter(letter.interface, f"{letter.name}-again{self._renamed}", letter.body)
        await self._deliver(letter)
        await self._ingest()

    async def _pay(self, share: Share, told: bool) -> None:
        charge = self.charge
        if charge is None:
            return
        letter = self._post((charge.total * _SHARES[share]).quantize(_CENT, ROUND_HALF_UP), charge)
        if not told:
            self._unsent.append(letter)
            return
        await self._send(letter)
        await self._ingest()

    async def _pay_rest(self) -> None:
        charge = self.charge
        if charge is None or charge.status == "voided":
            return
        rest = charge.total - sum(payment.amount for payment in self.world.payments)
        if rest > 0:
            await self._send(self._post(rest, charge))

    def _post(self, amount: Decimal, charge: BilledCharge) -> Letter:
        """Billing has the money in its book before it tells anyone."""
        number = len(self.world.payments) + 1
        payment = BilledPayment(
            id=f"PAY{number}{charge.external_id}",
            charge_id=charge.id,
            charge_external_id=charge.external_id,
            amount=amount,
            currency=charge.currency,
            received_on=date(2026, 3, 2),
            payer="o1" if self._life.coverage != "self-pay" else None,
        )
        self.world.book.pay(payment)
        return Letter("billing-payments", f"msg_{payment.id}", payment_notice(payment))

    @property
    def charge(self) -> BilledCharge | None:
        return next(iter(self.world.book.find(self.world.appointment)), None)

    async def _send(self, letter: Letter) -> None:
        self._sent.append(letter)
        await self._deliver(letter)

    async def _deliver(self, letter: Letter) -> None:
        await self.world.inbox.accept(letter.interface, letter.name, letter.body, self.world.clock.now())

    async def _ingest(self) -> None:
        while await self.world.ingester.ingest_batch():
            pass

    def _letter(self, kind: Kind, version: int) -> Letter:
        appointment = self.world.appointment
        patient = LAPSED if self._life.coverage == "lapsed" else f"patient{appointment}"
        told = "completed" if kind == "corrected" else kind
        tree = self._notice(told, appointment=appointment, version=version, patient=patient)
        entries = tree["data"]["entry"]
        if self._life.coverage == "self-pay":
            tree["data"]["entry"] = entries = [e for e in entries if e["resource"]["resourceType"] != "Coverage"]
        for entry in entries:
            if kind == "corrected" and entry["resource"]["resourceType"] == "ChargeItem":
                entry["resource"]["quantity"] = {"value": 2}
        return Letter("scheduling-appointments", f"{appointment}v{version}", msgspec.json.encode(tree))
