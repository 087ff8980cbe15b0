"""Reads every side's facts."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable

from suture.canonical.records import JournalFact
from suture.connectors.port import Billing, Ledger, Scheduling
from suture_lab.demo.comparison import Facts


async def read_facts(
    scheduling: Scheduling, billing: Billing, ledgers: Iterable[Ledger], only: Collection[str]
) -> Facts:
    """What each system holds of the appointments `only` (a set makes this quick); payments come with theirs. `ledgers`
    are the books of every company."""
    appointments = await _all(scheduling.facts(), lambda fact: fact.key in only)
    payments: set[str] = set()

    def billed(fact: JournalFact) -> bool:
        if fact.kind == "payment":
            payments.add(fact.key)
            return True
        return fact.key in only

    charges = await _all(billing.facts(), billed)
    documents: list[JournalFact] = []
    for ledger in ledgers:
        documents += await _all(ledger.facts(), lambda fact: fact.key in (payments if fact.kind == "payment" else only))
    return Facts(appointments, charges, tuple(documents))


async def _all(facts: AsyncIterator[JournalFact], keep: Callable[[JournalFact], bool]) -> tuple[JournalFact, ...]:
    return tuple([fact async for fact in facts if keep(fact)])
