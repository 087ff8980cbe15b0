"""Watches the day until all is settled, showing how far it is."""

import asyncio
import time
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from suture.store import exceptions
from suture.store.database import Connection, Database
from suture_lab import statistics
from suture_lab.stage import Stage
from suture_lab.statistics import UnsettledCounts

_INTERVAL = 1.0
_GIVE_UP_SECONDS = 180.0
_CALM_LOOKS = 2
_LINE_SECONDS = 5.0
_NOTHING_LEFT = UnsettledCounts(deliveries=0, processes=0, waiting=0, events=0)

_ROWS = (
    ("booked", "suture.appointment.booked.v1"),
    ("completed", "suture.appointment.completed.v1"),
    ("cancelled", "suture.appointment.cancelled.v1"),
    ("no-shows", "suture.appointment.no_show.v1"),
    ("charges captured", "suture.charge.captured.v1"),
    ("stock consumed", "suture.stock.consumed.v1"),
    ("compensation accrued", "suture.compensation.accrued.v1"),
    ("invoices posted", "suture.invoice.posted.v1"),
    ("payments posted", "suture.payment.posted.v1"),
    ("payments applied", "suture.invoice.paid.v1"),
)


async def watch(stage: Stage, out: Console) -> bool:
    """Show progress until everything is settled (True), or nothing has moved for three minutes (False)."""
    database = await Database.connect(stage.settings.database_url or "", most=2)
    try:
        if not out.is_terminal:
            return await _until_settled(stage, database, _Lines(out).show)
        with Live(console=out, refresh_per_second=4) as live:
            return await _until_settled(stage, database, lambda progress: live.update(_table(progress)))
    finally:
        await database.close()


class _Progress(msgspec.Struct, frozen=True):
    """How far the day is: facts by event type, open exceptions, appointments planned, seconds since the start."""

    counts: dict[str, int]
    open_count: int
    planned: int
    seconds: float


class _Lines:
    """Progress for a log instead of a screen: a line every few seconds."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._shown = 0.0

    def show(self, progress: _Progress) -> None:
        if progress.seconds - self._shown < _LINE_SECONDS:
            return
        self._shown = progress.seconds
        told = ", ".join(f"{progress.counts.get(event_type, 0)} {label}" for label, event_type in _ROWS[:8:7])
        self._out.print(f"{progress.seconds:.0f} s: {told}, {progress.open_count} for a person to look at")


async def _until_settled(stage: Stage, database: Database, show: Callable[[_Progress], None]) -> bool:
    calm, moved = 0, time.monotonic()
    last: dict[str, int] = {}
    while calm < _CALM_LOOKS:
        await asyncio.sleep(_INTERVAL)
        async with database.connection() as connection:
            counts = await statistics.facts_by_type(connection)
            open_count = await exceptions.count_open(connection)
            settled = await _is_settled(stage, connection)
        show(_Progress(counts, open_count, len(stage.day.appointments), time.monotonic() - stage.began))
        if counts != last:
            last, moved, calm = counts, time.monotonic(), 0
        calm = calm + 1 if settled else 0
        if time.monotonic() - moved > _GIVE_UP_SECONDS:
            return False
    return True


async def _is_settled(stage: Stage, connection: Connection) -> bool:
    """The outside systems have told all they have to tell, and nothing of ours is on its way."""
    left: UnsettledCounts = await statistics.unsettled(connection)
    if left != _NOTHING_LEFT:
        return False
    scheduling, billing = await asyncio.gather(
        asyncio.to_thread(stage.simulated.control, "scheduling", "/control/progress"),
        asyncio.to_thread(stage.simulated.control, "billing", "/control/progress"),
    )
    return bool(scheduling["done"] and billing["done"])


def _table(progress: _Progress) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(width=24)
    table.add_column(justify="right", width=7)
    table.add_column(width=44)
    completed = max(progress.counts.get("suture.appointment.completed.v1", 0), 1)
    for label, event_type in _ROWS:
        count = progress.counts.get(event_type, 0)
        whole = progress.planned if event_type == "suture.appointment.booked.v1" else max(completed, count)
        table.add_row(label, str(count), _bar(count, whole))
    style = "yellow" if progress.open_count else "green"
    table.add_row("for a person to look at", str(progress.open_count), f"{progress.seconds:.0f} s", style=style)
    return table


def _bar(count: int, whole: int, width: int = 40) -> str:
    filled = min(round(width * count / max(whole, 1)), width)
    return f"[cyan]{'━' * filled}[/][dim]{'━' * (width - filled)}[/]"
