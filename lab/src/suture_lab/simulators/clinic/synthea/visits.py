"""Encounters with all that belongs to them: follows the references between a shelf's records."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar

from suture_lab.simulators.clinic.day import ClinicFacility, ClinicPatient, ClinicPayer, ClinicPractitioner
from suture_lab.simulators.clinic.synthea import people
from suture_lab.simulators.clinic.synthea import resources as fhir
from suture_lab.simulators.clinic.synthea.bills import Bill, PricedItem, cents, make_bill
from suture_lab.simulators.clinic.synthea.shelf import Shelf, Unusable

USUAL_MINUTES, LONGEST_MINUTES = 15, 60

Found = TypeVar("Found")


class SyntheaVisit(NamedTuple):
    """An encounter whose references all lead somewhere."""

    id: str
    began: datetime
    minutes: int
    patient: ClinicPatient
    practitioner: ClinicPractitioner
    facility: ClinicFacility
    bills: Sequence[Bill]

    @property
    def payer(self) -> ClinicPayer | None:
        """A visit has one payer: that of its first claim."""
        return self.bills[0].payer

    @property
    def items(self) -> Iterator[PricedItem]:
        return (item for bill in self.bills for item in bill.items)

    @property
    def total(self) -> Decimal:
        return sum((item.price for item in self.items), Decimal(0))


def read_visits(shelf: Shelf) -> Collection[SyntheaVisit]:
    """Every finished encounter that has a usable claim; the others are noted on the shelf."""
    patients = shelf.make("Patient", people.patient)
    practitioners = shelf.make("Practitioner", people.practitioner)
    facilities = shelf.make("Organization", people.facility)
    bills = _bills_by_encounter(shelf)

    def visit(encounter_id: str, encounter: fhir.Encounter) -> SyntheaVisit:
        if encounter.status != "finished":
            raise Unusable("is not finished")
        if not encounter.participant:
            raise Unusable("has no participant")
        if encounter_id not in bills:
            raise Unusable("has no usable claim")
        return SyntheaVisit(
            encounter_id,
            *_period(encounter.period),
            _follow(shelf, "Patient", encounter.subject, patients),
            _follow(shelf, "Practitioner", encounter.participant[0].individual, practitioners),
            _follow(shelf, "Organization", encounter.service_provider, facilities),
            sorted(bills[encounter_id], key=lambda bill: bill.is_pharmacy),
        )

    return shelf.make("Encounter", visit).values()


def _bills_by_encounter(shelf: Shelf) -> dict[str, list[Bill]]:
    payments = _payments_by_claim(shelf)
    consistent = _Consistency()

    def bill(claim_id: str, claim: fhir.Claim) -> Bill:
        encounter = next((item.encounter[0].reference for item in claim.item if item.encounter), "")
        encounter_id = shelf.id_of("Encounter", encounter)
        if not shelf.has("Encounter", encounter_id):
            raise Unusable("refers to an unknown Encounter")
        made = make_bill(claim, encounter_id, payments[claim_id])
        consistent.check(made)
        return made

    bills: dict[str, list[Bill]] = defaultdict(list)
    for made in shelf.make("Claim", bill).values():
        bills[made.encounter].append(made)
    return bills


def _payments_by_claim(shelf: Shelf) -> dict[str, list[Decimal]]:
    def payment(_: str, explanation: fhir.ExplanationOfBenefit) -> tuple[str, Decimal]:
        claim_id = shelf.id_of("Claim", explanation.claim.reference)
        if not shelf.has("Claim", claim_id):
            raise Unusable("refers to an unknown Claim")
        amount = explanation.payment.amount
        return claim_id, Decimal(0) if amount is None else cents(amount)

    payments: dict[str, list[Decimal]] = defaultdict(list)
    for claim_id, amount in shelf.make("ExplanationOfBenefit", payment).values():
        payments[claim_id].append(amount)
    return payments


class _Consistency:
    """A day has one currency, and a code one meaning: what the first bills say holds for the others."""

    def __init__(self) -> None:
        self._currency: str | None = None
        self._systems: dict[str, str] = {}

    def check(self, bill: Bill) -> None:
        if bill.currency != (self._currency or bill.currency):
            raise Unusable("is in another currency than the claims before it")
        if any(self._systems.get(item.code, item.system) != item.system for item in bill.items):
            raise Unusable("uses a code that another code system uses too")
        self._currency = bill.currency
        self._systems.update((item.code, item.system) for item in bill.items)


def _follow(shelf: Shelf, kind: str, reference: fhir.Reference, known: Mapping[str, Found]) -> Found:
    try:
        return known[shelf.id_of(kind, reference.reference)]
    except KeyError:
        raise Unusable(f"refers to an unknown {kind}") from None


def _period(period: fhir.Period) -> tuple[datetime, int]:
    """When a visit began, and its minutes: at most an hour, so that every visit ends on the demo's day."""
    began, ended = _moment(period.start), _moment(period.end)
    if began is None:
        raise Unusable("has no start")
    if ended is None:
        return began, USUAL_MINUTES
    return began, min(max(1, (ended - began) // timedelta(minutes=1)), LONGEST_MINUTES)


def _moment(text: str) -> datetime | None:
    """A FHIR dateTime; without an offset it counts as UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
