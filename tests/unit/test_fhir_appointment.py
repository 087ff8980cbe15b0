"""Contract fhir-appointment.v1: FHIR in, canonical events and people out; what is not understood says so, without
ever repeating what the delivery says of a person."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from suture.canonical.events import EVENT_TYPES
from suture.canonical.records import Identifier, Patient, Payer, Practitioner, ServiceLine
from suture.catalogue import Catalogue
from suture.ingest.decoding import Context, NotUnderstood, Understood
from suture.ingest.fhir_appointment import decode

RECEIPT = UUID(int=7)
MARK = "Zzyzxfamily"
Notice = dict[str, Any]


@pytest.fixture
def read(catalogue: Catalogue) -> Callable[[object], Understood]:
    context = Context(
        catalogue=catalogue,
        system="scheduling",
        received_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
        facilities=frozenset({"MAIN"}),
        receipt=RECEIPT,
    )
    return lambda notice: decode(notice if isinstance(notice, bytes) else msgspec.json.encode(notice), context)


def resource(notice: Notice, kind: str) -> dict[str, Any]:
    return next(entry["resource"] for entry in notice["data"]["entry"] if entry["resource"]["resourceType"] == kind)


def without(notice: Notice, kind: str) -> Notice:
    notice["data"]["entry"] = [e for e in notice["data"]["entry"] if e["resource"]["resourceType"] != kind]
    return notice


@pytest.mark.parametrize(
    ("kind", "event_type", "status"),
    [
        ("booked", "suture.appointment.booked.v1", "booked"),
        ("rescheduled", "suture.appointment.rescheduled.v1", "booked"),
        ("arrived", "suture.appointment.arrived.v1", "arrived"),
        ("completed", "suture.appointment.completed.v1", "fulfilled"),
        ("cancelled", "suture.appointment.cancelled.v1", "cancelled"),
        ("noshow", "suture.appointment.no_show.v1", "noshow"),
    ],
)
def test_each_notice_is_one_event(read, notice, kind: str, event_type: str, status: str) -> None:
    understood = read(notice(kind, version=3))
    (event,) = understood.events
    assert (event.type, event.subject, event.correlation_id) == (event_type, "Appointment/a1", "a1")
    assert (event.sequence, event.facility, event.causation_id) == (3, "MAIN", RECEIPT)
    assert event.occurred_at == datetime(2026, 3, 2, 10, 3, tzinfo=UTC)
    assert isinstance(event.payload(), EVENT_TYPES[event_type])
    assert understood.appointment_status == status


def test_the_same_fact_has_the_same_id_and_another_version_another(read, notice) -> None:
    first, again, later = (read(notice("booked", version=version)).events[0].id for version in (1, 1, 2))
    assert first == again != later


def test_a_booking_says_who_where_and_when(read, notice) -> None:
    booked = read(notice("booked")).events[0].payload()
    assert (booked.appointment, booked.patient, booked.practitioner, booked.facility) == (
        "a1",
        "Patient/p1",
        "Practitioner/d1",
        "MAIN",
    )
    assert booked.start == datetime(2026, 3, 2, 14, tzinfo=UTC)


def test_people_are_read_as_far_as_billing_needs_them(read, notice) -> None:
    told = notice("completed", family=MARK)
    resource(told, "Patient").update(
        identifier=[{"system": "urn:mrn", "value": "77"}],
        birthDate="1980-05-17",
        address=[{"line": ["1 Quay", "Flat 2"], "city": "Harbour", "postalCode": "04101", "country": "US"}],
        communication=[{"language": {"coding": [{"code": "es"}]}}],
    )
    assert set(read(told).parties) == {
        Patient(
            reference="Patient/p1",
            identifiers=(Identifier("urn:mrn", "77"),),
            family=MARK,
            given="Jo Ann",
            birth_date=date(1980, 5, 17),
            language="es",
            address_line="1 Quay, Flat 2",
            city="Harbour",
            postal_code="04101",
            country="US",
        ),
        Practitioner(reference="Practitioner/d1", identifiers=(), name="Dr. House"),
        Payer(reference="Payer/o1", name="Blue Harbour"),
    }


def test_events_carry_nothing_of_the_patient_but_the_reference(read, notice) -> None:
    told = notice("completed", family=MARK)
    assert all(MARK.encode() not in bytes(event.data) for event in read(told).events)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({}, (ServiceLine(service="OV-EST"),)),
        ({"quantity": {"value": 3}}, (ServiceLine(service="OV-EST", quantity=Decimal(3)),)),
        (
            {"priceOverride": {"value": 99.95, "currency": "USD"}},
            (ServiceLine(service="OV-EST", unit_price=Decimal("99.95")),),
        ),
    ],
)
def test_charge_items_become_service_lines(read, notice, change: dict[str, Any], lines: tuple[ServiceLine]) -> None:
    told = notice("completed")
    resource(told, "ChargeItem").update(change)
    assert read(told).events[0].payload().visit.lines == lines


@pytest.mark.parametrize("missing", ["Coverage", "Organization"])
def test_without_coverage_the_patient_pays_and_a_nameless_payer_is_only_presumed(read, notice, missing: str) -> None:
    understood = read(without(notice("completed"), missing))
    payers = [party for party in understood.parties if isinstance(party, Payer)]
    assert payers == []
    if missing == "Coverage":
        assert (understood.events[0].payload().visit.payer, understood.presumed) == (None, ())
    else:
        assert understood.presumed == (Payer(reference="Payer/o1", name=""),)


def _set(kind: str, **fields: object) -> Callable[[Notice], object]:
    return lambda notice: resource(notice, kind).update(fields)


def _drop(kind: str) -> Callable[[Notice], object]:
    return lambda notice: without(notice, kind)


def _unordered(notice: Notice) -> object:
    resource(notice, "Appointment")["meta"] = {"versionId": "W/1"}
    return notice.update(timestamp="0001-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_drop("Appointment"), "no_appointment"),
        (_drop("Location"), "facility_unknown"),
        (_drop("Encounter"), "no_encounter"),
        (_unordered, "no_version"),
        (_set("Appointment", id=MARK + " 1950"), "id_invalid"),
        (_set("Location", identifier=[{"value": "ELSEWHERE"}]), "facility_unknown"),
        (_set("Appointment", participant=[{"actor": {"reference": "Practitioner/d1"}}]), "no_patient"),
        (_set("Appointment", participant=[{"actor": {"reference": "Patient/p1"}}]), "no_practitioner"),
        (_set("ChargeItem", code={"coding": [{"code": "UNHEARD-OF"}]}), "code_unmapped"),
        (_set("ChargeItem", code={}), "code_unmapped"),
        (_set("ChargeItem", quantity={"value": "NaN"}), "amount_invalid"),
        (_set("ChargeItem", quantity={"value": -1}), "amount_invalid"),
        (_set("ChargeItem", priceOverride={"value": "Infinity"}), "amount_invalid"),
        (_set("ChargeItem", priceOverride={"value": "-0.01"}), "amount_invalid"),
        (_set("ChargeItem", priceOverride={"value": "120.005"}), "amount_invalid"),
        (_set("ChargeItem", priceOverride={"value": "1e30"}), "amount_invalid"),
        (_set("ChargeItem", quantity={"value": "1e30"}), "amount_invalid"),
        (_set("Encounter", period={"start": "2026-03-02T09:00:00", "end": "2026-03-02T09:30:00"}), "invalid_payload"),
        (_set("Encounter", period={"start": "yesterday", "end": "today"}), "invalid_payload"),
        (_set("Patient", name=MARK), "invalid_payload"),
        (lambda notice: notice.update(type="appointment.dreamt"), "unknown_type"),
        (lambda notice: notice.update(timestamp=MARK), "invalid_payload"),
        (lambda notice: notice.pop("data"), "invalid_payload"),
    ],
)
def test_what_is_not_understood_says_why_and_nothing_of_the_patient(read, notice, spoil, code: str) -> None:
    told = notice("completed", family=MARK)
    spoil(told)
    with pytest.raises(NotUnderstood) as caught:
        read(told)
    assert caught.value.code == code
    assert MARK not in caught.value.reason + caught.value.remedy
    assert caught.value.remedy


def test_a_booking_needs_its_start(read, notice) -> None:
    told = notice("booked")
    del resource(told, "Appointment")["start"]
    with pytest.raises(NotUnderstood) as caught:
        read(told)
    assert caught.value.code == "no_start"


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"\xff", b'{"type": "\xff"}', b"[" * 100_000, b'{"x":' * 100_000, b'{"type": "a"'],
    ids=["empty", "null", "array", "no text", "not UTF-8", "deep arrays", "deep objects", "cut off"],
)
def test_bytes_that_are_no_notice_are_invalid(read, body: bytes) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read(body)
    assert caught.value.code == "invalid_payload"
