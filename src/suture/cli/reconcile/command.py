"""The commands: run, list, show, repair, accept, days, rules."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.markup import escape

from suture.acting.context import CommandContext, RepairContext
from suture.catalogue.reconciliation import standard_text
from suture.cli.acting import Most, Number, age, count, do, due, me, out, table, with_context
from suture.cli.reconcile.running import run_all
from suture.cli.reconcile.showing import describe, describe_days, summarise
from suture.commands.table import Exceptions, OneDiscrepancy, perform
from suture.reconcile.watch import window
from suture.store.discrepancies import Discrepancy, DiscrepancySelection
from suture.store.ledger_snapshot import DailyTotals
from suture.store.reconciliations import Reconciliation
from suture.views import discrepancies
from suture.views.words import Words

app = App(
    name="reconcile",
    help="Is anything missing, on either side? Reads scheduling, billing and the ledger themselves, and compares.",
    help_epilogue="A worker reconciles by itself, as often as the catalogue says; `run` does it now.",
)

_WAIT_SECONDS = 30.0


@app.command
def run(
    *,
    since: date | None = None,
    until: date | None = None,
    now: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Read every side and compare. Exit status 1 where discrepancies are open.

    Without dates: the days of the catalogue's window, and every older one in which something changed. Broken off, the
    next run goes on where it stopped.

    Args:
        since: The first day to read, for example 2026-03-01.
        until: The last day to read; today unless told.
        now: Ask at once of what is young, too, without the rules' waiting times; what is on its way may be told.
    """
    ended = run_all(since, until, at_once=now)
    days = f"{ended.days[0]} to {ended.days[-1]}" if ended.days else "no day yet"
    out.print(
        f"Read {ended.documents:,} documents of {count(len(ended.days), 'day')} ({days}): "
        f"{ended.found} new, {ended.cleared} no more, {ended.explained} known to a person or on their way."
    )
    left = with_context(lambda context: discrepancies.summary(context.database))
    if summarise(left, out, aside=ended.explained):
        sys.exit(1)


@app.command(name="list")
def list_(
    *,
    state: Literal["open", "repaired", "accepted", "all"] = "open",
    rule: str = "",
    owner: str = "",
    about: str = "",
    since: date | None = None,
    until: date | None = None,
    most: Most = 50,
) -> None:
    """List discrepancies, oldest first.

    Args:
        state: Only those in this state; open ones include those under repair.
        rule: Only those by this rule (see `suture reconcile rules`).
        owner: Only those that this owner answers for.
        about: Only those about this appointment, payment, payer or supplier.
        since: Only those dated on this day or later.
        until: Only those dated on this day or earlier.
        most: How many at most.
    """
    chosen = DiscrepancySelection(
        state="" if state == "all" else state, rule=rule, owner=owner, about=about, first=since, last=until
    )

    async def read(context: CommandContext) -> tuple[list[Discrepancy], list[Reconciliation]]:
        return await discrepancies.listed(context.database, chosen, most + 1), await discrepancies.runs(
            context.database
        )

    found, runs = with_context(read)
    if not found:
        out.print(_nothing(runs, whole=chosen == DiscrepancySelection()) if state == "open" else "There is none.")
        return
    table(("no.", "rule", "what", "about", "day", "money", "age", "due", "owner", "repair"), map(_row, found[:most]))
    if len(found) > most:
        out.print(f"… and more; --most {most * 4} shows them", style="dim")
    out.print("suture reconcile show NUMBER shows what both sides hold", style="dim")


def _nothing(runs: Sequence[Reconciliation], *, whole: bool) -> str:
    """What an empty list says: nothing was found, or nobody looked."""
    if not runs or runs[0].finished_at is None:
        return "No comparison was made yet: suture reconcile run makes one."
    last = f"{runs[0].finished_at:%Y-%m-%d %H:%M} UTC"
    return f"Both sides agree, as compared {last}." if whole else f"There is none of these, as compared {last}."


def _row(one: Discrepancy) -> tuple[str, ...]:
    open_ = one.state in ("open", "repairing")
    return (
        str(one.number),
        one.rule,
        one.what,
        escape(one.key),
        str(one.day or "-"),
        money(one.money, one.currency),
        age(one.opened_at),
        due(one.due_at) if open_ else one.state,
        escape(one.owner),
        one.repair.replace("_", " ") if open_ else "-",
    )


def money(amount: Decimal | None, currency: str | None) -> str:
    return "-" if amount is None else f"{amount:,.2f} {currency or ''}".strip()


@app.command
def show(number: Number) -> None:
    """Show one discrepancy: what was asked, what each side holds, what is at stake, and how it is put right.

    Args:
        number: Its number in the list.
    """

    async def read(context: CommandContext) -> tuple[discrepancies.DiscrepancyAccount, Words]:
        return await discrepancies.account(context, number), Words.of(context.catalogue)

    describe(*with_context(read), out)


@app.command
def repair(number: Number, *, reason: str = "", wait: float = _WAIT_SECONDS) -> None:
    """Put a discrepancy right as proposed, then read both sides again. Exit status 1 where they don't agree yet.

    Args:
        number: Its number in the list.
        reason: Why, in your words; it stands in the audit trail.
        wait: For how many seconds to wait for both sides to agree.
    """

    chosen = OneDiscrepancy(number=number)

    async def act(context: CommandContext) -> Discrepancy:
        out.print((await perform(context, me(reason), "discrepancies.repair", chosen)).words, markup=False)
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            after: Discrepancy = (await perform(context, me(reason), "discrepancies.verify", chosen)).result
            if after.state not in ("open", "repairing") or asyncio.get_running_loop().time() > deadline:
                return after
            await asyncio.sleep(0.5)

    after = with_context(act, RepairContext)
    if after.state == "repaired":
        out.print(f"[green]Both sides agree[/]: discrepancy {number} is closed.")
        return
    out.print(
        f"Both sides don't agree yet: it stays under repair. `suture reconcile show {number}` shows what they hold; "
        "the next run looks again."
    )
    sys.exit(1)


@app.command
def accept(*numbers: Number, reason: str) -> None:
    """Leave differences as they are. They are told again only when what the sides hold changes.

    Args:
        numbers: Their numbers in the list.
        reason: Why they may stay; it stands in the audit trail and in the close's report.
    """
    accepted = do("discrepancies.accept", Exceptions(numbers=numbers), reason).result
    out.print(f"{count(len(accepted), 'discrepancy', 'discrepancies')} accepted: {reason}", markup=False)


@app.command
def days(*, since: date | None = None, until: date | None = None) -> None:
    """Show what each side held of each day when it was last read, counted and summed; a dot where the hashes agree.

    Args:
        since: The first day; a week ago unless told.
        until: The last day; today unless told.
    """

    async def read(context: CommandContext) -> Sequence[DailyTotals]:
        today = window(context.catalogue, context.clock)[1]
        last = until or today
        return await discrepancies.days(context.database, since or last - timedelta(days=6), last)

    describe_days(with_context(read), out)


@app.command
def rules(*, yaml: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List what reconciliation asks, in the order in which it asks.

    Args:
        yaml: Print the standard rules as they are written in a catalogue, to change them there.
    """
    if yaml:
        sys.stdout.write(standard_text())
        return

    async def read(context: CommandContext) -> list[tuple[str, ...]]:
        return [
            (rule.name, escape(rule.asks), f"{rule.after_hours:g} h", rule.repair.replace("_", " "))
            for rule in context.catalogue.reconciliation.standing
        ]

    table(("rule", "asks", "after", "repair"), with_context(read))
