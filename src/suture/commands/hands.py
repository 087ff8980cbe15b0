"""Whose hands an account is in. Who invites a person may use the invitation, and who gives roles decides what they may:
until somebody else has stood for that account, its word beside theirs is one word."""

from collections.abc import Iterable

import msgspec

from suture.acting.actor import NotPossible
from suture.store import audit
from suture.store.audit import AuditEntry
from suture.store.database import Connection

_GIVEN = {
    "person.add": frozenset({"sign-in", "roles"}),
    "person.invite": frozenset({"sign-in"}),
    "person.roles": frozenset({"roles"}),
}
"""What somebody has of whom they do this to."""
_FREED = _GIVEN | {"person.invite": frozenset({"sign-in", "roles"})}
"""What nobody else has any more afterwards: who invites anew stands for the account as it is."""


async def apart(connection: Connection, one: str, other: str) -> None:
    """That two people are two pairs of hands. Raises `NotPossible` where one made the other."""
    acts = await audit.of_acts(connection, list(_GIVEN))
    for maker, made in ((one, other), (other, one)):
        if made in in_hands_of(maker, acts):
            raise NotPossible(
                f"{made} was added, invited or given roles by {maker} or by who is in {maker}'s hands, so they are no "
                f"two people here: another administrator invites {made} anew first, or somebody else does it"
            )


def in_hands_of(maker: str, acts: Iterable[AuditEntry]) -> frozenset[str]:
    """The accounts that only this person, or accounts in this person's hands, stand for; by the audit trail, oldest
    first. What a provider tells of itself is nobody's doing."""
    held: dict[str, frozenset[str]] = {}
    for act in acts:
        person = act.subject.removeprefix("Person/")
        by = {act.actor, _approver(act)} - {"", person}
        if person == maker or not by:
            continue
        theirs = {maker, *(name for name, what in held.items() if what)}
        known = held.get(person, frozenset())
        held[person] = known | _GIVEN[act.action] if by <= theirs else known - _FREED[act.action]
    return frozenset(name for name, what in held.items() if what)


class _Detail(msgspec.Struct, frozen=True):
    approved_by: str = ""


def _approver(act: AuditEntry) -> str:
    """Who stood for an act beside who did it."""
    try:
        return msgspec.json.decode(act.detail, type=_Detail).approved_by
    except msgspec.ValidationError:  # it has no detail
        return ""
