"""Who may try a password, a code or an invitation just now: one atomic try before each check.

A name has few tries from one address, more from all, and an address has a bound over all names. So whoever guesses is
stopped, and nobody is locked out where they are by what others try elsewhere. What holds for all consoles is in the
database.
"""

from datetime import timedelta

from suture.acting.actor import NotPossible
from suture.acting.context import CommandContext
from suture.store import guesses, people
from suture.store.database import Connection
from suture.store.guesses import CountedTry, GuessLimit

_NOBODY = "unknown"
"""By whom the trail says that somebody or an address was locked: whoever guessed is not who was guessed at."""
_OF_A_NAME_HERE, _OF_A_NAME, _OF_AN_ADDRESS = 5, 60, 300


class Locked(NotPossible):
    """Too many tries in vain; nothing was evaluated."""


async def take_try(context: CommandContext, name: str, address: str) -> None:
    """Count a try of a name from an address before it is evaluated. Raises `Locked`. A lock of somebody's account, or
    of an address, stands in the audit trail."""
    async with context.database.transaction() as connection:
        taken = await guesses.take(connection, _limits(context, name, address), context.clock.now())
        if taken is None:
            raise Locked("too many wrong tries: wait a while, or ask an administrator for an invitation")
        await _note(context, connection, name, address, taken)


async def was_right(context: CommandContext, connection: Connection, name: str, address: str) -> None:
    """In the transaction that lets somebody in."""
    here, everywhere, place = (limit.key for limit in _limits(context, name, address))
    await guesses.succeeded(connection, [here, everywhere], place, context.clock.now())


def _limits(context: CommandContext, name: str, address: str) -> tuple[GuessLimit, GuessLimit, GuessLimit]:
    def key(*parts: str) -> bytes:
        return context.vault.fingerprint("\0".join(("guess", *parts)).encode())

    return (
        GuessLimit(key("name", name, "address", address), _OF_A_NAME_HERE, timedelta(hours=1)),
        GuessLimit(key("name", name), _OF_A_NAME, timedelta(minutes=15)),
        GuessLimit(key("address", address), _OF_AN_ADDRESS, timedelta(minutes=15)),
    )


async def _note(
    context: CommandContext, connection: Connection, name: str, address: str, taken: list[CountedTry]
) -> None:
    here, everywhere, place = taken
    told = []
    known = (here.locked_until or everywhere.locked_until) and await people.one(connection, name)
    if known:  # what else is typed in place of a name may be anything
        detail = {"failures": max(here.failures, everywhere.failures), "from": address}
        told.append(("person.locked", f"Person/{name}", detail))
    if place.locked_until:
        told.append(("address.locked", f"Address/{address}", {"failures": place.failures}))
    for action, subject, detail in told:
        await context.trail.record(
            connection, at=context.clock.now(), actor=_NOBODY, action=action, subject=subject, detail=detail
        )
