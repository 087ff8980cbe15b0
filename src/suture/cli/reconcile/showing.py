"""How discrepancies and days are told to a person who knows money, not code."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from suture.cli.acting import count
from suture.store.discrepancies import Summary
from suture.store.ledger_snapshot import DailyTotals
from suture.views.daily import BOOKS, Figure, daily
from suture.views.discrepancies import DiscrepancyAccount
from suture.views.words import Words, document_of


def summarise(left: Sequence[Summary], out: Console, *, aside: int = 0) -> int:
    """Open discrepancies by rule; answers how many there are. `aside` are differences that a person knows, or that are
    too young to be asked about."""
    if not left and aside:
        out.print(
            f"[green]Both sides agree[/], but for {count(aside, 'difference')} known to a person, or too young to be "
            "asked about: suture reconcile run --now asks at once."
        )
        return 0
    if not left:
        out.print("[green]Both sides agree[/]: nothing is missing, doubled or different.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("open", "rule", "owner", "money", "oldest"):
        table.add_column(column, justify="right" if column in ("open", "money") else "left")
    for one in left:
        money = f"{one.money:,.2f} {one.currency}" if one.currency else "-"
        table.add_row(str(one.count), one.rule, escape(one.owner), money, f"{one.oldest:%Y-%m-%d %H:%M}")
    out.print(table)
    out.print("suture reconcile list shows each", style="dim")
    return sum(one.count for one in left)


def describe(told: DiscrepancyAccount, said: Words, out: Console) -> None:
    one, rule = told.discrepancy, told.rule
    out.print(f"[bold]Discrepancy {one.number}[/] ({one.state}): {escape(said.describe(one, rule))}")
    out.print(f"  Asked        {escape(rule.asks) if rule else 'by a rule that is no more'} [dim]({one.rule})[/]")
    if one.money is not None:
        out.print(f"  At stake     {one.money:,.2f} {one.currency or ''}")
    where = ", ".join(filter(None, (one.appointment and f"appointment {one.appointment}", one.facility, one.party)))
    for name, fact in (
        ("About", where),
        ("Day", str(one.day or "")),
        ("Owner", one.owner),
        ("Found", f"{one.opened_at:%Y-%m-%d %H:%M} UTC, seen last {one.seen_at:%Y-%m-%d %H:%M}"),
    ):
        if fact:
            out.print(f"  {name:<12} {escape(fact)}")
    for title, books in (("Compared", one.evidence["compared"]), ("Besides", one.evidence["also"])):
        for book, documents in books.items():
            _documents(out, title, said.side_of(book), documents)
            title = ""  # noqa: PLW2901 (the heading stands once)
    for trouble in told.exceptions:
        out.print(f"  Exception    {trouble.number} ({trouble.state}): {escape(trouble.reason)}")
    _ending(told, said, out)


def _documents(out: Console, title: str, side: str, documents: Sequence[dict[str, Any]]) -> None:
    lines = [escape(document_of(one)) for one in documents] or ["[yellow]nothing[/]"]
    for number, line in enumerate(lines):
        out.print(f"  {title if not number else '':<12} {side if not number else '':<24} {line}")
        title = ""


def _ending(told: DiscrepancyAccount, said: Words, out: Console) -> None:
    one = told.discrepancy
    if one.state in ("open", "repairing"):
        remedy = escape(said.remedy(one, told.rule) or said.repair_of(one.repair))
        if one.repair == "by_hand":
            out.print(f"  By hand      {remedy}; suture reconcile run closes it once both sides agree")
        else:
            out.print(f"  Repair       {remedy}: suture reconcile repair {one.number}")
        out.print(f"  Or           suture reconcile accept {one.number} --reason WHY")
    elif one.closed_at is not None:
        out.print(f"  Closed       {one.closed_at:%Y-%m-%d %H:%M} UTC by {escape(one.closed_by or '-')}, {one.state}")
        out.print(f"  Because      {escape(one.reason or '-')}")
    for act in told.acts:
        out.print(f"  {act.at:%m-%d %H:%M}  {escape(act.actor)} {act.action} {escape(act.reason)}", style="dim")


def describe_days(tallies: Sequence[DailyTotals], out: Console) -> None:
    """A line a day: each side's count and sum, all facilities together."""
    if not tallies:
        out.print("Nothing was read of these days yet; suture reconcile run reads them.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("day")
    for _, title in BOOKS:
        table.add_column(title.lower(), justify="right")
    table.add_column("agree")
    for one in reversed(daily(tallies)):
        agree = "[green]•[/]" if one.agrees else "[red]no[/]"
        table.add_row(str(one.day), *map(_shown, one.figures), agree)
    out.print(table)


def _shown(figure: Figure) -> str:
    return f"{figure.count:,}" + (f"  {figure.amount:,.2f}" if figure.amount else "")
