"""``suture exceptions``: what waits for a person, and what that person can do about it."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.markup import escape

from suture.cli.acting import (
    Most,
    Number,
    PerSecond,
    age,
    agree,
    count,
    do,
    due,
    me,
    moment,
    out,
    say,
    table,
    with_context,
)
from suture.cli.replay import show_forecasts
from suture.cli.trouble import UserError
from suture.commands.exception_queue import Retried
from suture.commands.process_commands import RATE
from suture.commands.replaying import Forecast
from suture.commands.table import Assign, CorrectCodes, Discard, Done, Payload, RetryExceptions
from suture.core.english import closed
from suture.store.exceptions import ExceptionSelection, OpenException
from suture.views import exceptions
from suture.views.exceptions import ExceptionAccount
from suture.views.journey import in_order
from suture.views.runbook import CLASSES, class_of, codes_of

app = App(
    name="exceptions",
    help="What waits for a person: list it, understand it, repair it.",
    help_epilogue="Each exception belongs to a class with a page on what to do: suture runbook CLASS.",
)


@app.command(name="list")
def list_(
    *,
    state: Literal["open", "resolved", "discarded", "all"] = "open",
    code: str = "",
    kind: Annotated[str, Parameter(name="--class")] = "",
    interface: str = "",
    owner: str = "",
    assignee: str = "",
    since: str | None = None,
    until: str | None = None,
    most: Most = 50,
) -> None:
    """List exceptions, oldest first.

    Args:
        state: Only those in this state.
        code: Only those with this code (see the list).
        kind: Only those of this class (mapping, payload, outage, …).
        interface: Only those of this interface.
        owner: Only those that this owner answers for.
        assignee: Only those that this person works on.
        since: Only those opened since then: 2026-03-02, 2026-03-02T14:00, or an age such as 2h, 3d.
        until: Only those opened before then.
        most: How many at most.
    """
    chosen = ExceptionSelection(
        state="" if state == "all" else state,
        code=code,
        codes=_of_class(kind)[0],
        except_codes=_of_class(kind)[1],
        interface=interface,
        owner=owner,
        assignee=assignee,
        since=moment(since),
        until=moment(until),
    )
    found = with_context(lambda context: exceptions.queue(context.database, chosen, most + 1))
    if not found:
        out.print("Nothing waits for a person." if state == "open" else "There is none.")
        return
    table(("no.", "class", "what", "about", "age", "due", "owner", "who"), (_row(one) for one in found[:most]))
    if len(found) > most:
        out.print(f"… and more; --most {most * 4} shows them", style="dim")
    out.print("suture exceptions show NUMBER says more", style="dim")


def _row(one: OpenException) -> tuple[str, ...]:
    about = one.subject or ""
    left = due(one.due_at) if one.state == "open" else one.state
    return (
        str(one.number),
        class_of(one.code),
        escape(one.code),
        escape(about),
        age(one.opened_at),
        left,
        escape(one.owner),
        escape(one.assignee or "-"),
    )


@app.command
def show(number: Number, *, payload: bool = False, reason: str = "") -> None:
    """Show one exception: cause, remedy, and what is behind it.

    Args:
        number: Its number in the list.
        payload: Print what the delivery said, or what the process was given, and nothing else. Needs --reason.
        reason: Why you read the payload.
    """
    if payload:  # alone, so that it can go into a file and, corrected, back by `edit --payload`
        sys.stdout.buffer.write(with_context(lambda context: exceptions.payload(context, me(reason), number)) + b"\n")
        return
    _describe(with_context(lambda context: exceptions.account(context.database, number)))


def _describe(told: ExceptionAccount) -> None:
    one = told.exception
    out.print(f"[bold]Exception {one.number}[/] ({one.state}): {escape(one.reason)}")
    out.print(f"  What to do   {escape(one.remedy) or 'see the runbook'}")
    out.print(f"  Runbook      suture runbook {told.runbook}")
    if one.state == "open" and exceptions.is_retriable(one):
        out.print(f"  Try again    suture exceptions retry {one.number}")
    facts = (
        ("Code", f"{one.code} ({one.outcome})"),
        ("About", one.subject),
        ("Interface", one.interface),
        ("Step", f"{one.process} at {one.step}" if one.process and one.step else one.process),
        ("Owner", one.owner + (f", {one.assignee} works on it" if one.assignee else "")),
        (
            "Met",
            f"{count(one.count, 'time')}, first {one.opened_at:%Y-%m-%d %H:%M:%S}, last {one.last_at:%H:%M:%S} UTC",
        ),
        ("Due", f"{one.due_at:%Y-%m-%d %H:%M} UTC"),
    )
    for name, fact in facts:
        if fact:
            out.print(f"  {name:<12} {escape(fact)}")
    if one.resolved_at:
        out.print(f"  Closed       {one.resolved_at:%Y-%m-%d %H:%M:%S} UTC {escape(closed(one.resolved_by))}")
    if told.delivery is not None:
        known = told.delivery
        replayed = f", read again {count(known.replays, 'time')}" if known.replays else ""
        out.print(
            f"  Delivery     {known.id} ({escape(known.delivery_id)}), {known.size} bytes, {known.state}{replayed}"
        )
    if told.process is not None:
        done = ", ".join(f"{name} {record.state}" for name, record in in_order(told.process))
        out.print(f"  Process      {escape(told.process.key)} is {told.process.state}: {done or 'nothing done yet'}")
    for act in told.acts:
        out.print(f"  {act.at:%m-%d %H:%M}  {escape(act.actor)} {act.action} {escape(act.reason)}", style="dim")


@app.command
def retry(
    *numbers: Number,
    code: str = "",
    kind: Annotated[str, Parameter(name="--class")] = "",
    interface: str = "",
    since: str | None = None,
    until: str | None = None,
    rate: PerSecond = RATE,
    yes: Annotated[bool, Parameter(alias="-y")] = False,
) -> None:
    """Try again: processes go on from the step they stopped at, deliveries are read again.

    Args:
        numbers: Which exceptions; or choose them by the options below.
        code: All with this code.
        kind: All of this class.
        interface: All of this interface.
        since: All opened since then (a time, or an age such as 2h).
        until: All opened before then.
        rate: How many a second.
        yes: Don't ask before trying more than one.
    """
    selection = ExceptionSelection(
        numbers=numbers,
        code=code,
        codes=_of_class(kind)[0],
        except_codes=_of_class(kind)[1],
        interface=interface,
        since=moment(since),
        until=moment(until),
    )
    if selection == ExceptionSelection():
        raise UserError("name exceptions by number, or choose some by --code, --class, --interface or --since")
    chosen = with_context(lambda context: exceptions.queue(context.database, selection, 100_000))
    if not chosen:
        raise UserError("no open exception is chosen by that; `suture exceptions list` shows all of them")
    if len(chosen) > 1 and not yes:
        _agree(chosen, rate)
    _tell(do("exceptions.retry", RetryExceptions(numbers=tuple(one.number for one in chosen), rate=rate)))


def _agree(chosen: list[OpenException], rate: float) -> None:
    codes = sorted({one.code for one in chosen})
    out.print(f"{count(len(chosen), 'exception')} ({', '.join(codes)}), {rate:g} a second", markup=False)
    agree("Try them again?")


def _tell(done: Done) -> None:
    retried: Retried = done.result
    if retried.processes:
        out.print(f"{count(len(retried.processes), 'process goes on', 'processes go on')}.")
    if retried.deliveries:
        out.print(f"{count(len(retried.deliveries), 'delivery', 'deliveries')} will be read again.")
    for number, reason in retried.refused:
        out.print(f"  {number}: {reason}", style="yellow", markup=False)
    if not (retried.processes or retried.deliveries):
        raise UserError("nothing was tried again")
    out.print("Their exceptions close by themselves when it works: suture exceptions list", style="dim")


@app.command
def edit(
    number: Number,
    *,
    reason: str,
    map: tuple[str, ...] = (),
    payload: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    retry: bool = False,
) -> None:
    """Correct the cause: a code that no table has, or what a delivery or a process was given. The original is kept.

    Args:
        number: The exception's number.
        reason: Why; it stands in the audit trail.
        map: A source's code and what it means here, as "system|code=SERVICE". May be given several times.
        payload: A file with what it should have said ("-" reads standard input); `show --payload` prints what it says.
        retry: Try it again at once.
    """
    if bool(map) == (payload is not None):
        raise UserError('say what to correct: --map "system|code=SERVICE", or --payload FILE')
    if map:
        rows = dict(_mapping(row) for row in map)
        forecasts = do("exceptions.correct_codes", CorrectCodes(number=number, rows=rows), reason).result
    else:
        corrected = Payload(number=number, content=_content(payload or Path("-")))
        forecasts = do("exceptions.correct", corrected, reason).result
    _corrected(forecasts)
    if retry:
        _tell(do("exceptions.retry", RetryExceptions(numbers=(number,)), reason))
    else:
        out.print(f"suture exceptions retry {number} tries it again", style="dim")


def _corrected(forecasts: list[Forecast]) -> None:
    out.print("Corrected. What came before is kept.")
    if forecasts:
        show_forecasts(forecasts)


def _mapping(row: str) -> tuple[str, str]:
    source, equals, code = row.rpartition("=")
    if not equals or not source or not code:
        raise UserError(f'{row!r} is no mapping; write "system|code=SERVICE"')
    return source, code


def _content(path: Path) -> str:
    try:
        return (sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} can't be read: it is not UTF-8") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error


@app.command
def assign(*numbers: Number, to: str) -> None:
    """Say who works on exceptions.

    Args:
        numbers: Their numbers.
        to: Who; "" takes the name away.
    """
    if not numbers:
        raise UserError("name exceptions by number; `suture exceptions list` shows all of them")
    done = do("exceptions.assign", Assign(numbers=numbers, person=to))
    missing = sorted(set(numbers) - set(done.result))
    if done.result:
        say(done)
    if missing:
        raise UserError(f"not open: {', '.join(map(str, missing))}")


@app.command
def discard(number: Number, *, reason: str, undo: bool = False, leave: bool = False) -> None:
    """Close an exception that nobody will act on, with the reason.

    Args:
        number: Its number.
        reason: Why; for a visit this is the reason that it isn't billed.
        undo: Also undo what its process wrote.
        leave: What its process wrote stays: it was settled by hand.
    """
    if undo and leave:
        raise UserError("say --undo or --leave, not both")
    say(do("exceptions.discard", Discard(numbers=(number,), undo="undo" if undo else "leave" if leave else ""), reason))


def _of_class(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The codes of a class, and those that it doesn't have."""
    if not kind:
        return (), ()
    try:
        return codes_of(kind)
    except KeyError as error:
        raise UserError(f"there is no class {kind!r}; there are {', '.join(CLASSES)}") from error
