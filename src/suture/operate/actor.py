"""Who acts. Every human action goes through `operate`, which writes it to the audit trail once."""

from datetime import datetime

import msgspec

from suture.core.clock import Clock
from suture.store import audit
from suture.store.database import Connection


class NotPossible(Exception):
    """What was asked for can't be done as things are. The message says why, and what can be done instead."""


class Actor(msgspec.Struct, frozen=True):
    """A person (or account) and the reason they give, in their own words."""

    name: str
    reason: str = ""

    async def sign(
        self, connection: Connection, clock: Clock, action: str, subject: str, detail: object = None
    ) -> datetime:
        """Write the act to the audit trail, in the transaction that does it; answers when that was."""
        now = clock.now()
        await audit.record(
            connection, at=now, actor=self.name, action=action, subject=subject, reason=self.reason, detail=detail
        )
        return now
