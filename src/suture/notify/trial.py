"""A message by which somebody tries a way, and the list of those that went out."""

from datetime import datetime
from uuid import uuid4

from suture.notify.port import Note, Outgoing
from suture.store import notices, people
from suture.store.database import Database
from suture.store.notices import Listed


class NobodyThere(Exception):
    """A person can't be written to. The message says why, and what to do."""


async def address_of(database: Database, person: str) -> str:
    """Raises `NobodyThere`."""
    async with database.connection() as connection:
        found = await people.one(connection, person)
    if found is None or found.disabled_at is not None:
        raise NobodyThere(f"there is no person {person} who may sign in; `suture people list` shows all")
    if not found.email:
        raise NobodyThere(f"{person} has no e-mail address; `suture people email {person} ADDRESS` gives one")
    return found.email


def trial(to: str, now: datetime) -> Outgoing:
    """A message that says it is a trial."""
    note = Note(kind="trial", text="This is a test message: no action is needed", path="/account", since=now)
    return Outgoing(id=uuid4(), to=to, made_at=now, notes=(note,))


async def listed(database: Database, state: str, recipient: str, most: int) -> list[Listed]:
    """Messages, the newest first, and what waits for its hour."""
    async with database.connection() as connection:
        return await notices.listed(connection, state, recipient, most)
