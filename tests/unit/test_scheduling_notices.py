"""What the scheduling system tells: each step in order, as FHIR R4 resources that carry what R4 requires."""

from datetime import date
from typing import Any

import msgspec
import pytest

from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay, PlannedLine
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.scheduling.register import BASE, Register
from suture_lab.simulators.scheduling.story import Happening, happenings, story_of

# The elements of cardinality 1.. (https://hl7.org/fhir/R4/resourcelist.html) of what we send.
REQUIRED = {
    "Appointment": {"status", "participant"},
    "Patient": set(),
    "Practitioner": set(),
    "Location": set(),
    "Organization": {"name"},
    "Encounter": {"status", "class"},
    "Account": {"status"},
    "Coverage": {"status", "beneficiary", "payor"},
    "ChargeItem": {"status", "code", "subject"},
}


@pytest.fixture(scope="module")
def day() -> ClinicDay:
    return generate(seed=1, appointments=200, day=date(2025, 3, 3))


def plan_with(day: ClinicDay, *story: str, self_pay: bool = False) -> AppointmentPlan:
    return next(plan for plan in day.appointments if plan.story == story and (plan.payer is None) == self_pay)


def notice(day: ClinicDay, happening: Happening) -> Any:
    return msgspec.json.decode(Register(day).notice(happening))


def last(plan: AppointmentPlan) -> Happening:
    return list(story_of(plan))[-1]


def resources(tree: Any) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in tree["data"]["entry"]]


def kinds(tree: Any) -> list[str]:
    return [resource["resourceType"] for resource in resources(tree)]


def references(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        own = [tree["reference"]] if isinstance(tree.get("reference"), str) else []
        return own + [found for value in tree.values() for found in references(value)]
    return [found for item in tree for found in references(item)] if isinstance(tree, list) else []


def test_steps_come_in_order(day: ClinicDay) -> None:
    steps = happenings(day)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    for plan in day.appointments:
        own = [step for step in steps if step.plan.id == plan.id]
        assert tuple(step.step for step in own) == plan.story
        assert [step.version for step in own] == list(range(1, len(own) + 1))


def test_rescheduling_moves_the_start(day: ClinicDay) -> None:
    plan = plan_with(day, "booked", "rescheduled", "arrived", "completed")
    booked, moved, *_ = story_of(plan)
    assert (booked.start, moved.start) == (plan.first_start, plan.start)
    appointment = resources(notice(day, moved))[0]
    assert appointment["status"] == "booked"
    assert appointment["meta"]["versionId"] == "2"


@pytest.mark.parametrize(
    ("story", "status"),
    [(("booked", "cancelled"), "cancelled"), (("booked", "noshow"), "noshow")],
)
def test_what_did_not_take_place_bills_nothing(day: ClinicDay, story: tuple[str, ...], status: str) -> None:
    tree = notice(day, last(plan_with(day, *story)))
    assert tree["type"] == f"appointment.{story[-1]}"
    assert kinds(tree) == ["Appointment", "Patient", "Practitioner", "Location"]
    assert resources(tree)[0]["status"] == status


def test_a_completed_visit_carries_all_that_billing_needs(day: ClinicDay) -> None:
    plan = plan_with(day, "booked", "arrived", "completed")
    tree = notice(day, last(plan))
    people = ["Appointment", "Patient", "Practitioner", "Location"]
    assert kinds(tree) == [
        *people,
        "Encounter",
        "Account",
        "Coverage",
        "Organization",
        *["ChargeItem"] * len(plan.lines),
    ]


def test_self_pay_has_no_coverage(day: ClinicDay) -> None:
    tree = notice(day, last(plan_with(day, "booked", "arrived", "completed", self_pay=True)))
    assert not {"Account", "Coverage", "Organization"} & set(kinds(tree))


def test_an_agreed_price_keeps_its_digits(day: ClinicDay) -> None:
    plan = plan_with(day, "booked", "arrived", "completed")
    line = PlannedLine(code=plan.lines[0].code, unit_price=msgspec.convert("99.90", type=type(plan.lines[0].quantity)))
    body = Register(day).notice(last(msgspec.structs.replace(plan, lines=(line,))))
    assert b'"priceOverride":{"value":99.90,"currency":"USD"}' in body


def test_every_resource_has_what_r4_requires(day: ClinicDay) -> None:
    for happening in happenings(day):
        for resource in resources(notice(day, happening)):
            assert REQUIRED[resource["resourceType"]] | {"id"} <= resource.keys()
            assert all(value not in (None, [], "") for value in resource.values())


def test_every_reference_resolves_within_the_bundle(day: ClinicDay) -> None:
    for happening in happenings(day):
        tree = notice(day, happening)
        urls = {entry["fullUrl"] for entry in tree["data"]["entry"]}
        assert {f"{BASE}/{reference}" for reference in references(tree)} <= urls


def test_a_notice_is_the_same_on_every_run(day: ClinicDay) -> None:
    for happening in happenings(day):
        assert Register(day).notice(happening) == Register(day).notice(happening)
        break
    ids = [happening.id for happening in happenings(day)]
    assert len(set(ids)) == len(ids)
