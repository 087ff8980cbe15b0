"""What every connected system has."""

from typing import Protocol

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `suture doctor` shows of a system: is it there, what is it, and what must be fixed.

    `found` are plain sentences about what it is and can; `remedies` say what is missing and how to grant it.
    """

    system: str
    reachable: bool
    version: str = ""
    found: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


class Connector(Protocol):
    """What every connector can do."""

    name: str

    async def health(self) -> Health:
        """Look at the system: is it there, what is it, what must be fixed. Raises nothing."""
        ...

    async def ping(self) -> None:
        """One cheap call with the credentials, so that an idle system's refusal is known before work comes. Raises
        `Failure`: `Fatal` ``credentials_refused`` where they are not accepted."""
        ...

    async def close(self) -> None:
        """Give back what calls need. Nothing is called after it."""
        ...
