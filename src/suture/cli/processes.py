"""``suture processes``: every business process, where it stands, and ways to steer it."""

from typing import Literal

from cyclopts import App
from rich.markup import escape

from suture.cli.acting import Most, PerSecond, age, count, do, moment, out, say, table, with_context
from suture.cli.trouble import UserError
from suture.commands.process_commands import RATE
from suture.commands.table import ProcessDecision, Processes, ResumeProcesses
from suture.store.steering import ProcessRow, ProcessSelection
from suture.views import processes
from suture.views.journey import in_order

ProcessState = Literal["running", "waiting", "parked", "stuck", "done", "compensating", "compensated", "cancelled"]

app = App(name="processes", help="Business processes: where each stands, and ways to steer it.")


@app.command(name="list")
def list_(
    *,
    state: ProcessState | None = None,
    definition: str = "",
    step: str = "",
    journey: str = "",
    since: str | None = None,
    until: str | None = None,
    most: Most = 50,
) -> None:
    """List processes, the newest first.

    Args:
        state: Only those in this state.
        definition: completed_appointment or posted_payment.
        step: Only those at this step.
        journey: Only those of this appointment.
        since: Only those started since then (a time, or an age such as 2h).
        until: Only those started before then.
        most: How many at most.
    """
    selection = ProcessSelection(
        state=state or "", definition=definition, step=step, journey=journey, since=moment(since), until=moment(until)
    )
    found = with_context(lambda context: processes.processes(context.database, selection, most))
    if not found:
        out.print("There is none.")
        return
    table(("process", "state", "at", "tries", "age"), (_row(one) for one in found))


def _row(one: ProcessRow) -> tuple[str, ...]:
    state = f"{one.state} at {one.held_by}" if one.held_by else one.state
    return escape(one.key), state, one.step or "-", str(one.attempt or "-"), age(one.started_at)


@app.command
def show(key: str) -> None:
    """Show one process: its steps, its exceptions, and what people did to it.

    Args:
        key: Its key, for example completed_appointment:4711.
    """
    told = with_context(lambda context: processes.process(context.database, key))
    one = told.process
    held = f" at {one.held_by}" if one.held_by else ""
    way = "on its way back" if one.undoing else f"version {one.version}"
    out.print(f"[bold]{escape(one.key)}[/] is {one.state}{held}, {way}")
    out.print(f"  about {escape(one.subject)}, started {one.started_at:%Y-%m-%d %H:%M:%S} UTC")
    if one.worker:
        out.print(f"  last worked on by {escape(one.worker)}{'' if one.released else ', which has it in hand'}")
    table(
        ("step", "state", "when (UTC)", "tries", "took"),
        (
            (name, record.state, f"{record.at:%Y-%m-%d %H:%M:%S}", str(record.attempts), f"{record.seconds:.3f} s")
            for name, record in in_order(one)
        ),
    )
    for trouble in told.exceptions:
        out.print(f"exception {trouble.number} ({trouble.state}): {escape(trouble.reason)}")
    for act in told.acts:
        out.print(f"{act.at:%Y-%m-%d %H:%M} {escape(act.actor)}: {act.action} {escape(act.reason)}", style="dim")


@app.command
def resume(*keys: str, reason: str = "", rate: PerSecond = RATE) -> None:
    """Have stopped processes go on from the step they stopped at.

    Args:
        keys: Their keys.
        reason: Why; it stands in the audit trail.
        rate: How many a second.
    """
    _steer("processes.resume", ResumeProcesses(keys=keys, rate=rate), reason)


@app.command
def cancel(*keys: str, reason: str) -> None:
    """End processes where they stand. What they wrote stays written; `compensate` undoes it instead.

    Args:
        keys: Their keys.
        reason: Why; it stands in the audit trail.
    """
    _steer("processes.cancel", Processes(keys=keys), reason)


@app.command
def compensate(*keys: str, reason: str) -> None:
    """Undo, in reverse, all that processes did: void the charge, return the stock, cancel or credit the invoice.

    Args:
        keys: Their keys.
        reason: Why; it stands in the audit trail.
    """
    _steer("processes.compensate", Processes(keys=keys), reason)


@app.command
def decide(key: str, step: str, *, approve: bool, reason: str) -> None:
    """Decide an approval that a process waits for.

    Approved, the process goes on; refused (`--no-approve`), what it did is undone.

    Args:
        key: The process's key.
        step: The approval's name, as `suture processes show` has it.
        approve: Whether you approve.
        reason: Why; it stands in the audit trail.
    """
    say(do("processes.decide", ProcessDecision(key=key, step=step, approved=approve), reason))


def _steer(name: str, chosen: Processes, reason: str) -> None:
    """Exit status 2 where one did not do as asked."""
    if not chosen.keys:
        raise UserError("name processes by their keys; `suture processes list` shows all of them")
    done = do(name, chosen, reason)
    say(done)
    if done.result.refused:
        raise UserError(f"{count(len(done.result.refused), 'process')} did not do as asked")
