"""``suture interfaces``, ``pause`` and ``resume``: every way in and out, and whether it flows."""

from collections.abc import Sequence

from rich.markup import escape

from suture.acting.context import CommandContext
from suture.bootstrap.settings import current
from suture.catalogue.load import fingerprint
from suture.cli.acting import age, do, out, table, with_context
from suture.commands.table import Named
from suture.views import interfaces as views
from suture.views.interfaces import InterfaceState


def interfaces() -> None:
    """List every interface of the catalogue: whether it flows, what waits at it, and why."""
    read = fingerprint(current()[0].catalogue)

    async def look(context: CommandContext) -> tuple[list[InterfaceState], Sequence[str]]:
        found = await views.interfaces(context.database, context.catalogue.interfaces)
        return found, await views.by_another_catalogue(context, read)

    found, others = with_context(look)
    table(("interface", "way", "state", "waiting", "why", "owner"), (_row(one) for one in found))
    if others:
        out.print(
            f"The catalogue was changed since {', '.join(others)} started. Restart them: until then they go on by the "
            "one that they read.",
            style="yellow",
            markup=False,
        )


def _row(one: InterfaceState) -> tuple[str, ...]:
    gate, why = one.gate, ""
    if gate.paused_at is not None:
        why = f"{gate.paused_by}, {age(gate.paused_at)} ago: {gate.pause_reason}"
    elif gate.opened_at is not None:
        why = f"{gate.cause}, for {age(gate.opened_at)}"
    style = "" if gate.flowing else "[yellow]"
    return (
        one.name,
        one.interface.direction,
        style + one.words,
        str(one.waiting or "-"),
        escape(why),
        one.interface.owner,
    )


def pause(interface: str, *, reason: str) -> None:
    """Hold an interface up. Deliveries are still taken and wait; processes wait before their next call.

    Args:
        interface: Its name in the catalogue; `suture interfaces` lists them.
        reason: Why; others see it.
    """
    do("interfaces.pause", Named(name=interface), reason)
    out.print(f"{interface} is paused. `suture resume {interface}` lets it flow again; nothing is lost meanwhile.")


def resume(interface: str, *, reason: str = "") -> None:
    """Let an interface flow again. What waited goes on in order, at the catalogue's `drain` rate.

    Args:
        interface: Its name in the catalogue.
        reason: Why; it stands in the audit trail.
    """
    do("interfaces.resume", Named(name=interface), reason)
    out.print(f"{interface} flows again. If its system was away, it is tried at once: suture interfaces")
