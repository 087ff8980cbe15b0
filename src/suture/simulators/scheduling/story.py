"""What happens in a day, in order: each appointment's story laid out on the clinic's clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from suture.simulators.clinic.day import AppointmentPlan, ClinicDay, Step

BOOKED_BEFORE = timedelta(minutes=60)
MOVED_BEFORE = timedelta(minutes=30)
CANCELLED_BEFORE = timedelta(minutes=15)
ARRIVES_BEFORE = timedelta(minutes=5)
GIVEN_UP_AFTER = timedelta(minutes=15)


class Happening(msgspec.Struct, frozen=True):
    """One step of an appointment. `version` counts the appointment's versions from 1; `start` is its start by now."""

    plan: AppointmentPlan
    step: Step
    version: int
    at: datetime
    start: datetime

    @property
    def id(self) -> str:
        """The id of the notice about it, the same on every run."""
        return f"{self.plan.id}-v{self.version}"


def happenings(day: ClinicDay) -> list[Happening]:
    """All steps of all appointments in chronological order."""
    steps = (happening for plan in day.appointments for happening in story_of(plan))
    return sorted(steps, key=lambda happening: (happening.at, happening.plan.id, happening.version))


def story_of(plan: AppointmentPlan) -> Iterator[Happening]:
    start = plan.first_start or plan.start
    for version, step in enumerate(plan.story, start=1):
        if step == "rescheduled":
            start = plan.start
        yield Happening(plan, step, version, _moment(plan, step), start)


def _moment(plan: AppointmentPlan, step: Step) -> datetime:
    first = min(plan.first_start or plan.start, plan.start)
    moments = {
        "booked": first - BOOKED_BEFORE,
        "rescheduled": first - MOVED_BEFORE,
        "cancelled": first - CANCELLED_BEFORE,
        "arrived": plan.start - ARRIVES_BEFORE,
        "noshow": plan.start + GIVEN_UP_AFTER,
        "completed": plan.start + timedelta(minutes=plan.minutes),
    }
    return moments[step]
