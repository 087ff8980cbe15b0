"""The business processes, each on one page, and the events that start or cancel them."""

from suture.engine.definition import AwaitApproval, by_version
from suture.engine.process import Process
from suture.processes.definitions import completed_appointment, month_end_close, posted_payment

DEFINITIONS = (completed_appointment.DEFINITION, posted_payment.DEFINITION, month_end_close.DEFINITION)
BY_VERSION = by_version(DEFINITIONS)
AWAITED = frozenset(event_type for definition in DEFINITIONS for event_type in definition.awaited)
ROUTES = (*completed_appointment.ROUTES, *posted_payment.ROUTES, *month_end_close.ROUTES)


def approval_of(process: Process, step: str) -> AwaitApproval | None:
    """The approval of this name, where a process's definition has one."""
    definition = BY_VERSION.get((process.definition, process.version))
    leaves = definition.leaves() if definition else ()
    return next((leaf for leaf in leaves if isinstance(leaf, AwaitApproval) and leaf.name == step), None)
