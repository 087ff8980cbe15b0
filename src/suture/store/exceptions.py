"""The exception queue: what needs a person, with its cause, owner and next action.

The same trouble of the same process step or delivery is one exception, counted, not one a try.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from suture.core.ids import fact_id
from suture.store.database import Connection, sql

_SQL = sql("exceptions")


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, with whom it rests. `reason` and `remedy` are read by an operator and name no patient."""

    code: str
    outcome: str
    reason: str
    remedy: str
    owner: str
    interface: str | None = None
    delivery: int | None = None
    process: str | None = None
    step: str | None = None
    subject: str | None = None

    @property
    def id(self) -> UUID:
        return fact_id("exception", self.process or "", self.step or "", str(self.delivery or ""))


class OpenException(Trouble, frozen=True, kw_only=True):
    """An exception as it stands in the queue."""

    opened_at: datetime
    last_at: datetime
    count: int
    state: str
    resolved_at: datetime | None = None


async def open_exception(connection: Connection, trouble: Trouble, at: datetime) -> None:
    """Put `trouble` in the queue, or count it once more where it stands there already."""
    await connection.execute(
        _SQL["raise"],
        trouble.id,
        trouble.code,
        trouble.outcome,
        trouble.reason,
        trouble.remedy,
        trouble.owner,
        trouble.interface,
        trouble.delivery,
        trouble.process,
        trouble.step,
        trouble.subject,
        at,
    )


async def resolve(connection: Connection, processes: Sequence[str], at: datetime) -> None:
    """Close the open exceptions of processes that got past them."""
    await connection.execute(_SQL["resolve"], processes, at)


async def open_exceptions(connection: Connection, most: int = 200) -> list[OpenException]:
    return [_exception(row) for row in await connection.fetch(_SQL["open"], most)]


async def of_subjects(connection: Connection, subjects: Sequence[str]) -> list[OpenException]:
    """The exceptions, open and resolved, of these subjects, oldest first."""
    return [_exception(row) for row in await connection.fetch(_SQL["of_subjects"], subjects)]


async def count_open(connection: Connection) -> int:
    count: int = await connection.fetchval(_SQL["count_open"])
    return count


def _exception(row: object) -> OpenException:
    fields = dict(row)  # type: ignore[call-overload]
    fields.pop("id")
    return OpenException(**fields)
