"""The `demo` command: its options, and the order of its acts."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import uvloop
from cyclopts import Parameter, validators
from rich.console import Console
from rich.prompt import Confirm

from suture.bootstrap.settings import Settings
from suture.cli.trouble import UserError
from suture.core.english import plural
from suture_lab.demo.clinic import clinic_day
from suture_lab.demo.options import DemoOptions
from suture_lab.demo.report import DemoReport, summary
from suture_lab.demo.watch import watch
from suture_lab.stage import OdooTarget, Stage, StageOptions

out = Console(highlight=False)
_FOLDER = "demo"


def demo(
    *,
    appointments: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=200_000))] = 200,
    data: Annotated[Path | None, Parameter(validator=validators.Path(exists=True))] = None,
    seed: int = 1,
    faults: Literal["none", "light", "storm"] = "none",
    once: bool = False,
    report: Path | None = None,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8601,
    duration: Annotated[float, Parameter(validator=validators.Number(gte=0))] = 15.0,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=16))] = 1,
    transport: Literal["json2", "jsonrpc"] = "json2",
    odoo_url: str | None = None,
    odoo_db: str | None = None,
    odoo_api_key: str | None = None,
    odoo_login: str | None = None,
    yes: Annotated[bool, Parameter(alias="-y")] = False,
) -> None:
    """Play a clinic's day: scheduling, billing and Odoo (simulated, over their real protocols), and Suture between.

    Args:
        appointments: How many appointments the day has. With --data, at most so many of the newest (all, unless given).
        data: A folder of FHIR R4 bundles or ndjson (gzip too), as Synthea writes them, instead of a made-up clinic.
        seed: The made-up clinic's, and the faults'. The same seed makes the same day.
        faults: What the outside systems do wrong: nothing, a little, or a storm.
        once: End when all is settled; exit status 0 only if nothing is lost, doubled or unexplained.
        report: Write the figures to this file (JSON).
        port: The web page's port (0 takes a free one).
        duration: How many seconds the day is compressed into; 0 is as fast as it goes.
        workers: How many worker processes share the work.
        transport: Which of Odoo's APIs the simulated Odoo is spoken to by.
        odoo_url: Use this real Odoo (17 or 19 Community, with invoicing and stock) instead of the simulated one.
        odoo_db: Its database.
        odoo_api_key: An API key of its integration user.
        odoo_login: That user's login (needed for Odoo 17 and 18).
        yes: Don't ask before creating records in a real Odoo.
    """
    if report is not None:
        _check_writable(report)
    given = any(word.startswith("--appointments") for word in sys.argv)
    options = DemoOptions(
        stage=StageOptions(
            folder=Settings().data_dir.resolve() / _FOLDER,
            seed=seed,
            workers=workers,
            port=port,
            transport=transport,
            odoo=_odoo_target(odoo_url, odoo_db, odoo_api_key, odoo_login),
        ),
        appointments=appointments if given or data is None else 0,
        data=data,
        faults=faults,
        once=once,
        report=report,
        duration=duration,
        yes=yes,
    )
    sys.exit(_play(options))


def _check_writable(report: Path) -> None:
    """Better told before the day than after it."""
    try:
        report.open("ab").close()
    except OSError as error:
        raise UserError(f"the report can't be written to {report}: {error.strerror}") from error


def _odoo_target(url: str | None, database: str | None, api_key: str | None, login: str | None) -> OdooTarget | None:
    if url is None:
        return None
    if not database or not api_key:
        raise UserError("a real Odoo needs --odoo-db and --odoo-api-key as well")
    return OdooTarget(url=url, database=database, api_key=api_key, login=login)


def _play(options: DemoOptions) -> int:
    began = time.monotonic()
    day, skipped = clinic_day(options, datetime.now(UTC).date())
    out.print(
        f"[bold]{len(day.appointments)}[/] appointments, {plural(len(day.patients), 'patient')}, "
        f"{plural(len(day.practitioners), 'practitioner')}, {plural(len(day.services), 'service')}"
        + (f"; [yellow]{plural(len(skipped), 'record')} skipped[/]" if skipped else "")
    )
    for record in skipped[:5]:
        out.print(f"  skipped {record}", style="dim", markup=False)
    if len(skipped) > 5:
        out.print(f"  … and {len(skipped) - 5} more", style="dim")
    odoo = options.stage.odoo
    if odoo is not None and not (options.yes or _agreed(odoo, len(day.services))):
        raise UserError("nothing was done")
    with Stage(options.stage, day) as stage:
        stage.set_up(out)
        stage.simulated.set_faults(options.faults)
        stage.start_day(options.duration)
        settled = uvloop.run(watch(stage, out))
        stage.simulated.set_faults("none")
        figures = uvloop.run(summary(stage, settled, time.monotonic() - began, [str(record) for record in skipped]))
        _conclude(options, figures)
        if not options.once:
            out.print(f"\nThe page stays at [link]{stage.console_url}[/]. Ctrl-C ends the demo.")
            way = f"cd {quote(str(options.stage.folder))} && {_program()} exceptions list"
            out.print(f"From a second terminal: {way}", soft_wrap=True, markup=False)
            stage.wait_for_ctrl_c()
    return 0 if figures.sound else 1


def _program() -> str:
    """How this program is called from any folder."""
    beside = Path(sys.executable).with_name("suture")
    return quote(str(beside)) if beside.exists() else f"{quote(sys.executable)} -m suture"


def _agreed(odoo: OdooTarget, services: int) -> bool:
    out.print(
        f"This writes to {odoo.url}, database {odoo.database}: up to {services} products, kit articles, up to 4 "
        "accounts, analytic accounts and stock locations for the facilities, then invoices, payments, stock moves "
        "and accruals. All of it carries external ids of the module `suture`; nothing else is touched.",
        markup=False,
    )
    return Confirm.ask("Go on?")


def _conclude(options: DemoOptions, figures: DemoReport) -> None:
    figures.show(out)
    if options.report is not None:
        options.report.write_bytes(figures.as_json())
        out.print(f"Report: {options.report}", markup=False)
