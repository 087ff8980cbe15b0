"""FHIR's values and references as real servers write them."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from suture.codecs import fhir
from suture.core.codes import is_code
from suture.core.places import country_code, state_code

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T09:00:00-05:00", datetime(2026, 3, 2, 14, tzinfo=UTC)),
        ("2026-03-02T09:00:00.1234567Z", datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)),
        ("2026-03-02T09:00:00.5+00:00", datetime(2026, 3, 2, 9, 0, 0, 500000, tzinfo=UTC)),
        ("2026-03-02T09:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T09:00:00+0530", datetime(2026, 3, 2, 3, 30, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        *((text, None) for text in ("2026-03-02T09:00:00", "2026-03-02", "2026", "", "2026-02-30T09:00:00Z", "soon")),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-03-02T24:00:00Z", None),
    ],
)
def test_a_moment_has_its_zone_and_as_many_digits_as_it_likes(text: str, told: datetime | None) -> None:
    assert fhir.moment(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026", (date(2026, 1, 1), date(2026, 12, 31))),
        ("2024-02", (date(2024, 2, 1), date(2024, 2, 29))),
        ("2026-03-02", (date(2026, 3, 2), date(2026, 3, 2))),
        ("2026-03-03T01:00:00Z", (date(2026, 3, 2), date(2026, 3, 2))),
        ("0001-01-01T00:00:00Z", (date(1, 1, 1), date(1, 1, 1))),
        *((text, None) for text in ("", "0000", "2026-13", "2026-02-30", "1985-", "²026")),
    ],
)
def test_a_partial_date_is_all_the_days_that_it_may_mean(text: str, told: fhir.HeldResource | None) -> None:
    assert fhir.days(text, NEW_YORK) == told


PATIENT = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:mrn", "value": "77"}]}
OTHER = {"resourceType": "Patient", "id": "p2", "identifier": [{"system": "urn:mrn", "value": "78"}]}
UUID = "urn:uuid:7a5c0f6e-0000-4000-8000-000000000001"
APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "a1",
    "contained": [{"resourceType": "Patient", "id": "inside"}, PATIENT | {"id": "same"}],
}
ENTRIES: list[Any] = [
    {"fullUrl": "https://ehr.example/fhir/Appointment/a1", "resource": APPOINTMENT},
    {"fullUrl": UUID, "resource": PATIENT},
    {"fullUrl": "https://ehr.example/fhir/Patient/p2", "resource": OTHER},
    {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": {"resourceType": "Organization"}},
    {"request": {"method": "DELETE", "url": "Slot/9"}},
    {"resource": None},
    None,
]


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ({"reference": "Patient/p1"}, ("Patient/p1", True)),
        ({"reference": "Patient/p1/_history/7"}, ("Patient/p1", True)),
        ({"reference": "https://ehr.example/fhir/Patient/p2"}, ("Patient/p2", True)),
        ({"reference": "https://ehr.example/fhir/Patient/p2/_history/7"}, ("Patient/p2", True)),
        ({"reference": "http://EHR.example/fhir/Patient/p2"}, ("Patient/p2", True)),
        ({"reference": "https://else.example/fhir/Patient/p2"}, ("http://else.example/fhir/Patient/p2", False)),
        ({"reference": "Patient/p9"}, ("Patient/p9", False)),
        ({"reference": UUID}, ("Patient/p1", True)),
        ({"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"},
         ("Organization/00000000-0000-4000-8000-000000000002", True)),
        ({"reference": "urn:uuid:00000000-0000-4000-8000-00000000000f"}, None),
        ({"reference": "#inside"}, ("Patient/", True)),
        ({"reference": "#same"}, ("Patient/p1", True)),
        ({"reference": "#nobody"}, None),
        ({"reference": "Patient?identifier=urn:mrn|78"}, ("Patient/p2", True)),
        ({"reference": "Patient?identifier=urn:mrn|99"}, None),
        ({"type": "Patient", "identifier": {"system": "urn:mrn", "value": "78"}}, ("Patient/p2", True)),
        ({"type": "Patient", "identifier": {"value": "78"}}, ("Patient/p2", True)),
        ({"type": "Patient", "identifier": {"system": "urn:other", "value": "78"}}, None),
        ({"identifier": {"system": "urn:mrn", "value": "78"}}, None),
        ({"type": "Patient", "identifier": "78"}, None),
        ({"reference": "p1", "type": "Patient"}, ("Patient/p1", True)),
        ({"display": "Jo Doe"}, None),
        ({"reference": ""}, None),
        ({"reference": "///"}, None),
    ],
)  # fmt: skip
def test_a_reference_is_followed_in_every_form(reference: dict[str, Any], target: tuple[str, bool] | None) -> None:
    contents = fhir.Contents(ENTRIES)
    (here,) = contents.held(fhir.Appointment)
    found = contents.target(fhir.soft(fhir.Reference, reference)[0], here)
    assert (found and (found.reference, found.held is not None)) == target


def test_of_several_versions_of_a_record_the_newest_is_meant() -> None:
    old, new = (
        PATIENT | {"meta": {"versionId": version}, "gender": gender} for version, gender in (("9", "a"), ("10", "b"))
    )
    contents = fhir.Contents([{"resource": APPOINTMENT}, {"resource": new}, {"resource": old}])
    (here,) = contents.held(fhir.Appointment)
    for text, gender in (("Patient/p1", "b"), ("Patient/p1/_history/9", "a")):
        found = contents.target(fhir.Reference(reference=text), here)
        assert found is not None
        assert found.held is not None
        assert found.held.tree["gender"] == gender


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "US") for text in ("US", "us", "USA", "840", "United States", "United States of America", "U.S.A.")),
        *((text, "GB") for text in ("GB", "GBR", "UK", "England", "United Kingdom")),
        *((text, "DE") for text in ("DEU", "Germany", "Deutschland")),
        ("", ""),
        ("Ruritania", "Ruritania"),
    ],
)
def test_a_country_is_known_by_its_codes_and_names(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        *((text, "US", "NY") for text in ("NY", "ny", "US-NY", "New York")),
        ("ON", "CA", "ON"),
        ("NY", "", "NY"),
        ("", "US", ""),
        ("Elsewhere", "US", "Elsewhere"),
    ],
)
def test_a_state_is_known_by_its_codes_and_name(text: str, country: str, code: str) -> None:
    assert state_code(text, country) == code


@pytest.mark.parametrize(
    ("text", "id_", "code"),
    [
        ("a-1.B", True, True),
        ("a_1", False, True),
        ("müller", False, True),
        *((text, False, False) for text in ("", "a" * 65, "John Smith 1950", "a\x00")),
    ],
)
def test_ids_and_codes_have_their_form(text: str, id_: bool, code: bool) -> None:
    assert (fhir.is_id(text), is_code(text)) == (id_, code)
