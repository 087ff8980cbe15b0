"""One appointment's story in one sequence: deliveries, the events they told, and the steps that followed."""

from datetime import datetime
from typing import Literal

import msgspec

from suture.store.events import RecordedEvent
from suture.store.exceptions import OpenException
from suture.store.journeys import DeliveryView
from suture.views.journey import Journey, StepView, steps_of

_ORDER = {"delivery": 0, "step": 1, "event": 2, "resolved": 3}


class TimelineEntry(msgspec.Struct, frozen=True):
    """One thing that happened, when Suture learned of it or did it."""

    at: datetime
    kind: Literal["delivery", "step", "event", "resolved"]
    system: str
    what: DeliveryView | StepView | RecordedEvent | OpenException


def timeline(journey: Journey) -> list[TimelineEntry]:
    """Everything in the order of Suture's own clock; a step stands before the events that it made true."""
    entries = [TimelineEntry(delivery.received_at, "delivery", "inbox", delivery) for delivery in journey.deliveries]
    entries += [TimelineEntry(event.recorded_at, "event", _system(event.type), event) for event in journey.events]
    for process in journey.processes:
        settled = (step for step in steps_of(process) if step.at is not None and step.state != "skipped")
        entries += [TimelineEntry(step.at, "step", "process", step) for step in settled if step.at is not None]
    entries += [
        TimelineEntry(item.resolved_at, "resolved", "process", item)
        for item in journey.exceptions
        if item.resolved_at is not None
    ]
    return sorted(entries, key=lambda entry: (entry.at, _ORDER[entry.kind]))


def _system(event_type: str) -> str:
    """The system whose fact an event is, for its colour."""
    return _SYSTEMS.get(event_type.split(".")[1], "process")


_SYSTEMS = {
    **dict.fromkeys(("appointment", "patient", "practitioner"), "scheduling"),
    **dict.fromkeys(("eligibility", "charge", "claim", "payment", "payer"), "billing"),
    **dict.fromkeys(("invoice", "stock", "compensation"), "ledger"),
    "exception": "exception",
}
