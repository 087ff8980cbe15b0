"""What a day of chaos is summed up to."""

from datetime import date

from suture_lab.chaos.measure import Recovery
from suture_lab.chaos.monkey import DoneInjury
from suture_lab.chaos.plan import Injury
from suture_lab.chaos.report import RecoveryRow, expected_of, recoveries
from suture_lab.simulators.clinic.generate import generate


def done(kind: str, *seconds: float | None) -> DoneInjury:
    found = tuple(Recovery(what="answers", seconds=one) for one in seconds)
    return DoneInjury(injury=Injury(at=1.0, kind=kind, target="gateway"), hit="gateway", recoveries=found)


def test_recoveries_are_summed_up_by_kind() -> None:
    injuries = [done("gateway_killed", 1.0), done("gateway_killed", 4.0), done("gateway_killed", None), done("x")]
    assert recoveries(injuries) == [
        RecoveryRow(kind="gateway_killed", what="answers", count=3, median=2.5, worst=4.0, never=1),
    ]


def test_what_never_recovered_has_no_median() -> None:
    (row,) = recoveries([done("nats_killed", None)])
    assert (row.median, row.worst, row.never) == (None, None, 1)


def test_what_is_due_follows_from_the_plan() -> None:
    day = generate(seed=1, appointments=200, day=date(2026, 3, 2), undone=0.03)
    due = expected_of(day)
    completed = [plan for plan in day.appointments if plan.story[-1] == "completed"]
    refused = [plan for plan in completed if plan.payer is not None and plan.eligible == "inactive"]
    assert due["charges"] == due["invoices"] == due["accruals"] == len(completed) - len(refused)
    assert 0 < due["stock"] < due["invoices"]
