"""What commands that act share: the context they act in, who acts, and how times and lists are printed."""

import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
import uvloop
from cyclopts import Parameter, validators
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.bootstrap.composition import check_database, context_for, foundation
from suture.bootstrap.settings import current
from suture.cli.trouble import UserError
from suture.commands.table import COMMANDS, Done, perform

_WIDE = 240

out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)  # a pipe has no edge to wrap at

Answer = TypeVar("Answer")

Number = Annotated[int, Parameter(validator=validators.Number(gte=1, lt=2**63))]
"""What an exception or a delivery is called by."""
Most = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1_000_000))]
PerSecond = Annotated[float, Parameter(validator=validators.Number(gt=0, lte=1_000_000))]


def with_context(
    act: Callable[[CommandContext], Awaitable[Answer]], needs: type[CommandContext] = CommandContext
) -> Answer:
    """Open what acting needs, act, and close it again."""
    settings, secrets = current()

    async def run() -> Answer:
        async with foundation(settings, secrets, most=2 if needs is CommandContext else 6) as base:
            await check_database(base)
            async with context_for(base, needs) as context:
                return await act(context)

    return uvloop.run(run())


def do(name: str, arguments: msgspec.Struct, reason: str = "") -> Done:
    """Have a command done, as whoever runs this."""
    return with_context(lambda context: perform(context, me(reason), name, arguments), COMMANDS[name].needs)


def say(done: Done) -> None:
    """What came of a command, as a sentence."""
    out.print(f"{done.words.rstrip('.')}.", markup=False)


def me(reason: str = "") -> Actor:
    """Whoever runs the command. Who can read its settings has the keys anyway, but nobody is signed in here: what asks
    for a person by name is done on the console."""
    return Actor(account(), reason, (ADMINISTRATOR,))


def account() -> str:
    """The account that the operating system runs this as. The environment isn't asked (LOGNAME, USER, SUDO_UID):
    anybody writes there what they like. Who becomes root acts as root."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a number that has no name
        return f"uid-{number}"


def console_address() -> str:
    """Where browsers reach the console."""
    settings, _ = current()
    return settings.console_address


def moment(told: str | None) -> datetime | None:
    """A time as people type it: an ISO date or time (UTC unless it says otherwise), or an age such as ``2h``."""
    if told is None:
        return None
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    try:
        if told[-1:] in units:
            return datetime.now(UTC) - float(told[:-1]) * units[told[-1]]
        at = datetime.fromisoformat(told)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{told!r} is no time; write 2026-03-02, 2026-03-02T14:00, or an age such as 90m, 2h, 3d"
        ) from error


def age(since: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    return span(datetime.now(UTC) - since)


def span(length: timedelta) -> str:
    seconds = max(length.total_seconds(), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def due(at: datetime) -> str:
    """How long until it is due, or for how long it has been."""
    left = at - datetime.now(UTC)
    return f"in {span(left)}" if left > timedelta(0) else f"[red]{span(-left)} over[/]"


def agree(question: str, *, yes: bool = False) -> None:
    """Go on only if somebody says so, by `--yes` or when asked. Raises `UserError` where not, or where nobody can be
    asked: without a terminal nothing is assumed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError("nothing was done: say --yes to go on without being asked")
    if not Confirm.ask(question):
        raise UserError("nothing was done")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a list with a line of headings. What doesn't fit is folded, never cut: people copy ids from here."""
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    out.print(drawn)


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"
