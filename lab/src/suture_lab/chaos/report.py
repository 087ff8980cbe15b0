"""What a day of chaos came to: injuries, recoveries, what was expected and what is there, and the verdict."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from suture_lab.chaos.monkey import DoneInjury
from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.statistics import HeldBack
from suture_lab.verdict.due import dues
from suture_lab.verdict.judge import Finding, RunVerdict

_FAULTS = ("lost", "doubled", "half_done", "wrong", "out_of_order")
_SHOWN = 10


class RecoveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of injury was recovered from. Seconds; `never`: how many were not within a minute and a half."""

    kind: str
    what: str
    count: int
    median: float | None
    worst: float | None
    never: int


class ChaosReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. `faults` are what the outside systems did wrong, by system and kind."""

    command: str
    seed: int
    settled: bool
    clean: bool
    day_seconds: float
    wall_s: float
    injuries: list[DoneInjury]
    recovery: list[RecoveryRow]
    faults: dict[str, dict[str, int]]
    expected: dict[str, int]
    found: dict[str, int]
    exceptions: dict[str, int]
    unexpected: list[HeldBack]
    verdict: RunVerdict
    revived: list[str]
    backbone: dict[str, int]

    @property
    def sound(self) -> bool:
        return self.settled and self.clean

    def as_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def recoveries(injuries: Sequence[DoneInjury]) -> list[RecoveryRow]:
    """One row for each kind of injury and what had to work again."""
    told: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for done in injuries:
        for recovery in done.recoveries:
            told[done.injury.kind, recovery.what].append(recovery.seconds)
    return [_row(kind, what, seconds) for (kind, what), seconds in sorted(told.items())]


def _row(kind: str, what: str, seconds: list[float | None]) -> RecoveryRow:
    known = [one for one in seconds if one is not None]
    return RecoveryRow(
        kind=kind,
        what=what,
        count=len(seconds),
        median=round(median(known), 2) if known else None,
        worst=max(known, default=None),
        never=len(seconds) - len(known),
    )


def expected_of(day: ClinicDay) -> dict[str, int]:
    """How much the day's plan makes due; payments that its plan names come on top once billing posted them."""
    due = dues(day).values()
    billed = [one for one in due if one.fate == "billed"]
    return {
        "charges": len(billed),
        "invoices": len(billed),
        "stock": sum("stock" in one.effects for one in billed),
        "accruals": sum("accrual" in one.effects for one in billed),
    }


def show(report: ChaosReport, out: Console) -> None:
    """Print it all, the verdict last."""
    out.print()
    out.print(_recovery_table(report.recovery))
    out.print()
    out.print(_counts_table(report))
    told = "; ".join(f"{system}: {_list(faults)}" for system, faults in report.faults.items() if faults)
    out.print(f"\nFaults of the outside systems: {told or 'none'}", markup=False, soft_wrap=True)
    out.print(f"Open exceptions: {_list(report.exceptions) or 'none'}", markup=False, soft_wrap=True)
    for held in report.unexpected[:_SHOWN]:
        out.print(f"  {held.key}: {held.code}: {held.reason} (owner: {held.owner})", markup=False, soft_wrap=True)
    _show_verdict(report, out)
    out.print(f"The same injuries again: {report.command}", markup=False, soft_wrap=True)


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _recovery_table(rows: Sequence[RecoveryRow]) -> Table:
    table = Table(title="Injuries, and seconds until all works again", title_justify="left", title_style="bold")
    for name in ("injury", "works again"):
        table.add_column(name)
    for name in ("times", "median", "worst", "never"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.kind.replace("_", " "),
            row.what,
            str(row.count),
            _seconds(row.median),
            _seconds(row.worst),
            str(row.never or ""),
        )
    return table


def _seconds(value: float | None) -> str:
    return "[dim]·[/]" if value is None else f"{value:.1f}"


def _counts_table(report: ChaosReport) -> Table:
    table = Table(title="What the outside systems hold", title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("due", justify="right")
    table.add_column("found", justify="right")
    for name, count in report.found.items():
        due = report.expected.get(name)
        table.add_row(name.replace("_", " "), "[dim]·[/]" if due is None else str(due), str(count))
    for name, count in report.backbone.items():
        table.add_row(name, "[dim]·[/]", str(count))
    return table


def _show_verdict(report: ChaosReport, out: Console) -> None:
    if not report.settled:
        out.print("[bold red]Not settled[/]: something was still on its way when nothing moved any more.")
    if report.clean:
        out.print("[bold green]0 lost, 0 doubled, 0 half done without an exception, order kept.[/]")
        return
    findings: dict[str, tuple[Finding, ...]] = {name: getattr(report.verdict, name) for name in _FAULTS}
    counts = ", ".join(f"{len(found)} {name.replace('_', ' ')}" for name, found in findings.items())
    out.print(f"[bold red]{counts}[/]")
    for name, found in findings.items():
        for finding in found[:_SHOWN]:
            out.print(
                f"  {name.replace('_', ' ')}: {finding.kind} {finding.key}: {finding.detail}",
                markup=False,
                soft_wrap=True,
            )
        if len(found) > _SHOWN:
            out.print(f"  … and {len(found) - _SHOWN} more")
