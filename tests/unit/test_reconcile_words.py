"""What the list of discrepancies says where it is empty."""

from datetime import UTC, date, datetime

import msgspec

from suture.cli.reconcile.command import _nothing
from suture.store.reconciliations import Reconciliation

RUN = Reconciliation(
    id=1,
    state="done",
    first=date(2026, 3, 2),
    last=date(2026, 3, 2),
    days=[date(2026, 3, 2)],
    position=1,
    events=1,
    by="ada",
    correlation_id="",
    requested_at=datetime(2026, 3, 3, 9, tzinfo=UTC),
    started_at=None,
    finished_at=datetime(2026, 3, 3, 9, 1, tzinfo=UTC),
    documents=1,
    found=0,
    cleared=0,
    explained=0,
    failure="",
)


def test_an_empty_list_says_that_nobody_compared_or_when_somebody_did() -> None:
    assert "No comparison was made yet" in _nothing([], whole=True)
    assert "No comparison was made yet" in _nothing([msgspec.structs.replace(RUN, finished_at=None)], whole=True)
    assert _nothing([RUN], whole=True) == "Both sides agree, as compared 2026-03-03 09:01 UTC."
    assert "agree" not in _nothing([RUN], whole=False), "a part of them says nothing of all"
