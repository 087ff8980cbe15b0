"""``suture journey``: one appointment from raw delivery to invoice number, in the terminal."""

import uvloop
from rich.console import Console
from rich.table import Table

from suture.bootstrap.composition import foundation
from suture.bootstrap.settings import current
from suture.cli.trouble import UserError
from suture.core.english import plural
from suture.views.journey import Journey, journey_of

out = Console(highlight=False)


def journey(appointment: str) -> None:
    """Show one appointment's whole journey: deliveries, events, steps, exceptions, invoice.

    Args:
        appointment: The appointment's id, as the scheduling system calls it.
    """
    settings, secrets = current()

    async def find() -> Journey | None:
        async with foundation(settings, secrets, most=2) as base:
            return await journey_of(base.database, appointment)

    found = uvloop.run(find())
    if found is None:
        raise UserError(f"nothing was ever heard of appointment {appointment}; check the id at the scheduling system")
    _show(found)


def _show(found: Journey) -> None:
    row = found.row
    out.print(f"Appointment {found.appointment}", style="bold", markup=False)
    if row is not None:
        out.print(
            f"  status {row.status or '-'}, charge {row.charge_total or '-'}, invoice {row.invoice_number or '-'} "
            f"({row.payment_state or 'not posted'}), open {row.residual if row.residual is not None else '-'} "
            f"{row.currency or ''}",
            markup=False,
        )
    table = Table("when (UTC)", "what", "detail", box=None, pad_edge=False, header_style="dim")
    for when, what, detail in sorted(_moments(found)):
        table.add_row(when, what, detail)
    out.print(table)
    for exception in found.exceptions:
        out.print(f"exception {exception.number}, {exception.state}: {exception.reason}", style="red", markup=False)
        out.print(f"  {exception.remedy} (owner: {exception.owner})", markup=False)


def _moments(found: Journey) -> list[tuple[str, str, str]]:
    """Everything that happened, as (time, what, detail), to be sorted."""
    moments = [
        (_time(d.received_at), "delivery", f"{d.id}: {d.interface} {d.delivery_id} {d.state} receipt {d.receipt}")
        for d in found.deliveries
    ]
    moments += [
        (_time(e.recorded_at), "event", e.type + (" (stale: came too late)" if e.stale else "")) for e in found.events
    ]
    moments += [
        (_time(step.at), "step", f"{name} {step.state}, {plural(step.attempts, 'try', 'tries')}, {step.seconds:.3f} s")
        for process in found.processes
        for name, step in process.journal.items()
    ]
    return moments


def _time(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3]
