"""What a way out must be able to do: hand one message over, and say what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from suture.notify.matters import Told


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One notice as it is told: a line of text and the console's page of it, beside what a machine wants to know."""

    kind: Told
    text: str
    path: str
    since: datetime
    interface: str | None = None
    exception: int | None = None
    facility: str | None = None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message. Handed over again it has the same id, by which a receiver knows it. `to` is a mail's address, or the
    name of a webhook."""

    id: UUID
    to: str
    made_at: datetime
    notes: Sequence[Note]


Verdict = Literal["delivered", "later", "refused", "misconfigured"]
"""``later``: it did not happen, and may yet. ``refused``: this one never will. ``misconfigured``: nothing on this way
will before somebody fixes it; then what waits goes out."""


class MessageAnswer(msgspec.Struct, frozen=True):
    """What came of handing a message over. `words` name codes, never what a server said in its own (that is `said`, and
    shown to whoever tries a way by hand); they follow a noun: “the mail server …”."""

    verdict: Verdict
    words: str
    remedy: str = ""
    said: str = ""


class Way(Protocol):
    """A way out. What goes wrong is an answer, never raised."""

    async def send(self, message: Outgoing) -> MessageAnswer: ...
