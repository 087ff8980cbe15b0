"""What an engine itself complains of, in words for the person who is asked."""

from suture.core.failure import Rejected, Unknown
from suture.engine.definition import AwaitApproval, AwaitEvent
from suture.engine.process import Process


def unknown_definition(process: Process) -> Rejected:
    return Rejected(
        "unknown_definition",
        f"no running worker knows version {process.version} of the process {process.definition!r}",
        "Start workers of a release that knows this version, or cancel the process (`suture processes cancel`).",
    )


def event_never_came(step: AwaitEvent) -> Rejected:
    return Rejected(
        "event_never_came",
        f"{step.type} was awaited for {step.deadline.days} days",
        "Find out why the event never came (`suture journey` shows whether the appointment is unknown, cancelled or"
        " stuck); then retry the exception.",
    )


def visit_unknown(process: Process) -> Rejected:
    return Rejected(
        "visit_unknown",
        f"{process.subject} is for visit {process.correlation_id}, which no system has sent",
        "The payment is applied automatically once the visit is billed. Find out whether the visit was never sent or"
        " could not be decoded, or whether the payment names the wrong visit: then void the payment in billing and"
        " cancel its process.",
    )


def approval_overdue(step: AwaitApproval) -> Rejected:
    return Rejected(
        "approval_overdue",
        f"nobody decided {step.name} in time: {step.asks}",
        "Decide it (`suture processes decide`): if approved, the process continues; if refused, its steps are undone.",
    )


def timed_out(step: str, seconds: float) -> Unknown:
    return Unknown(
        "step_timed_out",
        f"the step {step} timed out after {seconds:g} s",
        "Check whether its system answers slowly (`suture interfaces`), then retry the exception.",
    )


def cut_off(step: str, error: Exception) -> Unknown:
    """The database (or what a connector didn't translate) was away in the midst of a step."""
    return Unknown(
        "connection_lost",
        f"the step {step} lost a connection ({type(error).__name__})",
        "Check the database (`suture doctor`), then retry the exception.",
    )


def broken(step: str, error: Exception) -> Rejected:
    """An error nobody foresaw. Only its type is told: its text could carry patient data."""
    return Rejected(
        "step_broke",
        f"the step {step} failed with {type(error).__name__}",
        "This is a defect in Suture: report it with the process's key, and retry the exception once a fix is"
        " installed.",
    )
