"""What is offered to whoever looks at an exception."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from suture.commands.remedies import offers
from suture.store.exceptions import OpenException

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
UNMAPPED = OpenException(
    id=UUID(int=1),
    number=1,
    code="code_unmapped",
    outcome="rejected",
    reason="no row",
    remedy="Add it.",
    owner="front-office",
    interface="scheduling-appointments",
    delivery=1,
    process=None,
    step=None,
    subject="Appointment/A1",
    opened_at=NOW,
    last_at=NOW,
    due_at=NOW,
    count=1,
    state="open",
)


def asked(stewards: list[str], asker: str, assignee: str | None = None) -> list[str]:
    told = msgspec.structs.replace(UNMAPPED, assignee=assignee)
    return [one.label for one in offers([told], stewards, asker) if one.command == "exceptions.assign"]


def test_a_steward_is_asked_by_who_is_none_and_once() -> None:
    assert asked(["eve", "sam"], "ada") == ["Ask a steward (eve)"]
    assert asked(["eve", "sam"], "eve") == [], "she is one herself"
    assert asked(["eve", "sam"], "sam") == []
    assert asked(["eve", "sam"], "ada", assignee="sam") == []
    assert asked([], "ada") == []
