"""The made-up clinic: the same for the same seed, and realistic in its mix."""

import hashlib
from collections import Counter
from datetime import UTC, date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay, read_day, total_of, write_day
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.scheduling.story import story_of

DAY = date(2025, 3, 3)


@pytest.fixture(scope="module")
def day() -> ClinicDay:
    return generate(seed=7, appointments=1000, day=DAY)


@pytest.fixture(scope="module")
def upset() -> ClinicDay:
    return generate(seed=7, appointments=1000, day=DAY, undone=0.1)


def completed(day: ClinicDay) -> list[AppointmentPlan]:
    return [plan for plan in day.appointments if plan.story[-1] == "completed"]


def test_one_seed_gives_one_day(day: ClinicDay) -> None:
    assert generate(seed=7, appointments=1000, day=DAY) == day
    assert generate(seed=8, appointments=1000, day=DAY).appointments != day.appointments


def test_a_longer_day_begins_with_the_shorter_one(day: ClinicDay) -> None:
    shorter = generate(seed=7, appointments=200, day=DAY)
    assert shorter.appointments == day.appointments[:200]
    assert shorter.patients == day.patients[: len(shorter.patients)]


def test_seeds_share_no_ids(day: ClinicDay) -> None:
    other = generate(seed=8, appointments=100, day=DAY)
    assert not {plan.id for plan in other.appointments} & {plan.id for plan in day.appointments}
    assert not {patient.id for patient in other.patients} & {patient.id for patient in day.patients}


def test_the_mix_is_realistic(day: ClinicDay) -> None:
    ends = Counter(plan.story[-1] for plan in day.appointments)
    assert 830 < ends["completed"] < 920
    assert 55 < ends["cancelled"] < 110
    assert 20 < ends["noshow"] < 65
    assert 10 < sum("rescheduled" in plan.story for plan in completed(day)) < 50
    assert 100 < sum(plan.payer is None for plan in day.appointments) < 200
    assert 50 < sum(not plan.payments for plan in completed(day)) < 130


def test_what_is_paid_is_paid_in_full(day: ClinicDay) -> None:
    prices = {service.code: service.price for service in day.services}
    for plan in completed(day):
        paid = sum((payment.amount for payment in plan.payments), Decimal(0))
        assert paid in (0, total_of(plan.lines, prices, day.currency))


def test_only_completed_visits_have_services_and_payments(day: ClinicDay) -> None:
    others = [plan for plan in day.appointments if plan.story[-1] != "completed"]
    assert not any(plan.lines or plan.payments for plan in others)
    assert all(plan.lines for plan in completed(day))


def test_without_upsets_the_day_stays_what_it_was(day: ClinicDay) -> None:
    """Runs of one seed are compared over versions of the simulators."""
    digest = hashlib.sha256(msgspec.json.encode(day)).hexdigest()
    assert digest == "8e32b2664612b01604e2623da48b9f3f9dbc4ba59bfedceaed9bf91d8528b494"


def test_upsets_are_visits_that_were_cancelled_after_all(day: ClinicDay, upset: ClinicDay) -> None:
    undone = [plan for plan in upset.appointments if plan.story[-2:] == ("completed", "cancelled")]
    assert 70 < len(undone) < 130
    assert all(plan.lines and not plan.payments for plan in undone)
    others = [plan for plan in zip(day.appointments, upset.appointments, strict=True) if plan[1] not in undone]
    assert all(before == after for before, after in others)


def test_a_visit_is_cancelled_after_it_was_completed(upset: ClinicDay) -> None:
    for plan in upset.appointments:
        story = list(story_of(plan))
        assert [happening.version for happening in story] == list(range(1, len(plan.story) + 1))
        assert all(earlier.at < later.at for earlier, later in pairwise(story))


def test_every_reference_leads_somewhere(day: ClinicDay) -> None:
    known = {
        "patient": {patient.id for patient in day.patients},
        "practitioner": {practitioner.id for practitioner in day.practitioners},
        "facility": {facility.code for facility in day.facilities},
        "payer": {payer.id for payer in day.payers} | {None},
    }
    for plan in day.appointments:
        assert all(getattr(plan, name) in ids for name, ids in known.items())
    products = {product.code for product in day.products}
    assert {part.product for service in day.services for part in service.kit} == products


def test_a_person_has_one_payer_with_one_answer(day: ClinicDay) -> None:
    answers = {(plan.patient, plan.payer, plan.eligible) for plan in day.appointments}
    assert len(answers) == len({patient for patient, _, _ in answers})


def test_npis_have_their_check_digit(day: ClinicDay) -> None:
    for practitioner in day.practitioners:
        digits = [int(digit) for digit in f"80840{practitioner.npi}"]
        doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits[::-1])]
        assert sum(doubled) % 10 == 0
        assert len(practitioner.npi) == 10


def test_starts_are_aware_and_on_the_day(day: ClinicDay) -> None:
    assert {plan.start.astimezone(UTC).date() for plan in day.appointments} == {DAY}


def test_a_day_survives_its_file(day: ClinicDay, tmp_path: Path) -> None:
    write_day(day, tmp_path / "day.json")
    assert read_day(tmp_path / "day.json") == day
