"""What the commands say of discrepancies: of none, and of one that Suture can't repair."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from suture.catalogue.reconciliation import standard_rules
from suture.cli.reconcile.command import _nothing
from suture.cli.reconcile.showing import describe
from suture.store.discrepancies import Discrepancy
from suture.store.reconciliations import Reconciliation
from suture.views.discrepancies import DiscrepancyAccount
from suture.views.words import Words

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


@pytest.mark.parametrize(
    ("what", "repair", "said", "unsaid"),
    [
        ("missing", "redo", "repeat the step that wrote it: suture reconcile repair 7", "By hand"),
        ("voided", "by_hand", "capture a corrected charge in billing, or cancel the visit", "reconcile repair"),
        ("differs", "by_hand", "suture reconcile run closes it once both sides agree", "reconcile repair"),
    ],
)
def test_a_difference_says_what_a_person_does_and_no_command_that_can_do_nothing(
    what: str, repair: str, said: str, unsaid: str
) -> None:
    at = datetime(2026, 3, 3, 9, tzinfo=UTC)
    one = Discrepancy(
        number=7,
        rule="charge_gone",
        what=what,
        key="A1",
        appointment="A1",
        facility=None,
        party="",
        day=None,
        owner="revenue cycle",
        money=Decimal(200),
        currency="USD",
        repair=repair,
        evidence={"compared": {}, "also": {}},
        fingerprint="",
        state="open",
        opened_at=at,
        seen_at=at,
        due_at=at,
        closed_at=None,
        closed_by=None,
        reason=None,
        proof=None,
    )
    rule = next(rule for rule in standard_rules() if rule.name == "charge_gone")
    out = Console(width=200)
    with out.capture() as shown:
        describe(DiscrepancyAccount(discrepancy=one, rule=rule, exceptions=[], acts=[]), Words("Odoo"), out)
    assert said in shown.get()
    assert unsaid not in shown.get()
