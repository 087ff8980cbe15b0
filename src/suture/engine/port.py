"""What an engine does for the rest of the house, and what it asks of its store.

Processes are started, woken and taken back by recorded events (`canonical.routing`), in the event's own transaction; so
each method gets a `unit` of work, of which it is a part: what the unit gives up never happened. Its type is the
engine's own (a database connection in a transaction; None in memory). The same behaviour suite
(`tests/engines/behaviour.py`) holds every engine to this.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from suture.canonical.events import Event
from suture.engine.decide import Complaint
from suture.engine.process import Journal, Process
from suture.engine.steer import SteerCommand

Unit_contra = TypeVar("Unit_contra", contravariant=True)


class ProcessSteering(Protocol[Unit_contra]):
    """Processes as everybody steers them. Idempotent by the process's key, ``<definition>:<business key>``."""

    async def start(self, unit: Unit_contra, processes: Sequence[Process]) -> list[Process]:
        """Start processes; answers those whose key was there before, as they stand, untouched and locked until the
        unit ends. The same key is started once, however often it is asked for."""
        ...

    async def steer(self, unit: Unit_contra, commands: Sequence[tuple[str, SteerCommand]]) -> list[Process]:
        """Give each process (by key) its command (`steer.steer`); answers those that obeyed, as they stand now.

        So processes are cancelled, ended, resumed, compensated, redone, begun anew, corrected and decided. A key that
        nobody knows obeys nothing. Locks them in the order of their keys.
        """
        ...

    async def signal(self, unit: Unit_contra, names: Sequence[str], at: datetime) -> int:
        """Have the processes go on that await one of these signals (`canonical.routing.awaiting`); answers how many.
        A signal that nobody awaits leaves no trace: who begins to wait later looks by itself."""
        ...

    async def query(self, unit: Unit_contra, keys: Sequence[str]) -> list[Process]:
        """Processes as they stand, in the order of their keys; unknown ones are left out."""
        ...


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Progress to be stored under the fence of `process`, with what it makes true.

    `process` is what it is from here on; `journal` the records that are new. `events` are recorded, `complaint` is put
    before a person, `resolves` closes the process's open exceptions: all together or nothing.
    """

    process: Process
    at: datetime
    journal: Journal = {}
    events: tuple[Event, ...] = ()
    complaint: Complaint | None = None
    resolves: bool = False


class Saved(msgspec.Struct, frozen=True):
    """Answer to a checkpoint. `held` False: another worker has the process. `cancelled`: a cancellation came that the
    checkpoint didn't know of. Either way nothing was written."""

    held: bool = True
    cancelled: bool = False

    @property
    def written(self) -> bool:
        return self.held and not self.cancelled


class EngineStore(Protocol):
    """Keeps processes under leases and fences. It decides nothing."""

    async def claim(
        self,
        worker: str,
        now: datetime,
        lease_until: datetime,
        most: int,
        definitions: Sequence[tuple[str, int]] | None = None,
    ) -> list[Process]:
        """Take up to `most` processes that are due, as they stood before but for their fence, which rises; nobody else
        gets them before `lease_until`.

        Of definitions (name, version) that aren't named here (None: any), only those that have waited long for somebody
        who knows them.
        """
        ...

    async def renew(self, held: Sequence[Process], lease_until: datetime) -> None:
        """Keep what is held until then. What was released or claimed by others since is left alone."""
        ...

    async def next_due(self, definitions: Sequence[tuple[str, int]] | None = None) -> datetime | None:
        """When the next process is due that `claim` would answer; None: none is."""
        ...

    async def save(self, checkpoint: Checkpoint) -> Saved:
        """Store progress, if the fence and what is known of a cancellation still hold."""
        ...

    async def find(self, wanted: tuple[str, str]) -> bytes | None:
        """The data (JSON) of the first event of a journey (correlation id) and type; None where none was recorded."""
        ...


class Engine(Protocol):
    """Runs the processes of its store until it is told to stop."""

    async def run(self) -> None:
        """Work until cancelled. Cancelled, it hands back what it holds and loses nothing."""
        ...

    def wake(self) -> None:
        """Something may be due: look now instead of at the next timer."""
        ...
