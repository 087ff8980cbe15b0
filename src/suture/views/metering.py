"""How the platform stands, as gauges: read when somebody asks for them, and not more often than every few seconds."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from suture.catalogue import Catalogue
from suture.core.clock import Clock
from suture.store import gauges, journeys
from suture.store.database import Connection, Database
from suture.telemetry.metrics import set_gauge
from suture.views.objectives import Objective, objectives
from suture.views.runbook import class_of
from suture.views.today import start_of_day

_FRESH = timedelta(seconds=10)
_OBJECTIVES_FRESH = timedelta(minutes=1)


class Meter:
    """Sets this process's gauges. Every worker shows the same."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._zone = ZoneInfo(catalogue.organisation.timezone)
        self._read_at: datetime | None = None
        self._objectives_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        async with self._reading:
            now = self._clock.now()
            if self._read_at is not None and now - self._read_at < _FRESH:
                return
            async with self._database.connection() as connection:
                await self._read(connection, now)
            if self._objectives_at is None or now - self._objectives_at > _OBJECTIVES_FRESH:
                _show(await objectives(self._database, self._catalogue, now))
                self._objectives_at = now
            self._read_at = now

    async def _read(self, connection: Connection, now: datetime) -> None:
        waiting = await gauges.queues(connection, now)
        set_gauge("suture_backlog", {(one.queue,): one.count for one in waiting})
        set_gauge("suture_backlog_age_seconds", {(one.queue,): one.age for one in waiting})
        await self._read_troubles(connection, now)
        shut = await gauges.gates(connection)
        set_gauge(
            "suture_interface_shut",
            {(one.interface, why): getattr(one, why) for one in shut for why in ("breaker", "paused")},
        )
        unreconciled = await self._read_discrepancies(connection, now)
        await self._read_day(connection, now, unreconciled)

    async def _read_troubles(self, connection: Connection, now: datetime) -> None:
        by_class: dict[tuple[str, ...], float] = {}
        troubles = await gauges.exceptions(connection, now)
        for one in troubles:
            key = (class_of(one.code), one.owner)
            by_class[key] = by_class.get(key, 0) + one.count
        set_gauge("suture_open_exceptions", by_class)
        set_gauge("suture_overdue_exceptions", {(): sum(one.overdue for one in troubles)})

    async def _read_discrepancies(self, connection: Connection, now: datetime) -> float:
        """Answers the money in them."""
        known = {rule.name for rule in self._catalogue.reconciliation.standing}
        found = await gauges.discrepancies(connection)
        set_gauge("suture_open_discrepancies", {(one.rule,): one.count for one in found if one.rule in known})
        at = await gauges.reconciled_at(connection)
        if at is not None:
            set_gauge("suture_reconciliation_age_seconds", {(): (now - at).total_seconds()})
        return float(sum(one.money for one in found))

    async def _read_day(self, connection: Connection, now: datetime, unreconciled: float) -> None:
        day = await journeys.funnel(connection, start_of_day(now, self._zone))
        currency = self._catalogue.organisation.currency
        if day.completed:
            got = {"charged": day.charged, "posted": day.posted, "paid": day.paid}
            set_gauge("suture_completion_ratio", {(name,): count / day.completed for name, count in got.items()})
        set_gauge("suture_unbilled_appointments", {(): day.unbilled})
        set_gauge(
            "suture_money",
            {
                ("unposted", currency): float(day.unposted_total),
                ("unpaid", currency): float(day.residual),
                ("unreconciled", currency): unreconciled,
            },
        )


def _show(found: list[Objective]) -> None:
    set_gauge(
        "suture_slo_burn_rate",
        {(one.interface, window): rate for one in found for window, rate in one.burn.items()},
    )
    set_gauge("suture_slo_budget_left", {(one.interface,): one.budget_left for one in found})
