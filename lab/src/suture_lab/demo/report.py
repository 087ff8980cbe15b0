"""The demo's summary: both sides read and compared, what it cost, and whether all is accounted for."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from suture.bootstrap.composition import connect_systems, foundation, ledger_plan
from suture.reconcile.differences import LACKING
from suture.store import events
from suture.store.database import Connection
from suture_lab import statistics
from suture_lab.demo import trial_balance
from suture_lab.demo.comparison import Comparison, DemoDifference, SideTotals, compare_sides
from suture_lab.demo.trial_balance import AccountMove
from suture_lab.stage import Stage, far_ahead
from suture_lab.statistics import Latencies
from suture_lab.verdict.explained import explained

_QUANTILES = ("p50", "p95", "p99")


class DemoReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The figures of one demo run. Totals are decimal strings; latencies in milliseconds; times in seconds."""

    settled: bool
    currency: str
    appointments: dict[str, int]
    suture: SideTotals
    odoo: SideTotals
    billing: SideTotals
    lost: int
    duplicated: int
    unexplained: list[DemoDifference]
    trial_balance: list[AccountMove]
    exceptions: list[dict[str, Any]]
    skipped: list[str]
    latency_ms: dict[str, dict[str, float]]
    flows_per_s: float
    wall_s: float
    cpu_s: dict[str, float]

    @property
    def sound(self) -> bool:
        """Nothing is lost, doubled or unexplained, every account moved as it should, nothing is still on its way."""
        return self.settled and not self.unexplained and all(move.agrees for move in self.trial_balance)

    def as_json(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"

    def show(self, out: Console) -> None:
        out.print()
        out.print(_sides(self))
        out.print()
        out.print(_accounts(self))
        out.print()
        _verdict(self, out)


async def summary(stage: Stage, settled: bool, wall_s: float, skipped: list[str]) -> DemoReport:
    """Read every side and compare."""
    cpu = cpu_seconds(stage.processes)
    async with foundation(stage.settings, stage.secrets, most=4) as base:
        catalogue = base.catalogue
        systems = connect_systems(catalogue, stage.secrets)
        try:
            async with base.database.connection() as connection:
                held = await statistics.held(connection)
                own = await _own_totals(connection)
                latencies = await statistics.latencies(connection)
                told = await events.of_types(connection, trial_balance.FACTS)
            only = {plan.id for plan in stage.day.appointments}
            comparison = await compare_sides(base, systems, only, _days(stage), explained(held))
            balances = await systems.ledger.balances(far_ahead())
        finally:
            await systems.close()
    currency = catalogue.organisation.currency
    return DemoReport(
        settled=settled,
        currency=currency,
        appointments=_appointments(comparison),
        suture=own,
        odoo=comparison.ledger,
        billing=comparison.billing,
        lost=comparison.count(*LACKING),
        duplicated=comparison.count("twice"),
        unexplained=list(comparison.differences),
        trial_balance=list(
            trial_balance.account_moves(
                stage.balances, balances, trial_balance.expected_moves(told, ledger_plan(catalogue))
            )
        ),
        exceptions=[msgspec.to_builtins(one) for one in held if one.state == "open"],
        skipped=skipped,
        latency_ms={
            "ingest": dict(zip(_QUANTILES, latencies.ingest, strict=False)),
            "end_to_end": dict(zip(_QUANTILES, latencies.end_to_end, strict=False)),
        },
        flows_per_s=_rate(latencies),
        wall_s=round(wall_s, 2),
        cpu_s=cpu,
    )


def _days(stage: Stage) -> tuple[date, date]:
    """The days on which a played day's documents can be dated."""
    first = min(plan.start for plan in stage.day.appointments).date()
    return first - timedelta(days=2), far_ahead()


def _rate(latencies: Latencies) -> float:
    return round(latencies.flows / latencies.seconds, 1) if latencies.seconds else 0.0


def _appointments(comparison: Comparison) -> dict[str, int]:
    """As the scheduling system holds them; every appointment was booked once."""
    states = comparison.appointments
    return {
        "booked": sum(states.values()),
        "completed": states.get("fulfilled", 0),
        "cancelled": states.get("cancelled", 0),
        "no_show": states.get("noshow", 0),
    }


async def _own_totals(connection: Connection) -> SideTotals:
    counts = await statistics.facts_by_type(connection)
    money = await statistics.money_moved(connection)
    return SideTotals(
        charges=counts.get("suture.charge.captured.v1", 0) - counts.get("suture.charge.voided.v1", 0),
        charge_total=_plain(money.charge_total),
        invoices_posted=counts.get("suture.invoice.posted.v1", 0),
        invoice_total=_plain(money.invoice_total),
        payments=counts.get("suture.invoice.paid.v1", 0),
        payment_total=_plain(money.payment_total),
        stock_moves=counts.get("suture.stock.consumed.v1", 0) - counts.get("suture.stock.returned.v1", 0),
        accruals=counts.get("suture.compensation.accrued.v1", 0) - counts.get("suture.compensation.reversed.v1", 0),
    )


def _plain(amount: Decimal) -> str:
    return f"{amount:.2f}"


def cpu_seconds(processes: dict[str, int]) -> dict[str, float]:
    """User and system seconds of each process with its children, by name."""
    spent: dict[str, float] = {}
    for name, pid in processes.items():
        try:
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            ended = process.cpu_times()
            spent[name] = round(
                sum(sum(one.cpu_times()[:2]) for one in family) + ended.children_user + ended.children_system, 2
            )
        except psutil.NoSuchProcess:
            continue
    return spent


def _sides(report: DemoReport) -> Table:
    table = Table(title="Both sides, counted by reading each", title_justify="left", title_style="bold")
    table.add_column("")
    for side in ("billing", "Suture", "Odoo"):
        table.add_column(side, justify="right")
    rows = (
        ("charges", "charges"),
        ("charged", "charge_total"),
        ("invoices posted", "invoices_posted"),
        ("invoiced", "invoice_total"),
        ("payments", "payments"),
        ("paid", "payment_total"),
        ("stock moves", "stock_moves"),
        ("accruals", "accruals"),
    )
    for label, field in rows:
        cells = [getattr(side, field) for side in (report.billing, report.suture, report.odoo)]
        table.add_row(label, *(_cell(cell, report.currency) for cell in cells))
    return table


def _accounts(report: DemoReport) -> Table:
    """The trial balance's movements: what Odoo's accounts did, beside what Suture's own facts say."""
    table = Table(title="Accounts moved in Odoo, beside what was told", title_justify="left", title_style="bold")
    table.add_column("account")
    for column in ("moved", "told"):
        table.add_column(column, justify="right")
    for move in report.trial_balance:
        style = "" if move.agrees else "bold red"
        cells = (_cell(move.moved, report.currency), _cell(move.expected, report.currency))
        table.add_row(f"{move.account} {move.name}".strip(), *cells, style=style)
    return table


def _cell(value: int | str | None, currency: str) -> str:
    if value is None:
        return "[dim]·[/]"
    return f"{value:,}" if isinstance(value, int) else f"{Decimal(value):,.2f} {currency}"


def _verdict(report: DemoReport, out: Console) -> None:
    told = report.appointments
    out.print(
        f"{told['booked']} appointments booked: {told['completed']} completed, {told['cancelled']} cancelled, "
        f"{told['no_show']} no-shows."
    )
    quickness = report.latency_ms["end_to_end"]
    if quickness:
        out.print(
            f"From completed to posted invoice: half within {quickness['p50'] / 1000:.2f} s, "
            f"95 of 100 within {quickness['p95'] / 1000:.2f} s; {report.flows_per_s} invoices a second."
        )
    if report.exceptions:
        count = len(report.exceptions)
        out.print(f"{count} {'waits' if count == 1 else 'wait'} for a person, with the reason:", style="yellow")
        for one in report.exceptions[:8]:
            out.print(f"  {one['key']}: {one['reason']} (owner: {one['owner']})", markup=False)
        if count > 8:
            out.print(f"  … and {count - 8} more, on the page under what is stuck")
    if report.sound:
        out.print(
            "[bold green]Every completed appointment is accounted for[/]: 0 lost, 0 duplicated, nothing unexplained."
        )
        return
    reason = "" if report.settled else ", and some work had not settled"
    out.print(
        f"[bold red]Not sound[/]: {report.lost} lost, {report.duplicated} duplicated, "
        f"{len(report.unexplained)} differences in all{reason}."
    )
    for move in report.trial_balance:
        if not move.agrees:
            out.print(f"  account {move.account} moved by {move.moved}, and {move.expected} was told", markup=False)
    for difference in report.unexplained[:10]:
        out.print(f"  {difference.key} {difference.kind}: {difference.detail}", markup=False)
