"""Follows the day to its end and beyond, until nothing is on its way any more."""

import asyncio
from collections.abc import Callable
from time import monotonic

import asyncpg
import msgspec

from suture.cli.trouble import UserError
from suture.store import exceptions
from suture_lab import statistics
from suture_lab.chaos.measure import AWAY
from suture_lab.stage import Stage
from suture_lab.statistics import UnsettledCounts

_LOOK_SECONDS = 1.0
_LINE_SECONDS = 5.0
_GIVE_UP_SECONDS = 120.0
_CALM_LOOKS = 3
_ASK_SECONDS = 5.0


class Progress(msgspec.Struct, frozen=True):
    """How far the day is: facts by type, open exceptions, and what is on its way."""

    counts: dict[str, int]
    open_count: int
    unsettled: UnsettledCounts

    @property
    def nothing_left(self) -> bool:
        return not any(msgspec.structs.astuple(self.unsettled))

    def line(self, planned: int) -> str:
        booked = self.counts.get("suture.appointment.booked.v1", 0)
        posted = self.counts.get("suture.invoice.posted.v1", 0)
        paid = self.counts.get("suture.invoice.paid.v1", 0)
        left = ", ".join(f"{value} {name}" for name, value in msgspec.structs.asdict(self.unsettled).items() if value)
        return (
            f"{booked} of {planned} booked, {posted} invoices, {paid} payments, {self.open_count} for a person; "
            f"on its way: {left or 'nothing'}"
        )


class Watch:
    """Says every few seconds how far the day is, through all its outages; knows when all is settled."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._tell = tell
        self._told_at = 0.0
        self._told_revived = 0

    async def while_injured(self) -> None:
        """Tell until cancelled."""
        while True:
            self._show(await self._look())
            await asyncio.sleep(_LOOK_SECONDS)

    async def until_settled(self) -> bool:
        """True when nothing is on its way and the outside systems have told all; False when nothing moves any more."""
        calm, moved_at = 0, monotonic()
        last: Progress | None = None
        while monotonic() - moved_at < _GIVE_UP_SECONDS:
            progress = await self._look()
            self._show(progress)
            if progress != last:
                last, moved_at = progress, monotonic()
            settled = progress is not None and progress.nothing_left and await self._all_told()
            calm = calm + 1 if settled else 0
            if calm == _CALM_LOOKS:
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def _look(self) -> Progress | None:
        """None while the database is away."""
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                connection = await asyncpg.connect(self._stage.servers.database_url)
                try:
                    return Progress(
                        await statistics.facts_by_type(connection),
                        await exceptions.count_open(connection),
                        await statistics.unsettled(connection),
                    )
                finally:
                    connection.terminate()
        except AWAY:
            return None

    async def _all_told(self) -> bool:
        told = [
            asyncio.to_thread(self._stage.simulated.control, system, "/control/progress")
            for system in ("scheduling", "billing")
        ]
        try:
            return all(progress["done"] for progress in await asyncio.gather(*told))
        except UserError:  # a simulator that is too busy to answer has not told all
            return False

    def _show(self, progress: Progress | None) -> None:
        seconds = monotonic() - self._stage.began
        revived = self._stage.revived[self._told_revived :]
        self._told_revived += len(revived)
        for line in revived:
            self._tell(f"{seconds:5.1f} s  + {line}")
        if monotonic() - self._told_at >= _LINE_SECONDS:
            self._told_at = monotonic()
            told = "the database is away" if progress is None else progress.line(len(self._stage.day.appointments))
            self._tell(f"{seconds:5.1f} s    {told}")
