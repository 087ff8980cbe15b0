"""How far an appointment came, in a person's words and in a row of marks."""

from typing import Literal
from urllib.parse import quote

import msgspec

from suture.store.exceptions import OpenException
from suture.store.journeys import FunnelStage, JourneyRow
from suture.store.processes import ProcessView
from suture.store.steering import ProcessDetail
from suture.views.journey import StepView, steps_of
from suture.views.subjects import Subject

_TRACK = ("booked", "completed", "charged", "posted", "paid")
_ENDED = {"cancelled": "Cancelled", "noshow": "No-show"}
_PAID = {"paid", "in_payment"}


class Mark(msgspec.Struct, frozen=True):
    """One milestone on the way from booked to paid."""

    name: str
    state: Literal["reached", "ahead", "off"]


class StageText(msgspec.Struct, frozen=True):
    """How a stage is called, what it means, and what to do where it is a finding."""

    title: str
    meaning: str
    system: str = ""


STAGES: dict[FunnelStage, StageText] = {
    FunnelStage.SEEN: StageText("Booked", "Every appointment that moved today, whatever became of it.", "scheduling"),
    FunnelStage.TO_COME: StageText("Still to come", "Booked or arrived, and not over yet.", "scheduling"),
    FunnelStage.COMPLETED: StageText("Completed", "The visit took place and stands.", "scheduling"),
    FunnelStage.CANCELLED: StageText(
        "Cancelled", "Called off. Nothing is billed; what was, is reversed.", "scheduling"
    ),
    FunnelStage.NO_SHOW: StageText("No-show", "The patient did not come. Nothing is billed.", "scheduling"),
    FunnelStage.CHARGED: StageText("Charged", "Billing holds the charge.", "billing"),
    FunnelStage.POSTED: StageText("Posted", "The ledger holds a posted invoice.", "ledger"),
    FunnelStage.PAID: StageText("Paid", "The ledger has the invoice as paid.", "ledger"),
    FunnelStage.UNBILLED: StageText("Unbilled", "Completed and not charged: under way, or stuck."),
    FunnelStage.UNPOSTED: StageText("Unposted", "Charged and not in the ledger: under way, or stuck."),
    FunnelStage.UNPAID: StageText("Unpaid", "Posted, and something is still open on the invoice."),
}


def marks(row: JourneyRow) -> list[Mark]:
    """The five milestones; those that a cancelled appointment won't reach any more are ``off``."""
    ahead: Literal["ahead", "off"] = "off" if row.status in _ENDED else "ahead"
    return [Mark(name, "reached" if _reached(row, name) else ahead) for name in _TRACK]


def standing(row: JourneyRow) -> str:
    """Where the appointment stands, in a word or two."""
    if row.status in _ENDED:
        return _ENDED[row.status]
    if row.payment_state in _PAID:
        return "Paid"
    if row.payment_state == "partial":
        return "Part paid"
    if row.status == "arrived":
        return "Arrived"
    reached = [name for name in _TRACK if _reached(row, name)]
    return reached[-1].capitalize() if reached else "Known"


def subject_link(trouble: OpenException) -> str | None:
    """The page about what an exception is about: its appointment's journey, or its delivery's."""
    kind, _, identity = (trouble.subject or "").partition("/")
    if kind == "Appointment":
        return f"/journeys/{identity}"
    if kind == "Period":
        return f"/close/{identity}"
    if kind == "Interface":
        return f"/interfaces/{identity}"
    return None if trouble.delivery is None else f"/journeys/delivery-{trouble.delivery}"


_PLACES = {
    "exception": "/exceptions/",
    "discrepancy": "/reconciliation/",
    "process": "/processes/",
    "period": "/close/",
    "interface": "/interfaces/",
    "codes": "/mappings/",
}


def place_of(subject: Subject) -> str:
    """The page of what a command is about; empty where it has none of its own."""
    place = _PLACES.get(subject.kind, "")
    return f"{place}{quote(subject.key, safe=':')}" if place else ""


def steps_shown(process: ProcessView) -> list[StepView]:
    """A process's steps. One that is suspended stands before a shut interface: what follows is still ahead of it."""
    if process.state != "parked":
        return steps_of(process)
    state = "compensating" if process.undoing else "running"
    under_way = msgspec.structs.replace(process, state=state, attempt=max(process.attempt, 1))
    return [
        msgspec.structs.replace(step, state="parked", at=None, attempts=process.attempt)
        if step.name == process.step
        else step
        for step in steps_of(under_way)
    ]


def process_steps(process: ProcessDetail) -> list[StepView]:
    """`steps_shown`, of a process by itself."""
    fields = {name: getattr(process, name, None) for name in ProcessView.__struct_fields__}
    return steps_shown(ProcessView(**(fields | {"fence": 0})))  # type: ignore[arg-type]


def standing_of(process: ProcessView | ProcessDetail) -> str:
    """What a process waits for or how it ended, where its state alone doesn't say; empty where it does."""
    match process.state:
        case "parked":
            way = "Its undo waits" if process.undoing else "Waits"
            return f"{way} until {process.held_by or 'the interface'} is back, and goes on by itself."
        case "cancelled":
            return "A person ended it where it stood. What it wrote stays written."
        case "stuck" if process.undoing:
            return "It was being undone, and that is what is stuck."
        case _:
            return ""


def _reached(row: JourneyRow, name: str) -> bool:
    if name == "paid":
        return row.payment_state in _PAID
    if name == "booked":
        return bool(row.status)
    return name in row.milestones
