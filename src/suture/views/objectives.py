"""Service level objectives: what each interface is held to, what it achieves, and how fast its budget burns."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from suture.catalogue import Catalogue
from suture.catalogue.manifest import Role
from suture.catalogue.model import Interface, Slo
from suture.store import gauges
from suture.store.database import Connection, Database
from suture.store.gauges import Share

WINDOWS: Mapping[str, timedelta] = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "3d": timedelta(days=3),
}
"""By which burn rates are told: a page is due where a long and a short one agree (Google SRE workbook, chapter 5)."""

_MILESTONES: dict[Role, str] = {"billing": "charged", "ledger": "posted"}
"""Until when a visit's objective runs, by the role of the system that is written to."""


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """An interface's objective. `achieved` is None where nothing came; `budget_left` is 1 with no error, below 0 where
    more failed than may; `burn` by window: 1 uses up the budget exactly in time."""

    interface: str
    owner: str
    slo: Slo
    total: int
    achieved: float | None
    budget_left: float
    burn: dict[str, float]


async def objectives(database: Database, catalogue: Catalogue, now: datetime) -> list[Objective]:
    """Every interface that has an objective, in the catalogue's order."""
    async with database.connection() as connection:
        return [
            await _objective(connection, catalogue, name, interface, now)
            for name, interface in catalogue.interfaces.items()
            if interface.slo is not None and _is_measured(catalogue, interface)
        ]


def _is_measured(catalogue: Catalogue, interface: Interface) -> bool:
    return interface.direction == "in" or _milestone(catalogue, interface) is not None


def _milestone(catalogue: Catalogue, interface: Interface) -> str | None:
    roles = catalogue.systems[interface.system].manifest.roles
    return next((milestone for role, milestone in _MILESTONES.items() if role in roles), None)


async def _objective(
    connection: Connection, catalogue: Catalogue, name: str, interface: Interface, now: datetime
) -> Objective:
    slo = interface.slo or Slo()

    async def share(window: timedelta) -> Share:
        since = now - window
        if interface.direction == "in":
            return await gauges.inbound(connection, name, since, now, slo.within_seconds)
        milestone = _milestone(catalogue, interface) or ""
        return await gauges.outbound(connection, milestone, since, now, slo.within_seconds)

    whole = await share(timedelta(days=slo.window_days))
    burn = {window: burn_rate(await share(length), slo.objective) for window, length in WINDOWS.items()}
    return Objective(
        interface=name,
        owner=interface.owner,
        slo=slo,
        total=whole.total,
        achieved=whole.good / whole.total if whole.total else None,
        budget_left=1 - burn_rate(whole, slo.objective),
        burn=burn,
    )


def burn_rate(share: Share, objective: float) -> float:
    """The share that failed over the share that may. Nothing came: nothing burns."""
    return 0.0 if not share.total else (1 - share.good / share.total) / (1 - objective)
