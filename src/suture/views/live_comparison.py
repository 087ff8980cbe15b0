"""What the outside systems hold of an appointment right now, side by side with what Suture was told."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from suture.acting.context import RepairContext
from suture.canonical.records import JournalFact
from suture.core.failure import Failure

_PATIENCE_SECONDS = 15


class SystemSide(msgspec.Struct, frozen=True, kw_only=True):
    """What a system holds, or why it can't be asked (`trouble`)."""

    system: str
    documents: tuple[JournalFact, ...] = ()
    trouble: str = ""


async def standing(
    context: RepairContext, appointment: str, facility: str | None, payments: Sequence[str]
) -> list[SystemSide]:
    """Ask scheduling, billing and the ledger at once, each for a bounded time."""
    ledger = context.ledger_of(facility)
    return list(
        await asyncio.gather(
            _ask(context.scheduling.name, context.scheduling.facts_of([appointment])),
            _ask(context.billing.name, context.billing.facts_of([appointment])),
            _ask(ledger.name, ledger.facts_of([appointment], payments)),
        )
    )


async def _ask(system: str, facts: AsyncIterator[JournalFact]) -> SystemSide:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return SystemSide(system=system, documents=tuple([fact async for fact in facts]))
    except TimeoutError:
        return SystemSide(system=system, trouble=f"{system} did not answer within {_PATIENCE_SECONDS} seconds")
    except Failure as failure:
        return SystemSide(system=system, trouble=failure.message)
