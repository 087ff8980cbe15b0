"""A made-up clinic's day, the same for the same seed.

Appointments are drawn one after the other, so that a longer day of the same seed begins with the shorter one's
appointments: running 200 and then 300 of them never gives one id two meanings.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from faker import Faker

from suture.core.money import round_money
from suture_lab.simulators.clinic.day import (
    Address,
    AppointmentPlan,
    ClinicDay,
    ClinicPatient,
    ClinicPractitioner,
    EligibilityAnswer,
    PlannedLine,
    PlannedPayment,
    Step,
    total_of,
)
from suture_lab.simulators.clinic.price_list import (
    CONSULTATIONS,
    FACILITIES,
    FURTHER_SERVICES,
    PAYERS,
    PRODUCTS,
    SERVICES,
)

CURRENCY = "USD"
PRACTITIONERS = 12
OPENS = time(8, 0, tzinfo=UTC)
SLOTS_OF_FIVE_MINUTES = 108

NEW_PATIENT = 0.7
SELF_PAY = 0.15
CANCELLED = 0.08
NO_SHOW = 0.04
RESCHEDULED = 0.03
CANCELLED_AFTER_MOVING = 0.25
NOT_PAID_YET = 0.10
PATIENT_SHARE = 0.30
COINSURANCE = Decimal("0.20")

_PRICES = {service.code: service.price for service in SERVICES}
_LANGUAGES = ("en", "en", "en", "en", "es", "es", "zh", "pt")


class _Person:
    """A patient with what belongs to the person and not to a visit: who pays, and what that payer answers."""

    def __init__(self, patient: ClinicPatient, payer: str | None, eligible: EligibilityAnswer) -> None:
        self.patient = patient
        self.payer = payer
        self.eligible = eligible


def generate(*, seed: int, appointments: int, day: date, undone: float = 0.0) -> ClinicDay:
    """A day of `appointments` appointments: about 88 % completed, 8 % cancelled, 4 % no-shows, 15 % self-pay.

    The share `undone` of them (0 to 1) is completed and turns out to be cancelled after all, before anyone paid.
    """
    practitioners = _practitioners(seed)
    people: list[_Person] = []
    random, names = Random(seed), _names(seed)  # noqa: S311 (a made-up clinic, no secret)
    upsets = Random(f"undone-{seed}")  # noqa: S311 (its own sequence, so that all else stays as it is without)
    plans = []
    for number in range(1, appointments + 1):
        person = _next_person(random, names, people, seed)
        upset = upsets.random() < undone
        appointment_id = f"A{day:%Y%m%d}-{seed}-{number:05d}"
        plans.append(_appointment(random, appointment_id, person, practitioners, day, upset=upset))
    return ClinicDay(
        day=day,
        seed=seed,
        currency=CURRENCY,
        facilities=FACILITIES,
        practitioners=practitioners,
        payers=PAYERS,
        patients=tuple(person.patient for person in people),
        products=PRODUCTS,
        services=SERVICES,
        appointments=tuple(plans),
    )


def _names(seed: int) -> Faker:
    faker = Faker("en_US")
    faker.seed_instance(seed)
    return faker


def _practitioners(seed: int) -> tuple[ClinicPractitioner, ...]:
    names = _names(seed + 1)
    return tuple(
        ClinicPractitioner(
            id=f"DR-{seed}-{number:02d}",
            npi=_npi(100_000_000 + (seed * 100 + number) % 100_000_000),
            family=names.last_name(),
            given=names.first_name(),
        )
        for number in range(1, PRACTITIONERS + 1)
    )


def _npi(nine_digits: int) -> str:
    """An NPI: nine digits and the Luhn check digit over them, prefixed by 80840 (CMS)."""
    doubled = [
        sum(divmod(int(digit) * 2, 10)) if position % 2 == 0 else int(digit)
        for position, digit in enumerate(reversed(f"80840{nine_digits}"))
    ]
    return f"{nine_digits}{-sum(doubled) % 10}"


def _next_person(random: Random, names: Faker, people: list[_Person], seed: int) -> _Person:
    if people and random.random() >= NEW_PATIENT:
        return random.choice(people)
    person = _person(random, names, f"P{seed}-{len(people) + 1:05d}")
    people.append(person)
    return person


def _person(random: Random, names: Faker, patient_id: str) -> _Person:
    patient = ClinicPatient(
        id=patient_id,
        mrn=f"MRN-{patient_id}",
        family=names.last_name(),
        given=names.first_name(),
        birth_date=date(1935, 1, 1) + timedelta(days=random.randrange(85 * 365)),
        language=random.choice(_LANGUAGES),
        address=Address(line=names.street_address(), city=names.city(), postal_code=names.postcode()),
    )
    if random.random() < SELF_PAY:
        return _Person(patient, None, "active")
    eligible: EligibilityAnswer = random.choices(("active", "inactive", "unknown"), (97, 1, 2))[0]
    return _Person(patient, random.choice(PAYERS).id, eligible)


def _appointment(
    random: Random,
    appointment_id: str,
    person: _Person,
    practitioners: tuple[ClinicPractitioner, ...],
    day: date,
    *,
    upset: bool,
) -> AppointmentPlan:
    story = _undone(_story(random)) if upset else _story(random)
    start = datetime.combine(day, OPENS) + timedelta(minutes=5 * random.randrange(SLOTS_OF_FIVE_MINUTES))
    moved_by = timedelta(minutes=5 * random.randint(1, 12))
    lines = _lines(random)
    payments = _payments(random, total_of(lines, _PRICES, CURRENCY), person.payer)
    return AppointmentPlan(
        id=appointment_id,
        patient=person.patient.id,
        practitioner=random.choice(practitioners).id,
        facility=random.choice(FACILITIES).code,
        payer=person.payer,
        start=start,
        minutes=random.choice((15, 20, 30, 45)),
        story=story,
        lines=lines if "completed" in story else (),
        payments=payments if story[-1] == "completed" else (),
        eligible=person.eligible,
        first_start=start - moved_by if "rescheduled" in story else None,
    )


def _story(random: Random) -> tuple[Step, ...]:
    fate = random.random()
    if fate < CANCELLED * CANCELLED_AFTER_MOVING:
        return ("booked", "rescheduled", "cancelled")
    if fate < CANCELLED:
        return ("booked", "cancelled")
    if fate < CANCELLED + NO_SHOW:
        return ("booked", "noshow")
    if random.random() < RESCHEDULED:
        return ("booked", "rescheduled", "arrived", "completed")
    return ("booked", "arrived", "completed")


def _undone(story: tuple[Step, ...]) -> tuple[Step, ...]:
    """The story of a visit that took place, and was cancelled after all."""
    if story[-1] != "completed":
        story = ("booked", "arrived", "completed")
    return (*story, "cancelled")


def _lines(random: Random) -> tuple[PlannedLine, ...]:
    consultation = PlannedLine(code=random.choice(CONSULTATIONS).code)
    further = random.sample(FURTHER_SERVICES, random.choices((0, 1, 2, 3), (40, 35, 17, 8))[0])
    quantities = random.choices((1, 2), (9, 1), k=len(further))
    return (
        consultation,
        *(
            PlannedLine(code=service.code, quantity=Decimal(quantity))
            for service, quantity in zip(further, quantities, strict=True)
        ),
    )


def _payments(random: Random, total: Decimal, payer: str | None) -> tuple[PlannedPayment, ...]:
    """Payments that add up to `total`, or none for a visit that isn't paid yet."""
    not_paid, shared = random.random() < NOT_PAID_YET, random.random() < PATIENT_SHARE
    if not_paid:
        return ()
    if payer is None or not shared:
        return (PlannedPayment(amount=total, payer=payer),)
    by_patient = round_money(total * COINSURANCE, CURRENCY)
    return (PlannedPayment(amount=total - by_patient, payer=payer), PlannedPayment(amount=by_patient))
