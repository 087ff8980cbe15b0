"""``suture close``: a month's end, from the freeze to two signatures and a locked ledger."""

import os
import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from cyclopts import App
from rich.markup import escape

from suture.acting.context import CommandContext
from suture.cli.acting import console_address, do, out, table, with_context
from suture.cli.trouble import UserError
from suture.commands.table import Month
from suture.processes.definitions.month_end_close import DEFINITION
from suture.views import month_close
from suture.views.month_close import CloseStatus
from suture.views.report import gather, page

app = App(
    name="close",
    help="Close a month: everything of it is billed, explained or accrued, two people sign, and the ledger is locked.",
    help_epilogue="start -> (reconcile, complete, accrue: by itself) -> sign, by two people on the console -> "
    "lock the ledger -> closed. status says what it waits for.",
)

_STEPS = {
    "ask_for_reconciliation": ("reconcile", "a run over the month is asked for"),
    "reconciled": ("reconcile", "every side is being read and compared"),
    "check_completeness": ("complete", "every difference is repaired, or accepted with a reason"),
    "accrue_unbilled": ("accrue", "completed and unbilled work, reversed by itself on the next day"),
    "signed": ("sign", "a person stands for the figures, on the console: {console}/close/{month}"),
    "countersigned": ("countersign", "another person does, there too"),
    "check_locks": ("lock", "the ledger lets nobody post into the month any more"),
    "close": ("close", "the month is closed"),
}


@app.command
def start(month: str, *, reason: str = "") -> None:
    """Freeze a month and begin its close. What comes late from now on is dated in the next month.

    Args:
        month: The month, for example 2026-10; it must be over.
        reason: Why, in your words; it stands in the audit trail.
    """
    number = do("close.start", Month(month=month), reason).result
    again = f" (round {number})" if number > 1 else ""
    out.print(f"{month} is frozen{again}, and its close has begun: suture close status {month}")


@app.command
def status(month: str = "") -> None:
    """Show how far a close is and what it waits for; without a month, all that were begun.

    Args:
        month: The month, for example 2026-10.
    """
    if month:
        _describe(with_context(lambda context: month_close.status(context, month)))
        return
    known = with_context(month_close.months)
    if not known:
        out.print("No month was ever closed here; suture close start MONTH begins.")
        return
    rows = (
        (one.month, one.state, str(one.round), ", ".join(s.by for s in one.signatures) or "-", _when(one.closed_at))
        for one in known
    )
    table(("month", "state", "round", "signed by", "closed (UTC)"), rows)


def _when(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def _describe(told: CloseStatus) -> None:
    period = told.period
    out.print(f"[bold]{period.month}[/] is {period.state}, round {period.round}, frozen by {period.frozen_by}.")
    done = told.process.journal if told.process else {}
    for step in DEFINITION.leaves():
        name, words = _STEPS[step.name]
        words = words.format(month=period.month, console=console_address())
        if step.name in done:
            out.print(f"  [green]✓[/] {name:<12} [dim]{words}[/]")
        elif step.name == told.stage:
            out.print(f"  [yellow]▸ {name:<12}[/] {words}")
        else:
            out.print(f"  [dim]· {name:<12} {words}[/]")
    for one in told.troubles:
        out.print(f"  [yellow]{escape(one.reason)}[/]")
        out.print(f"    {escape(one.remedy)}")
    for left in told.open:
        money = f", {left.money:,.2f} {left.currency}" if left.currency else ""
        out.print(f"  open: {left.count} by {left.rule}{money} (owner: {escape(left.owner)})")
    for signature in period.signatures:
        out.print(f"  signed by {escape(signature.by)}, {signature.at:%Y-%m-%d %H:%M} UTC")


@app.command
def sign(month: str, *, reason: str = "") -> None:
    """Say where a month's figures are signed: on the console, by two people who are signed in there. Here nobody is.

    Args:
        month: The month, for example 2026-10.
        reason: Is given on the console, too.
    """
    raise UserError(
        "a month's figures are signed by two people who are signed in, and an account of this machine is none: "
        f"sign on the console, {console_address()}/close/{month}"
    )


@app.command
def resume(month: str, *, reason: str = "") -> None:
    """Have a close go on that stopped: what it complained of is mended.

    Args:
        month: The month, for example 2026-10.
        reason: What you did; it stands in the audit trail.
    """
    do("close.resume", Month(month=month), reason)
    out.print(f"The close of {month} goes on: suture close status {month}")


@app.command
def report(month: str, *, to: Path | None = None) -> None:
    """Write a month's report: both sides by facility, accruals, differences, signatures, and the proof.

    Args:
        month: The month, for example 2026-10.
        to: The file; close-MONTH.html here unless told. ``-`` prints it.
    """

    async def make(context: CommandContext) -> str:
        return page(await gather(context, month), ZoneInfo(context.catalogue.organisation.timezone))

    text = with_context(make)
    if to is not None and str(to) == "-":
        sys.stdout.write(text)
        return
    path = to or Path(f"close-{month}.html")
    _write(path, text)
    out.print(f"The report is in {path}", markup=False)


def _write(path: Path, text: str) -> None:
    """All of it, or nothing."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from error


@app.command
def reopen(month: str, *, reason: str) -> None:
    """Open a month again: its signatures are void, and its close begins anew. Unlock it in the ledger, too.

    Args:
        month: The month, for example 2026-10.
        reason: Why; it stands in the audit trail and in the next report.
    """
    number = do("close.reopen", Month(month=month), reason).result
    out.print(f"{month} is open again (round {number} is over); unlock it in the ledger where it is locked there.")
