"""What the month-end close needs of the store: a run of reconciliation, what is open, what is unbilled, the record."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec

from suture.canonical.events import AppointmentCompleted
from suture.canonical.records import Visit
from suture.core.clock import Clock
from suture.core.money import Money
from suture.store import discrepancies, events, ledger_snapshot, periods, reconciliations
from suture.store.database import Database
from suture.store.discrepancies import Summary
from suture.store.ledger_snapshot import Price, Unbilled

_COMPLETED = "suture.appointment.completed.v1"


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Completed and unbilled work of one practitioner at one facility."""

    facility: str
    practitioner: str
    visits: int
    amount: Money


class UnbilledWork(msgspec.Struct, frozen=True, kw_only=True):
    """All of it in a span of days. `unpriced` are visits with a service that nobody was ever charged for."""

    work: tuple[Work, ...]
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Closing:
    """The store, as the close sees it."""

    database: Database
    clock: Clock
    currency: str

    async def request_reconciliation(self, first: date, last: date, by: str, correlation_id: str) -> int:
        """Ask for a run over the month, once."""
        async with self.database.transaction() as connection:
            asked = await reconciliations.of_correlation(connection, correlation_id)
            if asked is not None and asked.state != "failed":
                return asked.id
            return await reconciliations.request(
                connection, first, last, by=by, at=self.clock.now(), correlation_id=correlation_id
            )

    async def open_discrepancies(self, first: date, last: date) -> list[Summary]:
        async with self.database.connection() as connection:
            return await discrepancies.summary(connection, first, last)

    async def on_their_way(self, first: date, last: date) -> int:
        """How many processes of these days are neither done nor in front of a person."""
        async with self.database.connection() as connection:
            return await ledger_snapshot.on_their_way(connection, first, last)

    async def unbilled(self, first: date, last: date) -> UnbilledWork:
        async with self.database.connection() as connection:
            found = await ledger_snapshot.unbilled(connection, first, last)
            visits = await events.latest_of_type(connection, _COMPLETED, [one.appointment for one in found])
            told = {key: one.visit for key, one in visits.items() if isinstance(one, AppointmentCompleted)}
            services = {line.service for visit in told.values() for line in visit.lines}
            prices = PriceList(await ledger_snapshot.prices(connection, services, self.currency))
        return unbilled_work(found, told.get, prices, self.currency)

    async def close(self, month: str, report: msgspec.Struct) -> None:
        async with self.database.transaction() as connection:
            await periods.close(connection, month, self.clock.now(), msgspec.json.encode(report))


class PriceList:
    """What services were charged last, in one currency: at a visit's own facility; or, where it never charged one, at
    the others, if they agree."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._own = {(one.service, one.facility): one.price for one in prices}

    def of(self, service: str, facility: str) -> Decimal | None:
        own = self._own.get((service, facility))
        others = {price for (of, _), price in self._own.items() if of == service}
        return own if own is not None else others.pop() if len(others) == 1 else None


def unbilled_work(
    found: Sequence[Unbilled], visit_of: Callable[[str], Visit | None], prices: PriceList, currency: str
) -> UnbilledWork:
    """What completed visits are to bring: their charge's amount, or their services at the prices charged last."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    unpriced = []
    for one in found:
        visit = visit_of(one.appointment)
        amount = _charged(one, currency) if one.amount is not None else _estimate(visit, prices)
        if visit is None or amount is None:
            unpriced.append(one.appointment)
            continue
        sums[visit.facility, visit.practitioner].append(amount)
    work = tuple(
        Work(
            facility=facility,
            practitioner=practitioner,
            visits=len(amounts),
            amount=Money(sum(amounts, Decimal(0)), currency).rounded(),
        )
        for (facility, practitioner), amounts in sorted(sums.items())
    )
    return UnbilledWork(work=work, unpriced=tuple(unpriced))


def _charged(one: Unbilled, currency: str) -> Decimal | None:
    """What was charged, if it was in the currency of the books: nobody here knows a rate."""
    return one.amount if one.currency == currency else None


def _estimate(visit: Visit | None, prices: PriceList) -> Decimal | None:
    if visit is None or not visit.lines:
        return None
    amount = Decimal(0)
    for line in visit.lines:
        listed = prices.of(line.service, visit.facility)
        price = line.unit_price if line.unit_price is not None else listed * line.factor if listed is not None else None
        if price is None:
            return None
        amount += line.quantity * price
    return amount
