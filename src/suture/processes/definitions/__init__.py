"""The business processes, each on one page, and the events that start or cancel them."""

from suture.processes.definition import AwaitEvent
from suture.processes.definitions import completed_appointment, posted_payment

DEFINITIONS = (completed_appointment.DEFINITION, posted_payment.DEFINITION)
AWAITED = frozenset(
    step.type for definition in DEFINITIONS for step in definition.steps if isinstance(step, AwaitEvent)
)
ROUTES = (*completed_appointment.ROUTES, *posted_payment.ROUTES)
