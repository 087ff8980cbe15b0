"""Runbooks as HTML, and how processes that wait at a gate or were ended are told."""

from datetime import UTC, datetime

import msgspec
import pytest

from suture.console.progress import standing_of, steps_shown
from suture.console.runbook_pages import read, render
from suture.engine.process import StepRecord
from suture.store.processes import ProcessView
from suture.views.journey import in_order
from suture.views.runbook import CLASSES

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
PARKED = ProcessView(
    key="completed_appointment:A-1",
    definition="completed_appointment",
    state="parked",
    journal={name: StepRecord(state="done", at=NOW) for name in ("resolve", "check_eligibility", "capture_charge")},
    step="draft_invoice",
    attempt=0,
    worker=None,
    fence=1,
    due_at=NOW,
    started_at=NOW,
    finished_at=None,
    held_by="odoo-ledger",
)


@pytest.mark.parametrize("name", CLASSES)
def test_a_runbook_needs_no_style_or_script_of_its_own(name: str) -> None:
    chapter = read(name)
    assert chapter.title
    for forbidden in ("style=", "<script", "<h1", "onclick"):
        assert forbidden not in chapter.body


def test_html_in_markdown_is_shown_as_it_is_written() -> None:
    shown = render("<script>alert(1)</script> and [a](javascript:alert(1)) and <b onclick=x>bold</b>")
    assert "<script" not in shown
    assert "<b " not in shown
    assert "<a " not in shown


def test_a_parked_process_stands_before_a_shut_interface() -> None:
    states = [(step.name, step.state) for step in steps_shown(PARKED)]
    assert states[2:5] == [("capture_charge", "done"), ("draft_invoice", "parked"), ("consume_stock", "ahead")]
    assert standing_of(PARKED) == "Waits until odoo-ledger is back, and goes on by itself."


def test_a_step_whose_outcome_is_unknown_is_parked_too() -> None:
    begun = PARKED.journal | {"draft_invoice": StepRecord(state="begun", at=NOW)}
    shown = steps_shown(msgspec.structs.replace(PARKED, journal=begun))
    assert next(step.state for step in shown if step.name == "draft_invoice") == "parked"


@pytest.mark.parametrize(
    ("state", "undoing", "told"),
    [
        ("parked", True, "Its undo waits until odoo-ledger is back"),
        ("cancelled", False, "A person ended it"),
        ("stuck", True, "It was being undone"),
        ("stuck", False, ""),
        ("done", False, ""),
    ],
)
def test_a_state_that_says_too_little_is_explained(state: str, undoing: bool, told: str) -> None:
    process = msgspec.structs.replace(PARKED, state=state, undoing=undoing)
    assert standing_of(process).startswith(told)
    assert bool(standing_of(process)) == bool(told)


def test_what_a_journal_holds_is_told_in_the_order_of_the_definition() -> None:
    done = ["resolve", "check_eligibility", "capture_charge"]
    for names in ([*reversed(done), "of_a_former_version"], ["of_a_former_version", *sorted(done, key=len)]):
        journal = {name: StepRecord(state="done", at=NOW) for name in names}
        told = in_order(msgspec.structs.replace(PARKED, journal=journal))
        assert [name for name, _ in told] == [*done, "of_a_former_version"]
