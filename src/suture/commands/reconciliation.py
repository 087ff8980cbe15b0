"""Discrepancies as people work them: accepted as they are; and runs, asked for."""

from collections.abc import Sequence
from datetime import date

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.reconcile import related_exceptions
from suture.reconcile.discrepancy_recorder import DiscrepancyRecorder
from suture.reconcile.watch import window
from suture.store import discrepancies, reconciliations
from suture.store.reconciliations import Reconciliation
from suture.views.discrepancies import one, subject


async def request(
    context: CommandContext, actor: Actor, first: date | None = None, last: date | None = None, *, at_once: bool = False
) -> Reconciliation:
    """Ask for a run over days; the catalogue's window unless told. `at_once` asks of what is young, too, without the
    rules' waiting times. Raises `NotPossible` for days that make no span."""
    window_first, window_last = window(context.catalogue, context.clock)
    first, last = first or min(window_first, last or window_last), last or window_last
    if first > last or last > window_last:
        raise NotPossible(f"{first} to {last} is no span of days up to today ({window_last})")
    async with context.database.transaction() as connection:
        at = await actor.sign(
            connection, context, "reconciliation.run", "Reconciliation/run", {"first": first, "last": last}
        )
        number = await reconciliations.request(connection, first, last, by=actor.name, at=at, at_once=at_once)
        run = await reconciliations.get(connection, number)
    if run is None:
        raise LookupError(f"run {number} is gone")
    return run


async def accept(context: CommandContext, actor: Actor, numbers: Sequence[int]) -> list[int]:
    """Leave differences as they are, with a reason: they are told again only when what the sides hold changes. Answers
    those that were open. Raises `NotPossible` without a reason."""
    actor.check_reason("discrepancy.accept")
    teller, accepted = DiscrepancyRecorder(context.recorder, context.catalogue), []
    for number in numbers:
        async with context.database.transaction() as connection:
            found = await one(connection, number)
            now = await actor.sign(connection, context, "discrepancy.accept", subject(number))
            closed = await discrepancies.close(
                connection,
                [number],
                "accepted",
                at=now,
                by=actor.name,
                reason=actor.reason,
                proof=msgspec.json.encode(found.evidence).decode(),
            )
            await teller.tell_closed(connection, "accepted", closed, now)
            await related_exceptions.close(connection, context.recorder, closed, now, actor.name)
            accepted += [one.number for one in closed]
    return accepted
