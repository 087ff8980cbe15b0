"""What happens in a day, in order: each appointment's story laid out on the clinic's clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zlib import crc32

import msgspec

from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay, Step

BOOKED_BEFORE = timedelta(minutes=60)
MOVED_BEFORE = timedelta(minutes=30)
CANCELLED_BEFORE = timedelta(minutes=15)
ARRIVES_BEFORE = timedelta(minutes=5)
GIVEN_UP_AFTER = timedelta(minutes=15)
LONGEST_UNTIL_UNDONE = 30
"""Minutes after which, at most, a completed visit turns out to be cancelled after all."""


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
    completed = plan.start + timedelta(minutes=plan.minutes)
    moments = {
        "booked": first - BOOKED_BEFORE,
        "rescheduled": first - MOVED_BEFORE,
        "cancelled": completed + _until_undone(plan) if "completed" in plan.story else first - CANCELLED_BEFORE,
        "arrived": plan.start - ARRIVES_BEFORE,
        "noshow": plan.start + GIVEN_UP_AFTER,
        "completed": completed,
    }
    return moments[step]


def _until_undone(plan: AppointmentPlan) -> timedelta:
    """From one minute on, spread by id: what follows from a completion is cut off at every stage, or long done."""
    return timedelta(minutes=1 + crc32(plan.id.encode()) % LONGEST_UNTIL_UNDONE)
