"""``suture slo``: what each interface is held to, and what it achieves."""

from collections.abc import Sequence

from rich.markup import escape

from suture.acting.context import CommandContext
from suture.cli.acting import out, table, with_context
from suture.views.objectives import WINDOWS, Objective, objectives

_FAST = 14.4
_SLOW = 1.0


def slo() -> None:
    """Show each interface's objective, what it achieves, what is left of its error budget, and how fast that burns.

    A burn rate of 1 uses up the budget exactly by the window's end; 14.4 uses up a month's in two days.
    """

    async def read(context: CommandContext) -> Sequence[Objective]:
        return await objectives(context.database, context.catalogue, context.clock.now())

    found = with_context(read)
    if not found:
        out.print("No interface has an objective; in the catalogue: slo: {objective: 0.995, within_seconds: 300}")
        return
    table(("interface", "objective", "of", "achieved", "budget left", *WINDOWS, "owner"), map(_row, found))


def _row(one: Objective) -> tuple[str, ...]:
    achieved = "-" if one.achieved is None else f"{one.achieved:.3%}"
    left = f"{one.budget_left:.0%}"
    return (
        one.interface,
        f"{one.slo.objective:.1%} in {one.slo.within_seconds:g} s, {one.slo.window_days} d",
        f"{one.total:,}",
        achieved,
        left if one.budget_left > 0 else f"[red]{left}[/]",
        *(_rate(rate) for rate in one.burn.values()),
        escape(one.owner),
    )


def _rate(rate: float) -> str:
    style = "red" if rate >= _FAST else "yellow" if rate > _SLOW else ""
    return f"[{style}]{rate:.1f}[/]" if style else f"{rate:.1f}"
