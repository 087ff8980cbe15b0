"""``suture replay``: deliveries are read again, after a look at what would come of it."""

import asyncio
from collections import Counter
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape

from suture.acting.context import CommandContext
from suture.cli.acting import Most, Number, PerSecond, agree, count, do, moment, out, table, with_context
from suture.cli.trouble import UserError
from suture.commands import replaying
from suture.commands.replaying import RATE, Forecast
from suture.commands.table import Replay
from suture.store.delivery_queue import DeliverySelection, KnownDelivery

_SHOWN = 20
_PATIENCE_SECONDS = 60.0


def replay(
    *deliveries: Number,
    interface: str = "",
    code: str = "",
    key: str = "",
    state: Literal["excepted", "ingested"] | None = None,
    since: str | None = None,
    until: str | None = None,
    rate: PerSecond = RATE,
    most: Most = 10_000,
    dry_run: bool = False,
    reason: str = "",
    yes: Annotated[bool, Parameter(alias="-y")] = False,
) -> None:
    """Read deliveries again, by today's catalogue and corrections. What would come of it is shown first.

    What already took effect changes nothing. Deliveries of one appointment are taken in the order in which they came.

    Args:
        deliveries: Which, by the number that `suture exceptions show` and `suture journey` tell; or choose some below.
        interface: All that came on this interface.
        code: All with an open exception of this code.
        key: All of this webhook id, or of this subject, for example Appointment/4711.
        state: All in this state: excepted (not understood) or ingested.
        since: All that came since then: 2026-03-02, 2026-03-02T14:00, or an age such as 2h, 3d.
        until: All that came before then.
        rate: How many a second.
        most: How many at most, the oldest first.
        dry_run: Only show what would come of it.
        reason: Why; it stands in the audit trail.
        yes: Don't ask.
    """
    selection = DeliverySelection(
        ids=deliveries,
        interface=interface,
        state=state or "",
        code=code,
        key=key,
        since=moment(since),
        until=moment(until),
    )
    if selection == DeliverySelection():
        raise UserError("choose deliveries: by number, --interface, --code, --key, --state, or --since and --until")
    forecasts = with_context(lambda context: replaying.forecast(context, selection, most))
    if not forecasts:
        raise UserError("no delivery is chosen by that")
    show_forecasts(forecasts)
    useful = sum(one.is_of_use for one in forecasts)
    if dry_run or not useful:
        out.print("Nothing was changed." if dry_run else "Replaying these would change nothing; nothing was done.")
        return
    _agree(useful, rate, yes=yes)
    chosen = Replay(numbers=tuple(one.delivery.id for one in forecasts if one.is_of_use), rate=rate)
    ids = do("deliveries.replay", chosen, reason).result
    _tell(with_context(lambda context: _wait(context, ids, rate)))


def show_forecasts(forecasts: list[Forecast]) -> None:
    """What replaying would come to: counted, and the first of them one by one."""
    for verdict, number in Counter(one.verdict for one in forecasts).most_common():
        out.print(f"{count(number, 'delivery', 'deliveries')} {verdict}")
    columns = ("delivery", "interface", "about", "would come to", "detail")
    table(
        columns,
        (
            (
                str(one.delivery.id),
                escape(one.delivery.interface),
                escape(one.subject or "-"),
                one.verdict,
                escape(one.detail),
            )
            for one in forecasts[:_SHOWN]
        ),
    )
    if len(forecasts) > _SHOWN:
        out.print(f"… and {len(forecasts) - _SHOWN} more", style="dim")


def _agree(number: int, rate: float, *, yes: bool) -> None:
    agree(f"Read {count(number, 'delivery', 'deliveries')} again, {rate:g} a second?", yes=yes)


async def _wait(context: CommandContext, ids: list[int], rate: float) -> list[KnownDelivery]:
    """Wait until they are read, within reason."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS + len(ids) / rate
    while True:
        now = await replaying.outcome(context, ids)
        if all(one.state != "received" for one in now) or asyncio.get_running_loop().time() > deadline:
            return now
        await asyncio.sleep(0.25)


def _tell(replayed: list[KnownDelivery]) -> None:
    counts = Counter(one.state for one in replayed)
    out.print(f"{count(counts['ingested'], 'delivery', 'deliveries')} read; {counts['excepted']} not understood.")
    if counts["received"]:
        out.print(
            f"{counts['received']} wait still: is a worker running (`suture doctor`), and the interface not paused?"
        )
