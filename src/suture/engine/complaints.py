"""What an engine itself complains of, in words for the person who is asked."""

from suture.core.failure import Rejected, Unknown
from suture.engine.definition import AwaitApproval, AwaitEvent
from suture.engine.process import Process


def unknown_definition(process: Process) -> Rejected:
    return Rejected(
        "unknown_definition",
        f"no worker here knows version {process.version} of the process {process.definition!r}",
        "Start workers of the version that knows it, or `suture processes cancel` it.",
    )


def event_never_came(step: AwaitEvent) -> Rejected:
    return Rejected(
        "event_never_came",
        f"{step.type} was awaited for {step.deadline.days} days",
        "Find out why it never came (`suture journey` shows the appointment: unknown, cancelled, or stuck itself?); "
        "then retry it.",
    )


def visit_unknown(process: Process) -> Rejected:
    return Rejected(
        "visit_unknown",
        f"{process.subject} is for visit {process.correlation_id}, of which nobody has told",
        "It is applied by itself as soon as the visit is billed. Find out whether the visit was never sent, or "
        "was not understood; or whether the payment names a wrong one: then void it in billing and cancel its "
        "process.",
    )


def approval_overdue(step: AwaitApproval) -> Rejected:
    return Rejected(
        "approval_overdue",
        f"nobody decided {step.name} in time: {step.asks}",
        "Decide it (`suture processes decide`): approved, the process goes on; refused, what it did is undone.",
    )


def timed_out(step: str, seconds: float) -> Unknown:
    return Unknown(
        "step_timed_out",
        f"the step {step} was given up after {seconds:g} s",
        "See whether its system answers slowly (`suture interfaces`), then retry it.",
    )


def cut_off(step: str, error: Exception) -> Unknown:
    """The database (or what a connector didn't translate) was away in the midst of a step."""
    return Unknown(
        "connection_lost",
        f"the step {step} lost a connection ({type(error).__name__})",
        "Check that the database is well (`suture doctor`), then retry it.",
    )


def broken(step: str, error: Exception) -> Rejected:
    """An error nobody foresaw. Only its type is told: its text could carry patient data."""
    return Rejected(
        "step_broke",
        f"the step {step} broke with {type(error).__name__}",
        "This is a defect in Suture: report it with the process's key, then retry it after the mend.",
    )
