"""Tries at what can be guessed, counted before they are evaluated."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("guesses")
_KEPT = timedelta(days=2)


class GuessLimit(msgspec.Struct, frozen=True):
    """`free` tries of something, then a pause that begins at a minute and doubles up to `longest`."""

    key: bytes
    free: int
    longest: timedelta


class CountedTry(msgspec.Struct, frozen=True):
    """A try that is counted: how many there were in vain, this one included, and until when the next must wait."""

    failures: int
    locked_until: datetime | None


async def take(connection: Connection, limits: Sequence[GuessLimit], now: datetime) -> list[CountedTry] | None:
    """Count a try by each limit, in one order for all; None where one of them is locked, and nothing is counted then
    if the transaction is given up."""
    taken = []
    for limit in sorted(limits, key=lambda limit: limit.key):
        row = await connection.fetchrow(_SQL["take"], limit.key, now, limit.free, limit.longest.total_seconds())
        if row is None:
            return None
        taken.append((limit.key, CountedTry(row["failures"], row["locked_until"])))
    order = {limit.key: place for place, limit in enumerate(limits)}
    return [one for _, one in sorted(taken, key=lambda pair: order[pair[0]])]


async def succeeded(connection: Connection, own: Sequence[bytes], shared: bytes, now: datetime) -> None:
    """What was tried was right: its `own` counts begin anew, and the one that it `shared` with others is one less."""
    await connection.execute(_SQL["forget"], list(own))
    await connection.execute(_SQL["forgive"], shared)
    await connection.execute(_SQL["expire"], now - _KEPT)
