"""The `chaos` command: its options, and the order of its acts."""

import asyncio
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import uvloop
from cyclopts import Parameter, validators
from rich.console import Console

from suture.bootstrap.settings import Settings
from suture.cli.trouble import UserError
from suture_lab.chaos.conclude import conclude
from suture_lab.chaos.measure import RecoveryWatcher
from suture_lab.chaos.monkey import ALWAYS, Monkey
from suture_lab.chaos.options import CALL_SECONDS, UNDONE, ChaosOptions
from suture_lab.chaos.plan import Injury, plan_injuries
from suture_lab.chaos.report import ChaosReport, show
from suture_lab.chaos.watch import Watch
from suture_lab.simulators.clinic.generate import generate
from suture_lab.stage import Stage, StageOptions

out = Console(highlight=False)
_FOLDER = "chaos"
_MOST_RETRIES = 3


def chaos(
    *,
    minutes: Annotated[float, Parameter(validator=validators.Number(gt=0, lte=600))] = 2.0,
    seed: int = 1,
    rate: Annotated[float, Parameter(validator=validators.Number(gt=0, lte=500))] = 10.0,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=16))] = 2,
    nats_nodes: Literal[1, 3] = 1,
    lease: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=60))] = 5.0,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 0,
    report: Path | None = None,
) -> None:
    """Injure a running platform at random for a clinic's day, and prove that nothing is lost, doubled or half done.

    While a made-up day is played on simulated outside systems, workers, the gateway, PostgreSQL and NATS are killed
    (SIGKILL) and frozen, billing and Odoo fail in every way they know, and people go on working: they lock the day in
    Odoo and open it again, import contacts, rename a payer, book a remittance and its reversal. The platform's own
    supervision brings back what died. At the end everything is healed, and an independent checker compares what the
    outside systems saw with what the day makes due. Exit status 0 only if all is settled and nothing is lost, doubled,
    half done without an exception, wrong (an amount, a date, a party) or out of order. Everything is embedded, in a
    data folder of its own that is emptied first.

    Args:
        minutes: How long the day is.
        seed: Of the day and of the injuries: when, which and what they hit. The same seed injures the same way.
        rate: Appointments a second.
        workers: How many worker processes share the work.
        nats_nodes: NATS alone, or a cluster of three that keeps three copies of each event.
        lease: Seconds after which others take over from a worker that fell silent.
        port: The web page's port (0 takes a free one).
        report: Write everything to this file (JSON): the plan, each recovery, the counts, the findings.
    """
    if report is not None:
        _check_writable(report)
    options = ChaosOptions(
        minutes=minutes,
        seed=seed,
        rate=rate,
        workers=workers,
        nats_nodes=nats_nodes,
        lease=lease,
        port=port,
        report=report,
        folder=Settings.read({}, Path.cwd()).data_dir.resolve() / _FOLDER,
    )
    sys.exit(_play(options))


def _check_writable(report: Path) -> None:
    """Better told before the day than after it."""
    try:
        report.open("ab").close()
    except OSError as error:
        raise UserError(f"the report can't be written to {report}: {error.strerror}") from error


def _play(options: ChaosOptions) -> int:
    day = generate(seed=options.seed, appointments=options.appointments, day=datetime.now(UTC).date(), undone=UNDONE)
    plan = plan_injuries(
        options.seed, options.seconds, workers=options.workers, nats_nodes=options.nats_nodes, lease=options.lease
    )
    out.print(f"{len(day.appointments)} appointments in {options.seconds:g} s, and {len(plan)} injuries")
    setting = StageOptions(
        folder=options.folder,
        seed=options.seed,
        workers=options.workers,
        port=options.port,
        embedded=True,
        nats_nodes=options.nats_nodes,
        lease_seconds=options.lease,
        timeout=CALL_SECONDS,
    )
    with Stage(setting, day) as stage:
        stage.set_up(out)
        stage.simulated.set_faults(ALWAYS, "scheduling", "billing")
        stage.start_day(options.seconds)
        figures = uvloop.run(_suffer(stage, options, plan))
    show(figures, out)
    if options.report is not None:
        options.report.write_bytes(figures.as_json())
        out.print(f"Report: {options.report}", markup=False)
    return 0 if figures.sound else 1


async def _suffer(stage: Stage, options: ChaosOptions, plan: list[Injury]) -> ChaosReport:
    """The day with its injuries, then healing, then the verdict."""

    def tell(line: str) -> None:
        out.print(line, markup=False, soft_wrap=True)

    monkey = Monkey(stage, plan, RecoveryWatcher(stage, options.seconds), tell)
    watch = Watch(stage, tell)
    telling = asyncio.create_task(watch.while_injured())
    try:
        await monkey.run()
        await asyncio.sleep(max(stage.began + options.seconds - time.monotonic(), 0))
    finally:
        monkey.thaw()
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
    await asyncio.to_thread(stage.simulated.set_faults, "none")
    tell("The day is over; all faults are off.")
    settled = await watch.until_settled()
    for _ in range(_MOST_RETRIES):
        if not (again := await monkey.people.retry_what_was_locked()):
            break
        tell(f"The books are open again: {again} that met the lock go on.")
        settled = await watch.until_settled()
    wall_s = time.monotonic() - stage.began
    return await conclude(stage, options, monkey.done, monkey.people, settled=settled, wall_s=wall_s)
