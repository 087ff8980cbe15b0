"""Compares what every side holds of a played day, by the engine and the rules that reconcile a clinic's.

Nothing is awaited, since the day is over, and nothing is recorded. What an exception explains is no difference.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from suture.bootstrap.composition import Foundation, Systems, command_context, reconciler
from suture.cli.trouble import UserError
from suture.core.money import round_money
from suture.reconcile.differences import ALONE, Difference
from suture.reconcile.reconciler import at_once
from suture.reconcile.rule_engine import TooManyDifferences, compare
from suture.reconcile.sides import Sides
from suture.store import ledger_snapshot, reconciliations
from suture.store.database import Database
from suture.store.ledger_snapshot import Holding

_LOOK_SECONDS = 0.3
_OF_APPOINTMENTS = "scheduling.appointment"


class SideTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one side holds. Fields that it doesn't keep are None; totals are decimal strings.

    `stock_moves` counts transfers, one a visit that used supplies.
    """

    charges: int | None = None
    charge_total: str | None = None
    invoices_posted: int | None = None
    invoice_total: str | None = None
    payments: int | None = None
    payment_total: str | None = None
    stock_moves: int | None = None
    accruals: int | None = None
    accrual_total: str | None = None


class DemoDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that doesn't agree: `kind` is what reconciliation calls it (``missing``, ``twice``, ``differs``, …),
    `rule` the question that was asked, `key` of what."""

    kind: str
    rule: str
    key: str
    detail: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict: `differences` holds all that no exception explains."""

    appointments: dict[str, int]
    billing: SideTotals
    ledger: SideTotals
    differences: tuple[DemoDifference, ...]

    def count(self, *kinds: str) -> int:
        return sum(difference.kind in kinds for difference in self.differences)


async def compare_sides(
    base: Foundation, systems: Systems, only: Collection[str], days: tuple[date, date], explained: Collection[str]
) -> Comparison:
    """Read all sides' `days`, and compare what they hold of the appointments `only`: a ledger may have seen others."""
    ledgers = {company: systems.ledger.of_company(company) for company in base.catalogue.companies()}
    sides = Sides(base.database, systems.scheduling, systems.billing, ledgers, base.clock)
    ours = reconciler(base, systems, command_context(base).recorder)
    rules = [at_once(rule) for rule in base.catalogue.reconciliation.standing]
    await _when_nobody_else_does(base.database, ours.fold(None), sides.read_days(*days))
    async with base.database.transaction() as connection:
        await ledger_snapshot.scope_keys(connection, sorted(only))
        try:  # each rule by itself: what follows from another difference is told too
            told = [one for rule in rules for one in (await compare(connection, [rule], base.clock.now(), None)).told]
        except TooManyDifferences as error:
            raise UserError(str(error)) from error
        held = await ledger_snapshot.documents(connection, sorted(only))
    return Comparison(
        appointments=dict(Counter(one.state for one in held if one.book == _OF_APPOINTMENTS)),
        billing=_billing_totals(held, base.catalogue.organisation.currency),
        ledger=_ledger_totals(held, base.catalogue.organisation.currency),
        differences=tuple(unexplained(told, explained)),
    )


def unexplained(told: Iterable[Difference], explained: Collection[str]) -> Iterable[DemoDifference]:
    """What no exception explains: what is too much never is. A payment waits behind the invoice that it pays."""
    for one in told:
        too_much = one.what in ALONE or one.what == "twice"
        if too_much or (one.key not in explained and one.appointment not in explained):
            yield DemoDifference(kind=one.what, rule=one.rule.name, key=one.key, detail=one.rule.asks)


async def _when_nobody_else_does(database: Database, fold: Awaitable[None], read: Awaitable[int]) -> None:
    """A worker may reconcile on its schedule just now: two that read at once would wait for each other's rows."""
    while True:
        async with reconciliations.alone(database) as held:
            if held:
                await fold
                await read
                return
        await asyncio.sleep(_LOOK_SECONDS)


def _billing_totals(held: Sequence[Holding], currency: str) -> SideTotals:
    charges, charged = _total(held, "billing.charge", currency)
    payments, paid = _total(held, "billing.payment", currency)
    return SideTotals(charges=charges, charge_total=charged, payments=payments, payment_total=paid)


def _ledger_totals(held: Sequence[Holding], currency: str) -> SideTotals:
    invoices, invoiced = _total(held, "ledger.invoice", currency)
    payments, paid = _total(held, "ledger.payment", currency)
    accruals, accrued = _total(held, "ledger.accrual", currency)
    return SideTotals(
        invoices_posted=invoices,
        invoice_total=invoiced,
        payments=payments,
        payment_total=paid,
        stock_moves=_total(held, "ledger.stock_move", currency)[0],
        accruals=accruals,
        accrual_total=accrued,
    )


def _total(held: Sequence[Holding], book: str, currency: str) -> tuple[int, str]:
    """How many documents of a book stand, and what they come to."""
    standing = [one for one in held if one.book == book and one.stands]
    amount = sum((one.amount for one in standing if one.amount is not None), Decimal(0))
    return sum(one.counts for one in standing), str(round_money(amount, currency))
