"""One pair of hands can't make its own second pair: the audit trail says who stands for an account."""

from datetime import UTC, datetime

import msgspec
import pytest

from suture.commands.hands import in_hands_of
from suture.store.audit import AuditEntry


def act(told: str) -> AuditEntry:
    """``ada invite ben`` or, approved by another, ``ada+cem invite ben``."""
    who, what, whom = told.split()
    actor, _, approver = who.partition("+")
    detail = {"approved_by": approver, "detail": None} if approver else {"roles": ["finance"]}
    return AuditEntry(
        id=1,
        at=datetime(2026, 3, 2, tzinfo=UTC),
        actor=actor,
        action=f"person.{what}",
        subject=f"Person/{whom}",
        reason="",
        detail=msgspec.json.encode(detail if what != "invite" or approver else None).decode(),
        previous=b"",
        hash=b"",
    )


@pytest.mark.parametrize(
    ("acts", "in_hands"),
    [
        ((), set()),
        (("root add ben",), set()),
        (("ada add ben",), {"ben"}),
        (("root add ben", "ada invite ben"), {"ben"}),
        (("root add ben", "ada roles ben"), {"ben"}),
        (("ada add ben", "cem invite ben"), set()),
        (("ada add ben", "cem roles ben"), {"ben"}),  # ada still has the invitation
        (("root add ben", "ada roles ben", "cem roles ben"), set()),
        (("cem invite ben", "ada invite ben"), {"ben"}),
        (("ada add ben", "ben add cem"), {"ben", "cem"}),
        (("ada add ben", "root add cem", "ben invite cem", "cem invite ben"), {"ben", "cem"}),
        (("ada add ben", "ben invite ben"), {"ben"}),
        (("ben add ben",), set()),  # as an identity provider has it
        (("ada+cem add ben",), set()),
        (("ada add ben", "ada+ben add dora"), {"ben", "dora"}),
        (("cem add ada", "ada roles ada"), set()),
    ],
)
def test_who_makes_an_account_holds_it_until_another_stands_for_it(acts: tuple[str, ...], in_hands: set[str]) -> None:
    assert in_hands_of("ada", [act(told) for told in acts]) == in_hands
