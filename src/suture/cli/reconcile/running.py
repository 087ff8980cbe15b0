"""Doing a run from the command line, or watching the worker that does it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date

import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from suture.acting.context import RepairContext
from suture.bootstrap.composition import (
    Foundation,
    Systems,
    check_database,
    connect_systems,
    foundation,
    ledger_crosswalk,
    repair_context,
    watch,
)
from suture.bootstrap.settings import current
from suture.cli.acting import me, out
from suture.cli.trouble import UserError
from suture.commands.table import ReconciliationSpan, perform
from suture.reconcile.watch import ReconciliationWatch
from suture.store.reconciliations import Reconciliation
from suture.views import discrepancies

_LOOK_SECONDS = 0.3
_PHASES = {"requested": "Taking stock of what was told", "reading": "Reading every side", "comparing": "Comparing"}


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[Foundation, Systems]]:
    settings, secrets = current()
    async with foundation(settings, secrets, most=6) as base:
        await check_database(base)
        systems = connect_systems(base.catalogue, base.secrets, crosswalk=ledger_crosswalk(base))
        try:
            yield base, systems
        finally:
            await systems.close()


def run_all(first: date | None, last: date | None, *, at_once: bool) -> Reconciliation:
    """Ask for a run and see it through: here, unless a worker takes it up. Broken off, the next one goes on with it."""

    async def run() -> Reconciliation:
        async with _connected() as (base, systems):
            acting = repair_context(base, systems)
            wanted = ReconciliationSpan(first=first, last=last, now=at_once)
            asked = (await perform(acting, me(), "reconciliation.run", wanted)).result
            with _bar() as tell:
                return await _until_done(acting, watch(base, systems, acting.recorder), asked, tell)

    ended = uvloop.run(run())
    if ended.state == "failed":
        raise UserError(ended.failure)
    return ended


async def _until_done(
    acting: RepairContext, watching: ReconciliationWatch, asked: Reconciliation, tell: Callable[[Reconciliation], None]
) -> Reconciliation:
    while True:
        await watching.take(tell)
        run = await discrepancies.progress(acting.database, asked.id)
        tell(run)
        if run.state in ("done", "failed"):
            return run
        await asyncio.sleep(_LOOK_SECONDS)


@contextmanager
def _bar() -> Iterator[Callable[[Reconciliation], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"))
    with Progress(*columns, console=out, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(run: Reconciliation) -> None:
            phase = _PHASES.get(run.state)
            if phase is None:
                return
            if phase not in tasks:
                tasks[phase] = progress.add_task(phase, total=None)
            if run.events and run.state == "requested":
                progress.update(tasks[phase], description=f"{phase} ({run.events:,} events)")
            if run.days:
                progress.update(tasks[phase], completed=run.position, total=len(run.days))

        yield tell
