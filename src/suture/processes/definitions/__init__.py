"""The business processes, each on one page, and the events that start or cancel them."""

from suture.processes.definition import AwaitEvent
from suture.processes.definitions import completed_appointment, month_end_close, posted_payment

DEFINITIONS = (completed_appointment.DEFINITION, posted_payment.DEFINITION, month_end_close.DEFINITION)
AWAITED = frozenset(
    step.type for definition in DEFINITIONS for step in definition.steps if isinstance(step, AwaitEvent)
)
ROUTES = (*completed_appointment.ROUTES, *posted_payment.ROUTES, *month_end_close.ROUTES)
