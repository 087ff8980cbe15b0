"""What a day's plan makes due in the other systems, worked out from the plan alone. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from suture.core.money import round_money
from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay, ClinicService, PlannedLine

Fate = Literal["billed", "refused", "undone", "idle"]

DEFAULT_SHARE = Decimal("0.30")
"""The practitioner's part where the price list has no rule, as in the catalogue's template."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What an appointment comes to.

    `billed` is completed and can be billed; `refused` is completed and a person must decide, for the payer refuses or
    nothing was delivered; `undone` was completed and cancelled after all; `idle` never took place. The figures are
    those of the visit where it took place, zero and empty where there is nothing of the kind; `day` is its day of
    service (a played day is laid out in UTC), `party` who owes it.
    """

    key: str
    fate: Fate
    total: Decimal = Decimal(0)
    supplies: Mapping[str, Decimal] = {}
    compensation: Decimal = Decimal(0)
    day: date | None = None
    party: str = ""

    @property
    def effects(self) -> tuple[str, ...]:
        """The kinds of documents that the visit needs, in the order of a bill's making."""
        due = {"charge": True, "invoice": True, "stock": bool(self.supplies), "accrual": bool(self.compensation)}
        return tuple(kind for kind, needed in due.items() if needed)


def dues(day: ClinicDay, default_share: Decimal = DEFAULT_SHARE) -> dict[str, Due]:
    """What is due, by appointment."""
    services = {service.code: service for service in day.services}
    return {plan.id: _due(plan, services, day.currency, default_share) for plan in day.appointments}


def _due(plan: AppointmentPlan, services: Mapping[str, ClinicService], currency: str, default_share: Decimal) -> Due:
    fate = _fate(plan)
    if fate == "idle":
        return Due(key=plan.id, fate=fate)
    priced = list(_priced(plan.lines, services, currency))
    shares = (amount * _share(service, default_share) for service, amount in priced)
    return Due(
        key=plan.id,
        fate=fate,
        total=sum((round_money(amount, currency) for _, amount in priced), Decimal(0)),
        supplies=_supplies(plan.lines, services),
        compensation=round_money(sum(shares, Decimal(0)), currency),
        day=(plan.start + timedelta(minutes=plan.minutes)).astimezone(UTC).date(),
        party=f"Payer/{plan.payer}" if plan.payer else f"Patient/{plan.patient}",
    )


def _fate(plan: AppointmentPlan) -> Fate:
    if "completed" not in plan.story:
        return "idle"
    if plan.story[-1] != "completed":
        return "undone"
    refused = plan.payer is not None and plan.eligible == "inactive"
    return "refused" if refused or not plan.lines else "billed"


def _priced(
    lines: tuple[PlannedLine, ...], services: Mapping[str, ClinicService], currency: str
) -> Iterator[tuple[ClinicService, Decimal]]:
    """Each line's service and amount, not rounded yet; its price is, as billing bills no part of a cent."""
    for line in lines:
        service = services[line.code]
        price = service.price if line.unit_price is None else line.unit_price
        yield service, line.quantity * round_money(price, currency)


def _share(service: ClinicService, default: Decimal) -> Decimal:
    """The practitioner's part of an amount, 0 to 1."""
    return default if service.share is None else service.share / 100


def _supplies(lines: tuple[PlannedLine, ...], services: Mapping[str, ClinicService]) -> dict[str, Decimal]:
    used: dict[str, Decimal] = {}
    for line in lines:
        for part in services[line.code].kit:
            used[part.product] = used.get(part.product, Decimal(0)) + part.quantity * line.quantity
    return used
