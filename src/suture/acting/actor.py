"""Who acts. Every human act is allowed or refused here, and written to the audit trail, once."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from suture.access.roles import may, who_may
from suture.acting.context import CommandContext
from suture.catalogue.acts import UNASKED
from suture.store.database import Connection


class NotPossible(Exception):
    """What was asked for can't be done as things are. The message says why, and what can be done instead."""


class NotAllowed(NotPossible):
    """None of the actor's roles may do this. Ask someone who has one of those named, or an administrator for it."""

    def __init__(self, act: str) -> None:
        super().__init__(f"your roles do not allow {act}: it is for {', '.join(who_may(act))}")
        self.act = act


class NeedsApproval(NotPossible):
    """The catalogue wants a second person to approve this. The console keeps what is asked for until one does."""

    def __init__(self, act: str) -> None:
        way = (
            "the console can't request it, so it is blocked while the catalogue's four_eyes names it"
            if act in UNASKED
            else "request it on the console, where another person approves it"
        )
        super().__init__(f"{act} needs a second person's approval: {way}")
        self.act = act


class NotSignedIn(NotPossible):
    """It asks for a person whom the console knows by password or identity provider; a machine's account is none."""

    def __init__(self, act: str) -> None:
        super().__init__(f"{act} needs a person who is signed in: do it on the console")
        self.act = act


IN_PERSON = frozenset({"period.sign", "approval.ask", "approval.approve"})
"""Acts by which somebody stands for something by name. An account of a machine, which several may share or one may have
several of, can't."""


_WHY = "give your reason: it is kept in the audit trail"
REASONED: Mapping[str, str] = {
    "approval.ask": "give your reason: whoever approves it must know",
    "approval.refuse": "give your reason: whoever asked for it must know",
    "client.revoke": _WHY,
    "codes.correct": _WHY,
    "codes.roll_back": _WHY,
    "discrepancy.accept": "give your reason for leaving it: it is kept in the audit trail and in the close's report",
    "exception.comment": "a comment needs words",
    "exception.discard": _WHY,
    "interface.pause": _WHY,
    "ledger.forget": _WHY,
    "payload.correct": _WHY,
    "payload.read": "give your reason for reading it: it is patient data, and the reason is kept in the audit trail",
    "period.reopen": "give your reason: it is kept in the audit trail and in the next report",
    "person.disable": _WHY,
    "process.cancel": _WHY,
    "process.compensate": _WHY,
    "process.correct": _WHY,
    "process.decide": _WHY,
    "visit.bill_patient": _WHY,
}
"""Acts that nobody does without a reason, and the words for whoever gives none."""


class Actor(msgspec.Struct, frozen=True):
    """A person (or account), the reason they give, in their own words, and the roles by which they act. `approved_by`
    is who else stands for it. `signed_in` says how the name is known: by a session at the console; not by a machine's
    account, nor a client's key."""

    name: str
    reason: str = ""
    roles: tuple[str, ...] = ()
    approved_by: str = ""
    signed_in: bool = False

    def allows(self, act: str) -> bool:
        return may(self.roles, act)

    def check(self, context: CommandContext, *acts: str) -> None:
        """Raises `NotAllowed` where no role of theirs may do one of these, `NotSignedIn` where it is one of `IN_PERSON`
        and they aren't, `NeedsApproval` where another must stand for it and nobody does."""
        for act in acts:
            if not self.allows(act):
                raise NotAllowed(act)
            if act in IN_PERSON and not self.signed_in:
                raise NotSignedIn(act)
            if act in context.catalogue.four_eyes and not self.approved_by:
                raise NeedsApproval(act)

    def check_reason(self, *acts: str) -> None:
        """Raises `NotPossible` where one of these needs a reason and none is given."""
        for act in acts:
            if act in REASONED and not self.reason:
                raise NotPossible(REASONED[act])

    async def sign(
        self, connection: Connection, context: CommandContext, action: str, subject: str, detail: object = None
    ) -> datetime:
        """Write the act to the audit trail, in the transaction that does it; answers when that was. Where the actor may
        not do it (`check`), or says no reason where one is needed, nothing is done."""
        self.check(context, action)
        self.check_reason(action)
        now = context.clock.now()
        if self.approved_by:
            detail = {"approved_by": self.approved_by, "detail": detail}
        await context.trail.record(
            connection, at=now, actor=self.name, action=action, subject=subject, reason=self.reason, detail=detail
        )
        return now
