"""Loading other people's FHIR records: what becomes of them, and what is said of those that are left out."""

import gzip
import json
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from suture_lab.simulators.clinic.day import ClinicDay, PlannedLine, PlannedPayment, total_of
from suture_lab.simulators.clinic.synthea import Loaded, load

DAY = date(2025, 3, 3)
FIXTURES = Path(__file__).parents[2] / ".." / "shared" / "fixtures" / "fhir" / "synthea_r4"

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Doe", "given": ["Jo", "B"]}]}
PRACTITIONER = {"resourceType": "Practitioner", "id": "dr1", "name": [{"family": "Roe"}]}
ORGANIZATION = {"resourceType": "Organization", "id": "org1", "name": "Main"}
SNOMED, CVX = "http://snomed.info/sct", "http://hl7.org/fhir/sid/cvx"


def encounter(record_id: str = "e1", start: str = "2020-01-01T10:00:00+00:00", **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": record_id,
        "status": "finished",
        "subject": {"reference": "urn:uuid:p1"},
        "participant": [{"individual": {"reference": "urn:uuid:dr1"}}],
        "serviceProvider": {"reference": "urn:uuid:org1"},
        "period": {"start": start, "end": "2020-01-01T10:15:00+00:00"},
    } | changes


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": "Asthma follow-up"}], "text": "Asthma follow-up"}


def claim(
    record_id: str = "c1",
    encounter_id: str = "e1",
    total: Any = 265.52,
    net: Any = 140.52,
    kind: str = "institutional",
    insurer: str = "private",
) -> dict[str, Any]:
    visit = {"productOrService": concept(SNOMED, "185349003"), "encounter": [{"reference": f"urn:uuid:{encounter_id}"}]}
    diagnosis = {"productOrService": concept(SNOMED, "195967001")}
    shot = {"productOrService": concept(CVX, "140"), "net": {"value": net, "currency": "USD"}}
    return {
        "resourceType": "Claim",
        "id": record_id,
        "type": {"coding": [{"code": kind}]},
        "insurance": [{"coverage": {"display": insurer}}],
        "item": [visit] if kind == "pharmacy" else [visit, diagnosis, shot],
        "total": {"value": total, "currency": "USD"},
    }


def explanation(amount: Any, claim_id: str = "c1", record_id: str = "b1") -> dict[str, Any]:
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": record_id,
        "claim": {"reference": f"urn:uuid:{claim_id}"},
        "payment": {"amount": {"value": amount, "currency": "USD"}},
    }


BASICS = [PATIENT, PRACTITIONER, ORGANIZATION]


def loaded(folder: Path, *records: Any, limit: int | None = None) -> Loaded:
    (folder / "records.ndjson").write_text("\n".join(map(json.dumps, records)))
    return load(folder, day=DAY, limit=limit)


def reasons(result: Loaded) -> list[tuple[str, str]]:
    return [(skipped.reference, skipped.reason) for skipped in result.skipped]


def test_an_encounter_becomes_a_completed_appointment(tmp_path: Path) -> None:
    result = loaded(tmp_path, *BASICS, encounter(), claim(), explanation(112.41600000000001))
    (plan,) = result.day.appointments
    assert not result.skipped
    assert (plan.id, plan.patient, plan.practitioner, plan.facility) == ("e1", "p1", "dr1", "org1")
    assert plan.story == ("booked", "arrived", "completed")
    assert plan.start.date() == DAY
    assert plan.minutes == 15
    assert plan.lines == (PlannedLine(code="185349003"), PlannedLine(code="140"))
    assert plan.payments == (PlannedPayment(amount=Decimal("112.42"), payer="payer-private"),)
    assert {service.code: service.price for service in result.day.services} == {
        "185349003": Decimal("125.00"),
        "140": Decimal("140.52"),
    }


def test_a_bill_says_nothing_clinical(tmp_path: Path) -> None:
    result = loaded(tmp_path, *BASICS, encounter(), claim())
    assert [service.name for service in result.day.services] == ["Visit 185349003", "Service 140"]


def test_another_price_is_agreed_for_the_visit(tmp_path: Path) -> None:
    later = [encounter("e2", "2021-01-01T10:00:00Z"), claim("c2", "e2", total=200.0, net=100.1)]
    result = loaded(tmp_path, *BASICS, encounter(), claim(), *later)
    assert result.day.appointments[1].lines == (
        PlannedLine(code="185349003", unit_price=Decimal("99.90")),
        PlannedLine(code="140", unit_price=Decimal("100.10")),
    )


def test_pharmacy_claims_are_one_further_line(tmp_path: Path) -> None:
    drugs = [claim(f"c{number}", total=255, kind="pharmacy") for number in (2, 3)]
    result = loaded(tmp_path, *BASICS, encounter(), *drugs, claim())
    assert result.day.appointments[0].lines[-1] == PlannedLine(code="pharmacy", quantity=Decimal(2))
    assert result.day.services[-1].name == "Pharmacy"


def test_no_insurance_means_that_the_patient_pays(tmp_path: Path) -> None:
    result = loaded(tmp_path, *BASICS, encounter(), claim(insurer="no_insurance"), explanation(50))
    (plan,) = result.day.appointments
    assert plan.payer is None
    assert plan.payments == (PlannedPayment(amount=Decimal("50.00")),)
    assert result.day.payers == ()


def test_payments_never_exceed_the_total(tmp_path: Path) -> None:
    result = loaded(tmp_path, *BASICS, encounter(), claim(), explanation(200), explanation(200, record_id="b2"))
    assert [payment.amount for payment in result.day.appointments[0].payments] == [Decimal(200), Decimal("65.52")]


def test_the_most_recent_encounters_in_their_order(tmp_path: Path) -> None:
    years = {"e1": 2019, "e2": 2021, "e3": 2020}
    records = [encounter(name, f"{year}-05-01T08:00:00Z") for name, year in years.items()]
    records += [claim(f"c-{name}", name) for name in years]
    plans = loaded(tmp_path, *BASICS, *records, limit=2).day.appointments
    assert [plan.id for plan in plans] == ["e3", "e2"]
    assert plans[0].start < plans[1].start
    assert loaded(tmp_path, *BASICS, *records, limit=0).day.appointments == ()


@pytest.mark.parametrize(
    ("record", "reference", "reason"),
    [
        (encounter(participant=[]), "Encounter/e1", "has no participant"),
        (encounter(status="planned"), "Encounter/e1", "is not finished"),
        (encounter(subject={"reference": "Patient/ghost"}), "Encounter/e1", "refers to an unknown Patient"),
        (encounter(serviceProvider={}), "Encounter/e1", "refers to an unknown Organization"),
        (encounter(period={}), "Encounter/e1", "has no start"),
        (encounter("e9"), "Encounter/e9", "has no usable claim"),
        (claim(total=-1, net=1), "Claim/c1", "has an amount that is negative or out of range"),
        (claim(total="NaN"), "Claim/c1", "has an amount that is negative or out of range"),
        (claim(total=1e300), "Claim/c1", "has an amount that is negative or out of range"),
        (claim(total=10, net=20), "Claim/c1", "has items that don't add up to its total"),
        (claim(total=0, net=0), "Claim/c1", "has nothing to bill"),
        (claim(insurer=""), "Claim/c1", "names no insurer"),
        (claim(encounter_id="ghost"), "Claim/c1", "refers to an unknown Encounter"),
        (explanation(1, claim_id="ghost"), "ExplanationOfBenefit/b1", "refers to an unknown Claim"),
        (PATIENT | {"name": []}, "Patient/p1", "has no family name"),
        (PATIENT | {"id": "no/good"}, "Patient/no/good", "not as FHIR R4 has it: no usable id"),
        (
            PATIENT | {"name": "Doe"},
            "Patient/p1",
            "not as FHIR R4 has it: Expected `array`, got `str` - at `$.name`",
        ),
    ],
)
def test_a_bad_record_is_left_out_with_its_reason(tmp_path: Path, record: Any, reference: str, reason: str) -> None:
    replaced = {item["resourceType"]: item for item in (*BASICS, encounter(), claim(), record)}
    result = loaded(tmp_path, *replaced.values())
    assert (reference, reason) in reasons(result)


def test_what_was_left_out_says_where_and_why(tmp_path: Path) -> None:
    result = loaded(tmp_path, *BASICS, encounter(participant=[]), claim())
    assert str(result.skipped[0]) == "records.ndjson, line 4, Encounter/e1: has no participant"


def test_lines_that_are_no_records_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "odd.ndjson").write_bytes(b'\xef\xbb\xbf\n{"a": 1}\n[]\n{nonsense\n\xff\xfe\n' + b"[" * 5000)
    result = loaded(tmp_path, *BASICS, encounter(), claim())
    assert len(result.day.appointments) == 1
    places = [(skipped.where, skipped.reason.partition(":")[0]) for skipped in result.skipped]
    assert places == [
        ("line 2", "not as FHIR R4 has it"),
        ("line 3", "not as FHIR R4 has it"),
        ("line 4", "not JSON"),
        ("line 5", "not JSON"),
        ("line 6", "not as FHIR R4 has it"),
    ]


def test_a_broken_archive_gives_what_it_can(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join(json.dumps(PATIENT | {"id": f"q{n}"}) for n in range(20_000)).encode())
    (tmp_path / "broken.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "none.json.gz").write_bytes(b"not gzip")
    result = loaded(tmp_path, *BASICS, encounter(), claim())
    assert len(result.day.appointments) == 1
    assert {skipped.reason for skipped in result.skipped} == {
        "the file can't be read (EOFError)",
        "the file can't be read (BadGzipFile)",
    }


def test_bundles_in_subfolders_and_the_same_record_twice(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    entries = [{"resource": record} for record in (*BASICS, encounter(), claim())]
    bundle = {"resourceType": "Bundle", "entry": [*entries, "odd", {"fullUrl": "no resource"}]}
    (tmp_path / "bundles" / "one.json.gz").write_bytes(gzip.compress(json.dumps(bundle).encode()))
    (tmp_path / "single.json").write_text(json.dumps(PATIENT))
    result = loaded(tmp_path, *BASICS, encounter(), claim())
    assert len(result.day.appointments) == 1
    assert result.duplicates == len(BASICS) + 3
    assert [skipped.where for skipped in result.skipped] == ["entry 6", "entry 7"]


def test_references_by_identifier(tmp_path: Path) -> None:
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "999"}
    by_npi = {"individual": {"reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|999"}}
    practitioner = PRACTITIONER | {"identifier": [npi]}
    result = loaded(tmp_path, PATIENT, practitioner, ORGANIZATION, encounter(participant=[by_npi]), claim())
    assert result.day.appointments[0].practitioner == "dr1"
    assert result.day.practitioners[0].npi == "999"


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        load(tmp_path / "nowhere", day=DAY)


@pytest.fixture(scope="module")
def population() -> Loaded:
    if not FIXTURES.is_dir():
        pytest.skip("the shared Synthea population is not here")
    return load(FIXTURES, day=DAY)


def claim_totals(day: ClinicDay) -> Decimal:
    """The sum of the claims of the day's appointments, read from the files in the plainest way."""
    ids, total = {plan.id for plan in day.appointments}, Decimal(0)
    with gzip.open(FIXTURES / "Claim.ndjson.gz") as lines:
        for line in lines:
            record = json.loads(line, parse_float=Decimal)
            encounters = [item["encounter"][0]["reference"] for item in record["item"] if "encounter" in item]
            if encounters[0].removeprefix("urn:uuid:") in ids:
                total += round(Decimal(record["total"]["value"]), 2)
    return total


def test_a_whole_population(population: Loaded) -> None:
    day = population.day
    assert (len(day.patients), len(day.appointments)) == (298, 4517)
    assert Counter(skipped.reason for skipped in population.skipped) == {"has no participant": 25}
    assert population.duplicates > 0
    prices = {service.code: service.price for service in day.services}
    billed = sum((total_of(plan.lines, prices, day.currency) for plan in day.appointments), Decimal(0))
    assert billed == claim_totals(day)


def test_a_population_keeps_its_order_within_the_day(population: Loaded) -> None:
    starts: list[datetime] = [plan.start for plan in population.day.appointments]
    assert starts == sorted(starts)
    assert {start.date() for start in starts} == {DAY}
    assert load(FIXTURES, day=DAY, limit=10).day.appointments[-1].id == population.day.appointments[-1].id
