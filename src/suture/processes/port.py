"""The engine as the rest of the house sees it.

Processes are started, woken and cancelled by recorded events (`canonical.routing`), in the event's own transaction;
so an engine only has to run what is there.
"""

from typing import Protocol


class Engine(Protocol):
    """Runs processes until it is told to stop."""

    async def run(self) -> None:
        """Work until cancelled. Cancelled, it hands back what it holds and loses nothing."""
        ...
