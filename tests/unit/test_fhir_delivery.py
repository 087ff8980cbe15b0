"""What a delivery says is followed, not guessed: each kind of trouble of real servers' bundles, by an example."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from suture.canonical.events import PatientLinked
from suture.canonical.records import Patient, Practitioner, RelatedPerson, Visit
from suture.catalogue import Catalogue
from suture.ingest.decoding import Context, NotUnderstood, Understood
from suture.ingest.fhir_appointment import decode

MARK = "Zzyzxfamily"
Notice = dict[str, Any]
Read = Callable[[Notice], Understood]


@pytest.fixture
def read(catalogue: Catalogue) -> Read:
    context = Context(
        catalogue=catalogue,
        system="scheduling",
        received_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
        facilities=frozenset({"MAIN", "NORTH"}),
        receipt=UUID(int=1),
    )
    return lambda notice: decode(msgspec.json.encode(notice), context)


def of(notice: Notice, kind: str) -> dict[str, Any]:
    return next(e["resource"] for e in notice["data"]["entry"] if e["resource"]["resourceType"] == kind)


def without(notice: Notice, *kinds: str) -> Notice:
    entries = notice["data"]["entry"]
    notice["data"]["entry"] = [e for e in entries if e["resource"]["resourceType"] not in kinds]
    return notice


def add(notice: Notice, kind: str, identity: str, *, first: bool = False, **fields: Any) -> Notice:
    entry = {"resource": {"resourceType": kind, "id": identity, **fields}}
    notice["data"]["entry"].insert(0 if first else len(notice["data"]["entry"]), entry)
    return notice


def visit(told: Understood) -> Visit:
    (event,) = told.events
    found: Visit = event.payload().visit  # type: ignore[attr-defined]
    return found


def ref(text: str, **more: Any) -> dict[str, Any]:
    return {"reference": text, **more}


def refused(read: Read, told: Notice) -> NotUnderstood:
    with pytest.raises(NotUnderstood) as caught:
        read(told)
    assert MARK not in caught.value.reason
    return caught.value


def participants(notice: Notice, *told: tuple[str, str, dict[str, Any]]) -> Notice:
    """Those who were to come: a reference, a status, and what else is said of them."""
    of(notice, "Appointment")["participant"] = [
        {"actor": ref(actor), **({"status": status} if status else {}), **more} for actor, status, more in told
    ]
    return notice


PLACE = ("Location/l1", "accepted", {})
PATIENT = ("Patient/p1", "accepted", {})


class TestSeveralAppointments:
    def both(self, notice: Any) -> Notice:
        """Two visits in one bundle, the second's things first."""
        told: Notice = notice("completed", appointment="a1", version=3)
        other = notice("completed", appointment="a2", version=3, patient="p2")
        of(other, "Encounter")["id"], of(other, "Coverage")["id"], of(other, "ChargeItem")["id"] = "e2", "c2", "i2"
        of(other, "Coverage")["payor"] = [ref("Organization/o2")]
        of(other, "Organization")["id"] = "o2"
        of(other, "ChargeItem").update(quantity={"value": 2})
        for one, number in ((told, "1"), (other, "2")):
            of(one, "Encounter").update(appointment=[ref(f"Appointment/a{number}")], subject=ref(f"Patient/p{number}"))
            of(one, "Coverage").update(beneficiary=ref(f"Patient/p{number}"), status="active")
            of(one, "ChargeItem").update(context=ref(f"Encounter/e{number}"), subject=ref(f"Patient/p{number}"))
        told["data"]["entry"] = other["data"]["entry"] + told["data"]["entry"]
        return told

    def test_are_each_understood_with_their_own_things(self, read: Read, notice: Any) -> None:
        told = read(self.both(notice))
        assert [part.appointment_status for part in told.each()] == ["fulfilled"] * 2
        found = {one.appointment: one for part in told.each() for one in [visit(part)]}
        assert {name: (one.patient, one.payer, one.lines[0].quantity) for name, one in found.items()} == {
            "a1": ("Patient/p1", "Payer/o1", 1),
            "a2": ("Patient/p2", "Payer/o2", 2),
        }

    def test_of_which_one_is_not_understood_lose_neither(self, read: Read, notice: Any) -> None:
        both = self.both(notice)
        of(both, "Encounter")["status"] = "in-progress"
        told = read(both)
        assert [event.subject for event in told.events] == ["Appointment/a1"]
        assert [(one.code, one.subject) for one in told.refusals] == [("no_encounter", "Appointment/a2")]
        with pytest.raises(NotUnderstood):
            told.whole()

    def test_of_another_status_are_told_by_it(self, read: Read, notice: Any) -> None:
        both = self.both(notice)
        of(both, "Appointment")["status"] = "cancelled"
        assert {(event.subject, event.type.split(".")[2]) for event in read(both).events} == {
            ("Appointment/a1", "completed"),
            ("Appointment/a2", "cancelled"),
        }

    def test_none_of_the_delivery_s_type_are_each_refused(self, read: Read, notice: Any) -> None:
        both = self.both(notice)
        for entry in both["data"]["entry"]:
            if entry["resource"]["resourceType"] == "Appointment":
                entry["resource"]["status"] = "waitlist"
        assert [one.code for one in read(both).refusals] == ["status_differs"] * 2

    @pytest.mark.parametrize("beneficiary", [{}, {"display": MARK}, ref("urn:uuid:nobody"), ref("#inside")])
    def test_are_not_both_covered_by_a_coverage_that_doesn_t_say_whose_it_is(
        self, read: Read, notice: Any, beneficiary: Any
    ) -> None:
        both = self.both(notice)
        contained = [{"resourceType": "Patient", "id": "inside"}]
        of(without(both, "Coverage"), "Encounter")["account"] = [ref("Account/acc")]
        add(both, "Coverage", "c1", payor=[ref("Organization/o1")], beneficiary=beneficiary, contained=contained)
        add(both, "Account", "acc", coverage=[{"coverage": ref("Coverage/c1")}])
        told = read(both)
        assert [(one.code, one.subject) for one in told.refusals] == [("payer_unclear", "Appointment/a1")]
        assert [visit(one).payer for one in told.each()] == ["Payer/o1"], "whose account names it is covered by it"

    def test_are_understood_beside_one_of_which_a_charge_can_t_be_read(self, read: Read, notice: Any) -> None:
        both = self.both(notice)
        of(both, "ChargeItem")["quantity"] = "three"
        add(both, "ChargeItem", "i2", first=True, **of(both, "ChargeItem") | {"id": "i2", "quantity": "four"})
        told = read(both)
        assert [event.subject for event in told.events] == ["Appointment/a1"]
        assert [one.subject for one in told.refusals] == ["Appointment/a2"]

    def test_a_charge_that_names_no_visit_is_asked_about(self, read: Read, notice: Any) -> None:
        both = self.both(notice)
        del of(both, "ChargeItem")["context"], of(both, "ChargeItem")["subject"]
        assert {one.code for one in read(both).refusals} == {"charge_unclear"}


@pytest.mark.parametrize(
    ("told", "practitioner"),
    [
        ((("Practitioner/yes", "accepted", {}), ("Practitioner/no", "declined", {})), "yes"),
        ((("Practitioner/no", "declined", {}), ("Practitioner/yes", "tentative", {})), "yes"),
        ((("Practitioner/a", "accepted", {"required": "required"}),
          ("Practitioner/b", "accepted", {"required": "optional"})), "a"),
        ((("Practitioner/b", "accepted", {"required": "information-only"}), ("Practitioner/a", "accepted", {})), "a"),
        ((("Practitioner/b", "needs-action", {}), ("Practitioner/a", "accepted", {})), "a"),
        ((("Practitioner/b", "accepted", {}),
          ("Practitioner/a", "accepted", {"type": [{"coding": [{"code": "PPRF"}]}]})), "a"),
        ((("PractitionerRole/r1", "accepted", {}),), "a"),
        ((("Practitioner/a", "accepted", {}), ("Practitioner/a", "accepted", {})), "a"),
        ((("https://ehr.example/fhir/Practitioner/a/_history/3", "accepted", {}),), "a"),
        ((("Practitioner/a", "accepted", {}), ("Practitioner/b", "accepted", {})), "practitioner_unclear"),
        ((("Practitioner/no", "declined", {}),), "no_practitioner"),
        ((("PractitionerRole/unknown", "accepted", {}),), "practitioner_unclear"),
        ((), "no_practitioner"),
    ],
)  # fmt: skip
def test_whoever_accepted_and_is_required_performed(read: Read, notice: Any, told: Any, practitioner: str) -> None:
    delivery = participants(notice("completed"), PATIENT, *told, PLACE)
    add(delivery, "PractitionerRole", "r1", practitioner=ref("Practitioner/a"))
    if "_" in practitioner:
        assert refused(read, delivery).code == practitioner
    else:
        assert visit(read(delivery)).practitioner == f"Practitioner/{practitioner}"


@pytest.mark.parametrize(
    ("performed", "practitioner"),
    [
        ([("b", "PPRF")], "b"),
        ([("b", "PPRF"), ("a", "SPRF")], "b"),
        ([("a", "PPRF"), ("c", "PPRF")], "a"),
        ([("c", "PPRF"), ("d", "PPRF")], "practitioner_unclear"),
        ([("b", "ATND")], "b"),
        ([("x", "ATND")], "practitioner_unclear"),
        ([("b", "")], "b"),
        ([("no", "PPRF")], "practitioner_unclear"),
        ([], "practitioner_unclear"),
    ],
)
def test_of_several_the_encounter_s_performer_counts(
    read: Read, notice: Any, performed: Any, practitioner: str
) -> None:
    delivery = participants(
        notice("completed"),
        PATIENT,
        ("Practitioner/a", "accepted", {}),
        ("Practitioner/b", "accepted", {}),
        ("Practitioner/no", "declined", {}),
        PLACE,
    )
    of(delivery, "Encounter")["participant"] = [
        {"individual": ref(f"Practitioner/{name}"), "type": [{"coding": [{"code": role}]}] if role else []}
        for name, role in performed
    ]
    if "_" in practitioner:
        assert refused(read, delivery).code == practitioner
    else:
        assert visit(read(delivery)).practitioner == f"Practitioner/{practitioner}"


@pytest.mark.parametrize(
    ("performed", "charged", "practitioner"),
    [
        ([], [], "d1"),
        ([("d1", "")], [], "d1"),
        ([("d1", ""), ("d2", "")], [], "d1"),
        ([("d1", ""), ("d2", "ATND")], [], "d1"),
        ([("d2", "")], [], "d2"),
        ([("d2", "PART")], ["d2"], "d2"),
        ([("d2", ""), ("d3", "ATND")], [], "d2"),
        ([("d2", "REF")], [], "d1"),
        ([("d2", ""), ("d3", "")], [], "practitioner_unclear"),
        ([("d2", ""), ("d3", "")], ["d3"], "d3"),
        ([("d2", "ATND")], [], "practitioner_unclear"),
        ([("d2", "ATND")], ["d2"], "d2"),
        ([("d2", "ATND")], ["d1"], "practitioner_unclear"),
        ([], ["d2"], "d2"),
        ([], ["d1", "d2"], "d1"),
        ([], ["d2", "d3"], "practitioner_unclear"),
        ([("d1", "")], ["d2"], "practitioner_unclear"),
        ([("d1", "ATND")], ["d2"], "practitioner_unclear"),
        ([("d1", "PPRF")], ["d2"], "d1"),
        ([("urn:uuid:nobody", "")], [], "practitioner_unclear"),
        ([("urn:uuid:nobody", "")], ["d1"], "d1"),
        ([("urn:uuid:nobody", "PPRF"), ("d1", "")], [], "practitioner_unclear"),
        ([("urn:uuid:nobody", ""), ("d1", "")], [], "d1"),
        ([], ["urn:uuid:nobody"], "practitioner_unclear"),
        ([("d1", "")], ["urn:uuid:nobody"], "d1"),
        ([], ["Organization/o1"], "d1"),
    ],
)
def test_who_performed_is_billed_and_not_who_was_to_come(
    read: Read, notice: Any, performed: Any, charged: Any, practitioner: str
) -> None:
    def named(name: str) -> dict[str, Any]:
        return ref(name if "/" in name or ":" in name else f"Practitioner/{name}")

    delivery = notice("completed")
    of(delivery, "Encounter")["participant"] = [
        {"individual": named(name), "type": [{"coding": [{"code": role}]}] if role else []} for name, role in performed
    ]
    of(delivery, "ChargeItem")["performer"] = [{"actor": named(name)} for name in charged]
    elsewhere = {"status": "billable", "context": ref("Encounter/else"), "performer": [{"actor": named("d9")}]}
    add(delivery, "ChargeItem", "i8", **elsewhere)
    add(delivery, "ChargeItem", "i9", **elsewhere | {"status": "not-billable", "context": ref("Encounter/e1")})
    if "_" in practitioner:
        assert refused(read, delivery).code == practitioner
    else:
        assert visit(read(delivery)).practitioner == f"Practitioner/{practitioner}"


def test_who_came_in_another_s_place_is_called_as_the_encounter_calls_them(read: Read, notice: Any) -> None:
    delivery = notice("completed")
    of(delivery, "Encounter")["participant"] = [{"individual": ref("Practitioner/d2", display="Dr. Locum")}]
    assert read(delivery).presumed == (Practitioner(reference="Practitioner/d2", identifiers=(), name="Dr. Locum"),)


@pytest.mark.parametrize(
    ("told", "subject", "patient"),
    [
        ((PATIENT, ("Patient/baby", "accepted", {})), "Patient/p1", "Patient/p1"),
        ((("Patient/baby", "accepted", {}), PATIENT), "Patient/baby", "Patient/baby"),
        ((("Patient/baby", "declined", {}), PATIENT), "", "Patient/p1"),
        ((("Patient/baby", "accepted", {"required": "optional"}), PATIENT), "", "Patient/p1"),
        ((PATIENT, ("Patient/baby", "accepted", {})), "", "patient_unclear"),
        ((PATIENT,), "Patient/baby", "patient_unclear"),
        ((), "Patient/p1", "Patient/p1"),
        ((), "", "no_patient"),
        ((("urn:uuid:unheard-of", "accepted", {}),), "", "patient_unclear"),
    ],
)
def test_the_encounter_s_patient_is_billed(read: Read, notice: Any, told: Any, subject: str, patient: str) -> None:
    delivery = participants(notice("completed"), *told, ("Practitioner/d1", "accepted", {}), PLACE)
    if subject:
        of(delivery, "Encounter").update(subject=ref(subject), appointment=[ref("Appointment/a1")])
    if "_" in patient:
        assert refused(read, delivery).code == patient
    else:
        assert visit(read(delivery)).patient == patient


@pytest.mark.parametrize(
    ("subject", "patient"),
    [
        ({"display": MARK}, "patient_unclear"),
        ({"reference": "urn:uuid:nobody"}, "patient_unclear"),
        ({"reference": "#inside"}, "patient_unclear"),
        ({"type": "Patient", "identifier": {"system": "urn:mrn", "value": "unheard-of"}}, "patient_unclear"),
        ({"type": "Patient", "identifier": {"system": "urn:mrn", "value": "77"}}, "Patient/p1"),
        ({"reference": "Group/g1"}, "Patient/p1"),
        ({"type": "Patient"}, "Patient/p1"),
        ({}, "Patient/p1"),
    ],
)
def test_an_encounter_s_patient_who_can_t_be_told_is_not_whoever_was_to_come(
    read: Read, notice: Any, subject: Any, patient: str
) -> None:
    delivery = notice("completed")
    of(delivery, "Patient")["identifier"] = [{"system": "urn:mrn", "value": "77"}]
    of(delivery, "Encounter").update(subject=subject, contained=[{"resourceType": "Patient", "id": "inside"}])
    if "_" in patient:
        assert refused(read, delivery).code == patient
    else:
        assert visit(read(delivery)).patient == patient


class TestFacility:
    @pytest.mark.parametrize("first", [True, False])
    def test_is_the_one_that_the_appointment_names(self, read: Read, notice: Any, first: bool) -> None:
        delivery = add(notice("completed"), "Location", "l2", identifier=[{"value": "NORTH"}], first=first)
        assert visit(read(delivery)).facility == "MAIN"

    def test_is_around_a_room_as_far_as_that_lies_in_it(self, read: Read, notice: Any) -> None:
        delivery = notice("completed")
        of(delivery, "Location").update(identifier=[{"value": "ROOM-4"}], partOf=ref("Location/ward"))
        add(delivery, "Location", "ward", partOf=ref("Location/house"))
        add(delivery, "Location", "house", identifier=[{"value": "NORTH"}])
        assert visit(read(delivery)).facility == "NORTH"

    def test_of_a_circle_of_places_is_unknown(self, read: Read, notice: Any) -> None:
        delivery = notice("completed")
        of(delivery, "Location").update(identifier=[{"value": "ROOM-4"}], partOf=ref("Location/l1"))
        told = refused(read, delivery)
        assert told.code == "facility_unknown"
        assert told.reason.count("ROOM-4") == 1, "each code is named once"

    @pytest.mark.parametrize(
        "actor",
        [
            {"type": "Location", "identifier": {"system": "urn:f", "value": "NORTH"}},
            {"reference": "HealthcareService/h1"},
            {"reference": "Location/NORTH"},
            {"reference": "#here"},
        ],
    )
    def test_may_be_named_by_code_by_service_or_contained(self, read: Read, notice: Any, actor: Any) -> None:
        delivery = participants(notice("completed"), PATIENT, ("Practitioner/d1", "accepted", {}))
        appointment = of(delivery, "Appointment")
        appointment["participant"].append({"actor": actor, "status": "accepted"})
        appointment["contained"] = [{"resourceType": "Location", "id": "here", "identifier": [{"value": "NORTH"}]}]
        add(delivery, "HealthcareService", "h1", location=[ref("Location/l2")])
        add(delivery, "Location", "l2", identifier=[{"value": "NORTH"}])
        assert visit(read(delivery)).facility == "NORTH"

    @pytest.mark.parametrize(
        ("places", "facility"),
        [
            ([("Location/l2", "completed")], "NORTH"),
            ([("Location/l2", "")], "NORTH"),
            ([("Location/room", "active")], "NORTH"),
            ([("Location/l2", "planned")], "MAIN"),
            ([("Location/nobody-knows", "completed")], "MAIN"),
            ([("Location/nobody-knows", "completed"), ("Location/l2", "completed")], "NORTH"),
            ([("Location/l1", "completed"), ("Location/l2", "planned")], "MAIN"),
            ([("Location/l1", "completed"), ("Location/l2", "completed")], "facility_unclear"),
        ],
    )
    def test_is_where_the_visit_took_place_and_not_where_it_was_to(
        self, read: Read, notice: Any, places: Any, facility: str
    ) -> None:
        delivery = add(notice("completed"), "Location", "l2", identifier=[{"value": "NORTH"}])
        add(delivery, "Location", "room", identifier=[{"value": "ROOM-4"}], partOf=ref("Location/l2"))
        of(delivery, "Encounter")["location"] = [
            {"location": ref(place)} | ({"status": status} if status else {}) for place, status in places
        ]
        if "_" in facility:
            assert refused(read, delivery).code == facility
        else:
            assert visit(read(delivery)).facility == facility

    def test_is_the_encounter_s_where_the_appointment_names_none(self, read: Read, notice: Any) -> None:
        delivery = participants(notice("completed"), PATIENT, ("Practitioner/d1", "accepted", {}))
        add(delivery, "Location", "l2", identifier=[{"value": "NORTH"}])
        of(delivery, "Encounter")["location"] = [{"location": ref("Location/l2"), "status": "completed"}]
        assert visit(read(delivery)).facility == "NORTH"

    def test_of_two_is_asked_for(self, read: Read, notice: Any) -> None:
        delivery = participants(
            notice("completed"), PATIENT, ("Practitioner/d1", "accepted", {}), PLACE, ("Location/l2", "accepted", {})
        )
        add(delivery, "Location", "l2", identifier=[{"value": "NORTH"}])
        assert refused(read, delivery).code == "facility_unclear"

    @pytest.mark.parametrize("kind", ["cancelled", "noshow", "arrived"])
    def test_and_people_are_not_needed_to_undo_a_visit(self, read: Read, notice: Any, kind: str) -> None:
        delivery = without(notice(kind), "Location", "Patient", "Practitioner")
        del of(delivery, "Appointment")["participant"]
        (event,) = read(delivery).events
        assert (event.subject, event.facility) == ("Appointment/a1", None)


class TestEncounter:
    def test_is_the_one_that_names_the_appointment(self, read: Read, notice: Any) -> None:
        delivery = notice("completed")
        of(delivery, "Encounter")["appointment"] = [ref("Appointment/a1")]
        for number, more in enumerate(
            (
                {"appointment": [ref("Appointment/else")], "period": {"start": "2026-01-02T15:00:00Z"}},
                {"status": "finished"},
                {"appointment": [ref("Appointment/else")], "period": "spoilt"},
            )
        ):
            add(delivery, "Encounter", f"x{number}", first=True, **({"status": "finished"} | more))
        assert visit(read(delivery)).started_at == datetime(2026, 3, 2, 14, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("others", "code"),
        [
            ([{"status": "finished"}], "encounter_unclear"),
            ([{"status": "cancelled"}, {"status": "entered-in-error"}], ""),
            ([{"status": "in-progress"}], ""),
            ([{"status": "finished", "partOf": ref("Encounter/e1")}], ""),
            ([{"status": "cancelled", "id": "e1", "meta": {"versionId": "1"}}], "no_encounter"),
        ],
    )
    def test_of_several_is_the_finished_one(self, read: Read, notice: Any, others: Any, code: str) -> None:
        delivery = notice("completed")
        for number, fields in enumerate(others):
            add(
                delivery,
                "Encounter",
                **({"identity": f"x{number}"} | {("identity" if k == "id" else k): v for k, v in fields.items()}),
            )
        assert (refused(read, delivery).code if code else visit(read(delivery)).patient) == (code or "Patient/p1")

    def test_of_another_appointment_is_not_ours(self, read: Read, notice: Any) -> None:
        delivery = notice("completed")
        of(delivery, "Encounter")["appointment"] = [ref("Appointment/else")]
        assert refused(read, delivery).code == "no_encounter"

    @pytest.mark.parametrize(
        ("period", "begins", "ends"),
        [
            ({"start": "2026-03-02T14:05:00Z"}, "14:05", "14:30"),
            ({"end": "2026-03-02T14:25:00Z"}, "14:25", "14:25"),
            ({}, "14:00", "14:30"),
            ({"start": "2026-03-02"}, "14:00", "14:30"),
            ({"start": "2026-03"}, "14:00", "14:30"),
            ({"start": "2026-03-01"}, "17:00", "17:00"),
            ({"start": "2026-03-02T14:05:00.1234567Z", "end": "2026-03-02T14:20:00Z"}, "14:05", "14:20"),
            ({"start": "2026-03-02T14:05:00Z", "end": "2026-03-02T14:00:00Z"}, "14:05", "14:05"),
        ],
    )
    def test_that_tells_only_part_of_its_time_has_the_rest_from_the_appointment(
        self, read: Read, notice: Any, period: Any, begins: str, ends: str
    ) -> None:
        delivery = notice("completed")
        of(delivery, "Appointment")["end"] = "2026-03-02T09:30:00-05:00"
        of(delivery, "Encounter")["period"] = period
        told = visit(read(delivery))
        assert [f"{at.astimezone(UTC):%H:%M}" for at in (told.started_at, told.ended_at)] == [begins, ends]

    @pytest.mark.parametrize(
        ("period", "start"),
        [
            *(({"start": f"{year}-03-02T14:00:00Z", "end": f"{year}-03-02T14:30:00Z"}, None)
              for year in ("0001", "1900", "1970", "2090", "9999")),
            ({"start": "2026-03-02T14:00:00Z", "end": "2026-02-02T14:30:00Z"}, None),
            ({"start": "2026-03-02T14:00:00Z", "end": "2027-03-02T14:30:00Z"}, None),
            ({}, ""),
            ({}, "0001-01-01T00:00:00Z"),
        ],
    )  # fmt: skip
    def test_of_an_implausible_time_is_refused_with_the_reason(
        self, read: Read, notice: Any, period: Any, start: str | None
    ) -> None:
        delivery = notice("completed")
        of(delivery, "Encounter")["period"] = period
        if start is not None:
            of(delivery, "Appointment")["start"] = start
        error = refused(read, delivery)
        assert (error.code, error.subject) == ("time_implausible", "Appointment/a1")

    @pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "2090-01-01T00:00:00Z"])
    def test_to_be_is_booked_for_a_plausible_time(self, read: Read, notice: Any, start: str) -> None:
        delivery = notice("booked")
        of(delivery, "Appointment")["start"] = start
        assert refused(read, delivery).code == "time_implausible"


def covered(notice: Any, *coverages: dict[str, Any]) -> Notice:
    """A visit with these coverages, each with an id of its own."""
    delivery = without(notice("completed"), "Coverage")
    for number, coverage in enumerate(coverages, start=1):
        add(delivery, "Coverage", coverage.get("id", f"c{number}"), **({"status": "active"} | coverage))
    return delivery


def paid_by(payor: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"payor": [ref(payor) if isinstance(payor, str) else payor], **more}


ONE, TWO = paid_by("Organization/o1"), paid_by("Organization/o2")


class TestCoverage:
    def test_that_an_account_holds_in_itself_counts(self, read: Read, notice: Any) -> None:
        delivery = covered(notice)
        held = {"resourceType": "Coverage", "id": "c", "status": "active", "payor": [ref("Organization/o1")]}
        add(
            delivery,
            "Account",
            "a1",
            status="active",
            subject=[ref("Patient/p1")],
            contained=[held],
            coverage=[{"coverage": ref("#c"), "priority": 1}],
        )
        assert visit(read(delivery)).payer == "Payer/o1"

    @pytest.mark.parametrize(
        ("coverages", "payer"),
        [
            ([TWO | {"order": 2}, ONE | {"order": 1}], "Payer/o1"),
            ([TWO, ONE | {"order": 1}], "Payer/o1"),
            ([TWO | {"status": "cancelled"}, ONE], "Payer/o1"),
            ([TWO | {"status": "entered-in-error", "order": 1}, ONE | {"order": 2}], "Payer/o1"),
            ([TWO | {"status": "draft"}, ONE], "Payer/o1"),
            ([TWO | {"period": {"end": "2025-12-31"}}, ONE], "Payer/o1"),
            ([TWO | {"period": {"end": "2025"}}, ONE | {"period": {"start": "2026"}}], "Payer/o1"),
            ([TWO | {"period": {"start": "2026-04"}}, ONE | {"period": {"end": "2026-03-02"}}], "Payer/o1"),
            ([TWO | {"beneficiary": ref("Patient/else")}, ONE | {"beneficiary": ref("Patient/p1")}], "Payer/o1"),
            ([ONE, ONE], "Payer/o1"),
            ([TWO | {"order": 2}, ONE | {"order": 1}, paid_by("Organization/o3")], "Payer/o1"),
            ([TWO | {"order": 3}, ONE | {"order": 2}], "Payer/o1"),
            ([ONE | {"order": 2}, ONE], "Payer/o1"),
            ([TWO | {"order": 2, "beneficiary": ref("urn:uuid:nobody")}, ONE | {"order": 1}], "Payer/o1"),
            ([TWO | {"status": "cancelled"}], None),
            ([TWO | {"status": "cancelled", "period": {"end": "2025-12-31"}}], None),
            ([TWO | {"period": {"end": "2025-12-31"}}, paid_by("Patient/p1")], None),
            ([TWO | {"period": {"end": "2025-12-31"}, "beneficiary": ref("Patient/else")}], None),
            ([TWO | {"period": {"start": "2026-03-03"}}], None),
            ([paid_by("Patient/p1")], None),
            ([paid_by("Patient/p1"), ONE], "Payer/o1"),
            ([], None),
        ],
    )
    def test_that_is_active_of_the_day_and_of_lowest_order_is_billed(
        self, read: Read, notice: Any, coverages: Any, payer: str | None
    ) -> None:
        told = visit(read(covered(notice, *coverages)))
        assert (told.payer, told.guarantor) == (payer, None)

    @pytest.mark.parametrize(
        "coverages",
        [
            [ONE, TWO],
            [ONE | {"order": 1}, TWO | {"order": 1}],
            [ONE | {"order": 2}, TWO],
            [ONE | {"order": 2}, TWO | {"order": 3}, paid_by("Organization/o3")],
            [TWO | {"period": {"end": "2026-03-01"}}],
            [TWO | {"period": {"end": "2025"}}],
            [ONE | {"beneficiary": ref("urn:uuid:nobody")}],
            [ONE | {"beneficiary": {"display": MARK}}],
            [ONE, TWO | {"beneficiary": ref("urn:uuid:nobody")}],
            [TWO | {"status": "draft"}],
            [TWO | {"status": "Active"}],
            [TWO | {"beneficiary": ref("Patient/else")}],
            [ONE | {"payor": [{"display": "Alpine Health"}, ref("Patient/p1")]}],
            [ONE | {"payor": [ref("#lost"), ref("RelatedPerson/mum")]}],
            [ONE | {"payor": [{"type": "Organization", "identifier": {"value": "60054"}}, ref("Patient/p1")]}],
            [paid_by({"reference": "#ins"}, contained=[{"resourceType": "Organization", "id": "ins", "name": "X"}])],
            [paid_by({"reference": "urn:uuid:7a5c0f6e-0000-4000-8000-000000000001", "display": "X"})],
            [paid_by({"type": "Organization", "identifier": {"system": "urn:naic", "value": "1"}, "display": "X"})],
            [paid_by({"display": "X"})],
            [{"payor": []}],
            [paid_by("Practitioner/d1")],
            [paid_by("urn:uuid:unknown", order=1), ONE | {"order": 2}],
            [{"payor": [ref("Organization/o1"), ref("Organization/o2")]}],
        ],
    )
    def test_whose_payor_can_t_be_told_is_never_self_pay(self, read: Read, notice: Any, coverages: Any) -> None:
        error = refused(read, covered(notice, *coverages))
        assert (error.code, error.subject) == ("payer_unclear", "Appointment/a1")

    @pytest.mark.parametrize(
        "payor",
        [
            {"reference": "Organization/o1/_history/4"},
            {"reference": "https://ehr.example/fhir/Organization/o1"},
            {"type": "Organization", "identifier": {"system": "urn:naic", "value": "12345"}},
            {"reference": "Organization?identifier=urn:naic|12345"},
            {"reference": "urn:uuid:7a5c0f6e-0000-4000-8000-000000000001"},
            {"reference": "#ins"},
        ],
    )
    def test_names_its_payor_in_any_form(self, read: Read, notice: Any, payor: Any) -> None:
        named = [{"system": "urn:naic", "value": "12345"}]
        contained = [{"resourceType": "Organization", "id": "ins", "identifier": named}]
        delivery = covered(notice, paid_by(payor, contained=contained))
        of(delivery, "Organization")["identifier"] = named
        for entry in delivery["data"]["entry"]:
            if entry["resource"]["resourceType"] == "Organization":
                entry["fullUrl"] = "urn:uuid:7a5c0f6e-0000-4000-8000-000000000001"
        assert visit(read(delivery)).payer == "Payer/o1"

    def test_of_the_visit_s_account_counts_by_its_priority_there(self, read: Read, notice: Any) -> None:
        delivery = covered(notice, ONE | {"order": 2}, TWO | {"order": 1}, paid_by("Organization/o3"))
        of(delivery, "Encounter")["account"] = [ref("Account/acc")]
        named = [{"coverage": ref("Coverage/c2"), "priority": 2}, {"coverage": ref("Coverage/c1"), "priority": 1}]
        add(delivery, "Account", "acc", status="active", coverage=named)
        assert visit(read(delivery)).payer == "Payer/o1"

    @pytest.mark.parametrize(
        ("named", "payer"),
        [
            ([("c1", 2), ("c2", 1)], "Payer/o2"),
            ([("c2", None)], "Payer/o2"),
            ([("c3", 1), ("c1", 2)], "Payer/o1"),
            ([("c3", 1)], "Payer/o1"),
            ([("c9", 1), ("c1", 2)], "payer_unclear"),
            ([("c9", 2), ("c1", 1)], "Payer/o1"),
            ([("c9", None), ("c1", 1)], "Payer/o1"),
            ([("c9", None), ("c1", 2)], "payer_unclear"),
            ([("c9", 2), ("c1", None)], "payer_unclear"),
            ([("c1", 2), ("c2", None)], "Payer/o1"),
        ],
    )
    @pytest.mark.parametrize("subject", [[], [ref("Patient/p1")]])
    def test_of_the_patient_s_account_counts_where_the_encounter_names_none(
        self, read: Read, notice: Any, named: Any, payer: str, subject: Any
    ) -> None:
        ended = paid_by("Organization/o3", status="cancelled")
        delivery = covered(notice, ONE | {"order": 1}, TWO | {"order": 2}, ended)
        told = [{"coverage": ref(f"Coverage/{name}"), "priority": priority} for name, priority in named]
        add(delivery, "Account", "acc", subject=subject, coverage=told)
        if payer == "payer_unclear":
            assert refused(read, delivery).code == payer
        else:
            assert visit(read(delivery)).payer == payer

    def test_that_an_account_holds_in_itself_has_its_priority_there(self, read: Read, notice: Any) -> None:
        delivery = covered(notice, TWO)
        held = {"resourceType": "Coverage", "id": "c", "status": "active", "payor": [ref("Organization/o1")]}
        named = [{"coverage": ref("Coverage/c1"), "priority": 2}, {"coverage": ref("#c"), "priority": 1}]
        add(delivery, "Account", "acc", contained=[held], coverage=named)
        assert visit(read(delivery)).payer == "Payer/o1"

    @pytest.mark.parametrize(
        ("named", "payer"),
        [
            ([ref("Account/gone")], "payer_unclear"),
            ([{"display": "Motor accident"}], "payer_unclear"),
            ([ref("Account/closed")], "payer_unclear"),
            ([ref("Account/wrong")], "payer_unclear"),
            ([ref("Account/acc"), ref("Account/gone")], "payer_unclear"),
            ([ref("Patient/p1")], "payer_unclear"),
            ([ref("Account/acc"), ref("Account/closed")], "RelatedPerson/mum"),
            ([ref("Account/acc")], "RelatedPerson/mum"),
            ([], "RelatedPerson/mum"),
        ],
    )
    @pytest.mark.parametrize("coverages", [[], [ONE]])
    def test_of_an_account_that_can_t_be_told_is_not_another_s(
        self, read: Read, notice: Any, named: Any, payer: str, coverages: Any
    ) -> None:
        delivery = add(covered(notice, *coverages), "RelatedPerson", "mum", name=[{"text": "Mum Doe"}])
        of(delivery, "Encounter")["account"] = named
        for name, status in (("acc", "active"), ("closed", "inactive"), ("wrong", "entered-in-error")):
            whose = {"subject": [ref("Patient/p1")], "guarantor": [{"party": ref("RelatedPerson/mum")}]}
            add(delivery, "Account", name, status=status, **whose)
        if payer == "payer_unclear":
            assert refused(read, delivery).code == payer
        else:
            told = visit(read(delivery))
            assert (told.payer, told.guarantor) == (("Payer/o1", None) if coverages else (None, payer))

    def test_that_an_account_names_and_nobody_can_tell_is_asked_for(self, read: Read, notice: Any) -> None:
        delivery = covered(notice, TWO)
        add(delivery, "Account", "acc", coverage=[{"coverage": {"display": "Alpine Health"}}])
        assert refused(read, delivery).code == "payer_unclear"

    def test_that_an_account_names_and_the_delivery_lacks_is_asked_for(self, read: Read, notice: Any) -> None:
        delivery = covered(notice)
        of(delivery, "Encounter")["account"] = [ref("Account/acc")]
        add(delivery, "Account", "acc", coverage=[{"coverage": ref("Coverage/c9")}])
        assert refused(read, delivery).code == "payer_unclear"


class TestReplacedRecords:
    """FHIR R4 Patient.link: one person, two records."""

    @pytest.fixture(params=["replaced-by", "replaces"])
    def delivery(self, request: Any, notice: Any) -> Notice:
        told: Notice = notice("completed")
        of(told, "Coverage")["beneficiary"] = ref("Patient/old")
        if request.param == "replaced-by":
            add(told, "Patient", "old", link=[{"other": ref("Patient/p1"), "type": "replaced-by"}])
        else:
            of(told, "Patient")["link"] = [{"other": ref("Patient/old"), "type": "replaces"}]
        return told

    def test_a_coverage_of_the_replaced_record_covers_the_visit(self, read: Read, delivery: Notice) -> None:
        assert visit(read(delivery)).payer == "Payer/o1"

    def test_what_is_charged_to_the_replaced_record_is_the_visits(self, read: Read, delivery: Notice) -> None:
        of(delivery, "ChargeItem")["subject"] = ref("Patient/old")
        assert len(visit(read(delivery)).lines) == 1

    def test_the_encounter_may_name_the_other_record(self, read: Read, delivery: Notice) -> None:
        of(delivery, "Encounter")["subject"] = ref("Patient/old")
        assert visit(read(delivery)).patient == "Patient/old"

    def test_another_link_is_no_replacement(self, read: Read, delivery: Notice) -> None:
        for entry in delivery["data"]["entry"]:
            for link in entry["resource"].get("link", ()):
                link["type"] = "seealso"
        assert refused(read, delivery).code == "payer_unclear"


class TestIdsOfTheDeliveryAlone:
    """A resource that only a ``urn:uuid`` names is called something else in the next delivery."""

    UUID = "8f4b2c1e-7a55-4f0e-9d3b-1c2d3e4f5a6b"

    def only_by_url(self, told: Notice, kind: str, reference: str) -> Notice:
        for entry in told["data"]["entry"]:
            if entry["resource"]["resourceType"] == kind:
                del entry["resource"]["id"]
                entry["fullUrl"] = f"urn:uuid:{self.UUID}"
        text = msgspec.json.encode(told).decode()
        answer: Notice = msgspec.json.decode(text.replace(f'"{reference}"', f'"urn:uuid:{self.UUID}"'))
        return answer

    @pytest.mark.parametrize(
        ("kind", "reference", "code"),
        [
            ("Organization", "Organization/o1", "payer_unclear"),
            ("Patient", "Patient/p1", "patient_unclear"),
            ("Practitioner", "Practitioner/d1", "practitioner_unclear"),
            ("Appointment", "Appointment/a1", "id_invalid"),
        ],
    )
    def test_are_nobodys(self, read: Read, notice: Any, kind: str, reference: str, code: str) -> None:
        assert refused(read, self.only_by_url(notice("completed"), kind, reference)).code == code

    @pytest.mark.parametrize(
        ("kind", "reference"), [("Coverage", "Coverage/c1"), ("Encounter", "Encounter/e1"), ("Location", "Location/l1")]
    )
    def test_join_what_belongs_together(self, read: Read, notice: Any, kind: str, reference: str) -> None:
        plain = visit(read(notice("completed")))
        assert visit(read(self.only_by_url(notice("completed"), kind, reference))) == plain


class TestDeletedRecords:
    """FHIR R4 Bundle.entry.request: what was deleted is not there, whatever older versions say."""

    LATE, EARLY = "2026-03-02T14:00:00Z", "2026-03-02T10:00:00Z"

    @staticmethod
    def deleted(told: Notice, url: str, place: int = 0, **answer: str) -> Notice:
        entry = {"request": {"method": "DELETE", "url": url}, "response": {"status": "204", **answer}}
        told["data"].update(type="history")
        told["data"]["entry"].insert(place, entry)
        return told

    @pytest.mark.parametrize(("kind", "url"), [("ChargeItem", "ChargeItem/i1"), ("Coverage", "Coverage/c1")])
    @pytest.mark.parametrize("server", ["", "https://ehr.example/fhir/"])
    def test_are_neither_billed_nor_cover_anything(
        self, read: Read, notice: Any, kind: str, url: str, server: str
    ) -> None:
        told = visit(read(self.deleted(notice("completed"), server + url)))
        assert (len(told.lines), told.payer) == ((0, "Payer/o1") if kind == "ChargeItem" else (1, None))

    @pytest.mark.parametrize(
        ("meta", "answer", "place", "lines"),
        [
            ({"lastUpdated": EARLY}, {"lastModified": LATE}, 99, 0),
            ({"lastUpdated": LATE}, {"lastModified": EARLY}, 0, 1),
            ({"lastUpdated": LATE}, {"lastModified": LATE}, 0, 0),
            ({"lastUpdated": LATE, "versionId": "4"}, {"lastModified": LATE, "etag": 'W/"3"'}, 0, 1),
            ({"versionId": "2"}, {"etag": 'W/"3"'}, 99, 0),
            ({"versionId": "10"}, {"etag": '"9"'}, 0, 1),
            ({}, {}, 0, 0),
            ({}, {}, 99, 1),
        ],
    )
    def test_that_were_made_anew_since_are_there(
        self, read: Read, notice: Any, meta: Any, answer: Any, place: int, lines: int
    ) -> None:
        delivery = self.deleted(notice("completed"), "ChargeItem/i1", place, **answer)
        for entry in delivery["data"]["entry"]:
            if entry.get("resource", {}).get("resourceType") == "ChargeItem":
                entry["resource"]["meta"] = meta
        assert len(visit(read(delivery)).lines) == lines

    def test_that_come_with_what_they_were_are_gone_too(self, read: Read, notice: Any) -> None:
        delivery = notice("completed")
        for entry in delivery["data"]["entry"]:
            if entry["resource"]["resourceType"] == "ChargeItem":
                entry["request"] = {"method": "DELETE", "url": "ChargeItem/i1"}
        assert visit(read(delivery)).lines == ()

    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("Encounter/e1", "no_encounter"),
            ("Appointment/a1", "no_appointment"),
            ("Account/acc", "payer_unclear"),
            ("ChargeItem/i1/_history/1", ""),
            ("ChargeItem/i2", ""),
            ("ChargeItem", ""),
        ],
    )
    def test_are_asked_about_where_the_visit_needs_them(self, read: Read, notice: Any, url: str, code: str) -> None:
        delivery = add(notice("completed"), "Account", "acc")
        of(delivery, "Encounter")["account"] = [ref("Account/acc")]
        self.deleted(delivery, url)
        if code:
            error = refused(read, delivery)
            assert (error.code, error.subject) == (code, "Appointment/a1")
        else:
            assert len(visit(read(delivery)).lines) == 1


HERE, THERE = "https://ehr.example/fhir", "https://else.example/fhir"


class TestOtherServers:
    """An id is a name at one server: another's record of the same id is another's."""

    @staticmethod
    def at(told: Notice, kind: str, base: str, place: int = 0) -> None:
        """Say at which server a resource is: the first of its kind, or a later one."""
        entries = [one for one in told["data"]["entry"] if one["resource"]["resourceType"] == kind]
        entries[place]["fullUrl"] = f"{base}/{kind}/{entries[place]['resource']['id']}"

    @pytest.fixture
    def delivery(self, notice: Any) -> Notice:
        told: Notice = notice("completed")
        for entry in told["data"]["entry"]:
            self.at(told, entry["resource"]["resourceType"], HERE)
        of(told, "Encounter")["appointment"] = [ref("Appointment/a1")]
        return told

    @pytest.mark.parametrize(
        ("kind", "name", "code"),
        [
            ("Encounter", "subject", "patient_unclear"),
            ("Coverage", "beneficiary", "payer_unclear"),
            ("Coverage", "payor", "payer_unclear"),
            ("ChargeItem", "context", ""),
        ],
    )
    @pytest.mark.parametrize("base", [HERE, THERE, HERE.replace("https", "http")])
    def test_s_record_is_not_ours_of_the_same_id(
        self, read: Read, delivery: Notice, kind: str, name: str, code: str, base: str
    ) -> None:
        same = {"subject": "Patient/p1", "beneficiary": "Patient/p1", "payor": "Organization/o1"}
        told = ref(f"{base}/{same.get(name, 'Encounter/e1')}")
        of(delivery, kind)[name] = [told] if name == "payor" else told
        if base != THERE:
            assert visit(read(delivery)).lines
        elif code:
            assert refused(read, delivery).code == code
        else:
            assert visit(read(delivery)).lines == ()

    @pytest.mark.parametrize(
        ("place", "code"), [(0, "patient_unclear"), (1, "practitioner_unclear"), (2, "facility_unknown")]
    )
    def test_s_people_and_places_aren_t_ours(self, read: Read, delivery: Notice, place: int, code: str) -> None:
        actor = of(delivery, "Appointment")["participant"][place]["actor"]
        actor["reference"] = f"{THERE}/{actor['reference']}"
        add(delivery, "Location", "MAIN")
        assert refused(read, delivery).code == code

    def test_s_charge_of_the_same_id_is_another_charge(self, read: Read, delivery: Notice) -> None:
        code, context = of(delivery, "ChargeItem")["code"], ref(f"{HERE}/Encounter/e1")
        add(delivery, "ChargeItem", "i1", status="billable", code=code, quantity={"value": 2}, context=context)
        self.at(delivery, "ChargeItem", THERE, 1)
        assert [line.quantity for line in visit(read(delivery)).lines] == [1, 2]

    def test_s_record_does_not_rename_ours(self, read: Read, delivery: Notice) -> None:
        add(delivery, "Patient", "p1", name=[{"family": MARK}], meta={"lastUpdated": "2026-03-02T14:00:00Z"})
        self.at(delivery, "Patient", THERE, 1)
        assert [one.family for one in read(delivery).parties if isinstance(one, Patient)] == ["Doe"]

    def test_s_reference_without_a_server_means_its_own(self, read: Read, delivery: Notice) -> None:
        of(delivery, "Appointment")["participant"][1]["actor"] = ref(f"{THERE}/PractitionerRole/r1")
        add(delivery, "PractitionerRole", "r1", practitioner=ref("Practitioner/d1"))
        self.at(delivery, "PractitionerRole", THERE)
        assert refused(read, delivery).code == "practitioner_unclear"

    def test_s_appointment_beside_ours_is_asked_about(self, read: Read, delivery: Notice) -> None:
        add(delivery, "Appointment", "a1", status="fulfilled")
        self.at(delivery, "Appointment", THERE, 1)
        assert [one.code for one in read(delivery).refusals] == ["id_invalid"] * 2


class TestGuarantor:
    @pytest.mark.parametrize(
        ("payor", "guarantor"), [("RelatedPerson/mum", "RelatedPerson/mum"), ("Patient/dad", "Patient/dad")]
    )
    def test_is_billed_and_not_the_child(self, read: Read, notice: Any, payor: str, guarantor: str) -> None:
        delivery = covered(notice, paid_by(payor))
        add(delivery, "RelatedPerson", "mum", name=[{"family": "Doe", "given": ["Mum"]}])
        add(delivery, "Patient", "dad", name=[{"family": "Doe", "given": ["Dad"]}])
        told = read(delivery)
        assert (visit(told).payer, visit(told).guarantor) == (None, guarantor)
        (record,) = [party for party in told.parties if party.reference == guarantor]
        assert isinstance(record, RelatedPerson | Patient)
        assert record.family == "Doe"

    @pytest.mark.parametrize(
        ("guarantors", "guarantor"),
        [
            ([{"party": ref("RelatedPerson/mum")}], "RelatedPerson/mum"),
            ([{"party": ref("RelatedPerson/mum"), "onHold": True}], None),
            ([{"party": ref("RelatedPerson/mum"), "period": {"end": "2025"}}, {"party": ref("Patient/p1")}], None),
            ([{"party": ref("RelatedPerson/mum")}, {"party": ref("Patient/dad")}], "payer_unclear"),
            ([{"party": ref("urn:uuid:nobody")}], "payer_unclear"),
        ],
    )
    def test_of_the_account_answers_where_no_coverage_does(
        self, read: Read, notice: Any, guarantors: Any, guarantor: str | None
    ) -> None:
        delivery = add(covered(notice), "RelatedPerson", "mum", name=[{"text": "Mum Doe"}])
        add(delivery, "Account", "acc", subject=[ref("Patient/p1")], guarantor=guarantors)
        if guarantor == "payer_unclear":
            assert refused(read, delivery).code == guarantor
        else:
            assert visit(read(delivery)).guarantor == guarantor

    @pytest.mark.parametrize("party", ["Patient/p1", "RelatedPerson/mum"])
    def test_of_the_account_answers_where_the_coverage_is_over(self, read: Read, notice: Any, party: str) -> None:
        over = ONE | {"period": {"end": "2026-03-01"}}
        delivery = add(covered(notice, over), "RelatedPerson", "mum", name=[{"text": "Mum Doe"}])
        assert refused(read, delivery).code == "payer_unclear"
        add(delivery, "Account", "acc", subject=[ref("Patient/p1")], guarantor=[{"party": ref(party)}])
        told = visit(read(delivery))
        assert (told.payer, told.guarantor) == (None, None if party == "Patient/p1" else party)

    def test_without_a_name_can_t_be_billed(self, read: Read, notice: Any) -> None:
        delivery = add(covered(notice, paid_by("RelatedPerson/mum")), "RelatedPerson", "mum")
        assert refused(read, delivery).code == "no_name"


class TestChargeItems:
    @pytest.mark.parametrize(
        ("status", "billed"),
        [
            ("billable", True),
            *((status, False) for status in ("planned", "not-billable", "aborted", "billed", "entered-in-error")),
            *((status, None) for status in ("unknown", "", "paid")),
        ],
    )
    def test_are_billed_by_their_status(self, read: Read, notice: Any, status: str, billed: bool | None) -> None:
        delivery = notice("completed")
        of(delivery, "ChargeItem")["status"] = status
        if billed is None:
            assert refused(read, delivery).code == "charge_unclear"
        else:
            assert bool(visit(read(delivery)).lines) == billed

    @pytest.mark.parametrize(
        ("fields", "lines"),
        [
            ({"context": ref("Encounter/e1")}, 2),
            ({"context": ref("Encounter/else")}, 1),
            ({"context": ref("Encounter/else"), "status": "billed"}, 1),
            ({"subject": ref("Patient/else")}, 1),
            ({"context": ref("EpisodeOfCare/x"), "subject": ref("Patient/p1")}, 2),
            ({"context": ref("Encounter/e1"), "subject": ref("Patient/else")}, "charge_unclear"),
            ({"context": ref("urn:uuid:nobody")}, "charge_unclear"),
            ({"subject": ref("urn:uuid:nobody")}, "charge_unclear"),
            ({"subject": {"display": MARK}}, "charge_unclear"),
            ({"subject": ref("urn:uuid:nobody"), "context": ref("Encounter/e1")}, 2),
            ({"subject": ref("urn:uuid:nobody"), "status": "entered-in-error"}, 1),
            ({"context": ref("#in"), "contained": [{"resourceType": "Encounter", "id": "in"}]}, "charge_unclear"),
            ({"context": ref("Encounter/part")}, 2),
            ({"context": ref("Encounter/own")}, 1),
        ],
    )
    def test_are_those_of_the_visit_s_encounter(self, read: Read, notice: Any, fields: Any, lines: int | str) -> None:
        delivery = notice("completed")
        code = of(delivery, "ChargeItem")["code"]
        add(delivery, "Encounter", "part", status="in-progress", partOf=ref("Encounter/e1"))
        more = {"partOf": ref("Encounter/e1"), "appointment": [ref("Appointment/else")]}
        add(delivery, "Encounter", "own", status="finished", **more)
        add(delivery, "ChargeItem", "i2", **({"status": "billable", "code": code} | fields))
        if isinstance(lines, str):
            assert refused(read, delivery).code == lines
        else:
            assert len(visit(read(delivery)).lines) == lines

    @pytest.mark.parametrize(
        ("again", "quantities"),
        [
            ({}, [1]),
            ({"quantity": {"value": 2}, "meta": {"versionId": "2"}}, [2]),
            ({"status": "entered-in-error", "meta": {"lastUpdated": "2026-03-02T10:00:00Z"}}, []),
            ({"quantity": {"value": 2}}, "charge_unclear"),
            ({"quantity": {"value": 2}, "status": "entered-in-error"}, "charge_unclear"),
            ({"quantity": "two"}, "charge_unclear"),
        ],
    )
    def test_told_twice_are_billed_once(self, read: Read, notice: Any, again: Any, quantities: Any) -> None:
        delivery = notice("completed")
        add(delivery, "ChargeItem", "i1", first=True, **(of(delivery, "ChargeItem") | again))
        delivery["data"]["entry"][0]["resource"]["id"] = "i1"
        if quantities == "charge_unclear":
            assert refused(read, delivery).code == quantities
        else:
            assert [line.quantity for line in visit(read(delivery)).lines] == quantities

    @pytest.mark.parametrize(
        ("fields", "factor", "price"),
        [
            ({"factorOverride": 0.8}, Decimal("0.8"), None),
            ({"factorOverride": 0.8, "priceOverride": {"value": 40, "currency": "USD"}}, 1, 40),
            ({}, 1, None),
        ],
    )
    def test_count_by_their_factor_unless_a_price_says_it_all(
        self, read: Read, notice: Any, fields: Any, factor: Any, price: Any
    ) -> None:
        delivery = notice("completed")
        of(delivery, "ChargeItem").update(fields)
        (line,) = visit(read(delivery)).lines
        assert (line.factor, line.unit_price) == (factor, price)

    @pytest.mark.parametrize(
        ("total", "quantity", "of_one"),
        [(100, 1, "100"), (100, 4, "25"), ("99.90", 3, "33.30"), (45, "1.5", "30"), (0, 2, "0")],
    )
    def test_tell_the_price_of_their_whole_quantity(
        self, read: Read, notice: Any, total: Any, quantity: Any, of_one: str
    ) -> None:
        delivery = notice("completed")
        of(delivery, "ChargeItem").update(priceOverride={"value": total}, quantity={"value": quantity})
        (line,) = visit(read(delivery)).lines
        assert (line.quantity, line.unit_price) == (Decimal(str(quantity)), Decimal(of_one))

    @pytest.mark.parametrize(("total", "quantity"), [(100, 3), ("0.01", 2), (100, 0)])
    def test_whose_price_is_no_exact_price_of_one_are_asked_about(
        self, read: Read, notice: Any, total: Any, quantity: Any
    ) -> None:
        delivery = notice("completed")
        of(delivery, "ChargeItem").update(priceOverride={"value": total}, quantity={"value": quantity})
        assert refused(read, delivery).code == "amount_invalid"

    @pytest.mark.parametrize("fields", [{"quantity": {"value": 0}}, {"factorOverride": 0}])
    def test_of_nothing_are_no_lines(self, read: Read, notice: Any, fields: Any) -> None:
        delivery = notice("completed")
        add(delivery, "ChargeItem", "nothing", **(of(delivery, "ChargeItem") | fields | {"id": "nothing"}))
        assert len(visit(read(delivery)).lines) == 1

    @pytest.mark.parametrize(
        "fields",
        [{"factorOverride": factor} for factor in (-1, "NaN", "1e30", "1e-99999")]
        + [{"quantity": {"unit": "h"}}, {"priceOverride": {"currency": "USD"}}],
    )
    def test_that_are_no_numbers_are_refused(self, read: Read, notice: Any, fields: Any) -> None:
        delivery = notice("completed")
        of(delivery, "ChargeItem").update(fields)
        assert refused(read, delivery).code == "amount_invalid"

    @pytest.mark.parametrize(
        ("coding", "shown"),
        [
            ({"system": "urn:s", "code": "XYZ"}, "urn:s|XYZ"),
            ({"code": f"seen by {MARK} 1950"}, ""),
            ({"system": f"seen by {MARK}", "code": "XYZ"}, ""),
            ({"display": MARK}, ""),
        ],
    )
    def test_show_a_code_only_where_it_is_one(self, read: Read, notice: Any, coding: Any, shown: str) -> None:
        delivery = notice("completed")
        of(delivery, "ChargeItem")["code"] = {"coding": [coding], "text": MARK}
        error = refused(read, delivery)
        assert (error.code, error.subject) == ("code_unmapped", "Appointment/a1")
        assert shown in error.reason


@pytest.mark.parametrize(
    ("names", "family", "given"),
    [
        ([{"use": "old", "family": "Maiden"}, {"use": "official", "family": "Now", "given": ["Jo"]}], "Now", "Jo"),
        ([{"use": "maiden", "family": "Maiden"}, {"family": "Now"}], "Now", ""),
        ([{"use": "nickname", "given": ["Jojo"]}, {"use": "usual", "family": "Now"}], "Now", ""),
        ([{"use": "official", "family": "Then", "period": {"end": "2019-05"}}, {"use": "usual", "family": "Now"}],
         "Now", ""),
        ([{"use": "official", "family": "Later", "period": {"start": "2027"}}, {"family": "Now"}], "Now", ""),
        ([{"use": "old", "family": "Only"}], "Only", ""),
        ([{"use": "old", "family": "Older"}, {"use": "official", "family": "Last", "period": {"end": "2020"}}],
         "Last", ""),
        ([{"text": "Derrick Lin", "given": ["Derrick"]}], "Derrick Lin", ""),
        ([{"text": "Dr. Jo Doe", "family": "Doe", "given": ["Jo"]}], "Doe", "Jo"),
        ([{"text": "Jo Doe", "family": "Doe"}], "Jo Doe", ""),
        ([{"family": "Doe", "given": [None, "Jo"], "_given": [{"id": "a"}, None]}], "Doe", "Jo"),
        ([{"use": "official", "_family": {"extension": []}}, {"family": "Doe"}], "Doe", ""),
    ],
)  # fmt: skip
def test_the_name_that_holds_now_is_taken_once(read: Read, notice: Any, names: Any, family: str, given: str) -> None:
    delivery = notice("completed")
    of(delivery, "Patient")["name"] = names
    (patient,) = [party for party in read(delivery).parties if isinstance(party, Patient)]
    assert (patient.family, patient.given) == (family, given)


NOW = {"line": ["2 Way"], "city": "Now", "state": "NY", "postalCode": "1", "country": "US"}


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        ([{"use": "old", "line": ["1"], "city": "Then"}, NOW | {"use": "home"}], ("2 Way", "Now", "NY", "US")),
        ([{"use": "home", "city": "Then", "period": {"end": "2020"}}, NOW], ("2 Way", "Now", "NY", "US")),
        ([{"use": "work", "city": "Work"}, NOW | {"use": "home"}], ("2 Way", "Now", "NY", "US")),
        ([{"use": "home", "city": "Home"}, NOW | {"use": "billing"}], ("2 Way", "Now", "NY", "US")),
        ([{"use": "home", "type": "physical", "city": "X"}, NOW | {"use": "home", "type": "postal"}],
         ("2 Way", "Now", "NY", "US")),
        ([NOW | {"country": "USA", "state": "New York"}], ("2 Way", "Now", "NY", "US")),
        ([NOW | {"country": "United States", "state": "US-NY"}], ("2 Way", "Now", "NY", "US")),
        ([{"text": "1 Way\nAsh, NY 10001", "country": "USA"}], ("1 Way, Ash, NY 10001", None, None, "US")),
        ([{"line": [None, "1 Way"], "city": "Ash"}], ("1 Way", "Ash", None, None)),
    ],
)  # fmt: skip
def test_the_address_that_holds_now_is_whole(read: Read, notice: Any, addresses: Any, told: Any) -> None:
    delivery = notice("completed")
    of(delivery, "Patient")["address"] = addresses
    (one,) = [party for party in read(delivery).parties if isinstance(party, Patient)]
    assert (one.address_line, one.city, one.state, one.country) == told


def _upsert(kind: str, **fields: Any) -> Callable[[Notice], Any]:
    return lambda notice: of(notice, kind).update(fields)


@pytest.mark.parametrize(
    "change",
    [
        *(_upsert("Patient", birthDate=told) for told in ("1985", "1985-04", "soon", 1985, None)),
        *(_upsert("Patient", identifier=told) for told in ([{"system": "urn:ssn", "_value": {}}], [{"value": 7}], "x")),
        _upsert("Patient", communication=[{"language": {"coding": [{"display": "English"}], "text": "English"}}]),
        _upsert("Patient", communication="English"),
        _upsert("Practitioner", identifier=[{"system": "http://hl7.org/fhir/sid/us-npi"}]),
        _upsert("Organization", name=["of", "two"]),
        _upsert("Appointment", meta=None),
        _upsert("Appointment", meta={"versionId": "0f6f8a2e-93b1-4a46-9d5a-0b6b0a4f5b0a"}),
        _upsert("Appointment", meta={"versionId": "3", "lastUpdated": "2026-03-02T10:03:00.1234567Z"}),
        _upsert("Appointment", start="2026-03-02"),
        _upsert("Encounter", period={"start": "2026-03-02T09:00:00-05:00"}),
        lambda notice: of(notice, "Appointment")["participant"].append({"status": "needs-action"}),
        lambda notice: of(notice, "Appointment")["participant"].append({"actor": {"display": MARK}}),
        lambda notice: notice["data"]["entry"].append({"request": {"method": "DELETE", "url": "Slot/9"}}),
        lambda notice: add(notice, "OperationOutcome", "x"),
        lambda notice: add(notice, "Location", "x", identifier="spoilt"),
        lambda notice: add(notice, "Practitioner", "x", name=MARK),
        lambda notice: add(notice, "Patient", "x", name=MARK),
        lambda notice: add(notice, "Encounter", "x", status=7),
        lambda notice: notice.update(timestamp="2026-03-02T15:00:00.0000001+00:00"),
    ],
)
def test_what_billing_does_not_need_never_stops_a_visit(read: Read, notice: Any, change: Any) -> None:
    delivery = notice("completed")
    change(delivery)
    told = read(delivery)
    assert visit(told).payer == "Payer/o1"
    assert told.events[0].subject == "Appointment/a1"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("ChargeItem", {"quantity": "three", "status": "entered-in-error"}, ""),
        ("ChargeItem", {"quantity": "three", "status": "billable", "context": ref("Encounter/else")}, ""),
        ("ChargeItem", {"quantity": "three", "status": "billable", "subject": ref("Patient/else")}, ""),
        ("ChargeItem", {"performer": MARK, "status": "not-billable"}, ""),
        ("ChargeItem", {"quantity": "three", "status": "billable"}, "invalid_payload"),
        ("ChargeItem", {"status": 7}, "invalid_payload"),
        ("ChargeItem", {"status": "billable", "context": MARK}, "invalid_payload"),
        ("ChargeItem", {"id": "i1", "quantity": "three", "status": "billable", "meta": {"versionId": "0"}}, ""),
        ("Coverage", {"payor": MARK, "status": "cancelled"}, ""),
        ("Coverage", {"order": "last", "beneficiary": ref("Patient/else")}, ""),
        ("Coverage", {"order": "last", "period": {"end": "2025"}}, ""),
        ("Coverage", {"id": "c1", "payor": MARK, "meta": {"versionId": "0"}}, ""),
        ("Coverage", {"payor": MARK, "status": "active"}, "invalid_payload"),
        ("Coverage", {"order": "last", "status": "active"}, "invalid_payload"),
        ("Coverage", {"status": "active", "beneficiary": 7}, "invalid_payload"),
    ],
)
def test_only_what_the_visit_uses_must_be_readable(read: Read, notice: Any, kind: str, fields: Any, code: str) -> None:
    delivery = notice("completed")
    of(delivery, kind)["meta"] = {"versionId": "1"}
    add(delivery, kind, **{"identity": fields.get("id", "x"), **{k: v for k, v in fields.items() if k != "id"}})
    if code:
        assert refused(read, delivery).code == code
    else:
        told = visit(read(delivery))
        assert (told.payer, len(told.lines)) == ("Payer/o1", 1)


class TestOrder:
    def test_of_versions_that_are_no_numbers_is_that_of_their_changes(self, read: Read, notice: Any) -> None:
        sequences, ids = [], set()
        for version, changed in (("zz", "2026-03-02T10:00:00.1Z"), ("aa", "2026-03-02T10:00:00.2Z")):
            delivery = notice("arrived")
            of(delivery, "Appointment")["meta"] = {"versionId": version, "lastUpdated": changed}
            (event,) = read(delivery).events
            sequences.append(event.sequence or 0)
            ids.add(event.id)
        assert sequences == sorted(sequences)
        assert len(ids) == 2

    def test_two_versions_of_one_moment_are_two_facts(self, read: Read, notice: Any) -> None:
        ids = set()
        for version in ("zz", "aa", "aa"):
            delivery = notice("arrived")
            of(delivery, "Appointment")["meta"] = {"versionId": version, "lastUpdated": "2026-03-02T10:00:00Z"}
            ids.add(read(delivery).events[0].id)
        assert len(ids) == 2

    def test_without_any_version_is_that_of_sending(self, read: Read, notice: Any) -> None:
        told = []
        for sent in ("2026-03-02T14:00:00Z", "2026-03-02T14:00:01Z"):
            delivery = notice("arrived")
            del of(delivery, "Appointment")["meta"]
            delivery["timestamp"] = sent
            told.append(read(delivery).events[0])
        assert (told[1].sequence or 0) - (told[0].sequence or 0) == 1_000_000


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_upsert("Appointment", status="booked"), "status_differs"),
        (_upsert("Patient", name=MARK), "invalid_payload"),
        (lambda notice: notice.update(type="appointment.dreamt"), "unknown_type"),
        (lambda notice: notice.update(timestamp="soon"), "invalid_payload"),
        (_upsert("ChargeItem", quantity="three"), "invalid_payload"),
        (lambda notice: add(notice, "Coverage", "c9", status=7), "invalid_payload"),
        (_upsert("Encounter", period={"start": "2026-03-02T09:00:00"}), "invalid_payload"),
        (lambda notice: participants(notice, (f"Patient/{MARK} 1950", "", {}), PLACE), "id_invalid"),
    ],
)
def test_what_is_not_understood_is_about_the_appointment(read: Read, notice: Any, spoil: Any, code: str) -> None:
    delivery = notice("completed")
    spoil(delivery)
    error = refused(read, delivery)
    assert (error.code, error.subject) == (code, "Appointment/a1")


@pytest.mark.parametrize(
    ("identity", "subject"),
    [
        ("APPT_12", "Appointment/APPT_12"),
        ("2026_03_02.7", "Appointment/2026_03_02.7"),
        (f"{MARK}_Jo", None),
        (f"{MARK} 1950", None),
        ("12/34", None),
        ("1_" * 40, None),
    ],
)
def test_an_appointment_whose_id_is_none_is_named_where_that_can_be_no_name(
    read: Read, notice: Any, identity: str, subject: str | None
) -> None:
    delivery = notice("completed")
    of(delivery, "Appointment")["id"] = identity
    error = refused(read, delivery)
    assert (error.code, error.subject, error.told) == ("id_invalid", subject, "fulfilled")
    assert identity not in error.reason


def test_an_appointment_that_comes_without_a_bundle_is_read(read: Read, notice: Any) -> None:
    delivery = notice("cancelled")
    delivery["data"] = of(delivery, "Appointment")
    assert [event.subject for event in read(delivery).events] == ["Appointment/a1"]


def test_records_that_a_source_links_are_told(read: Read, notice: Any) -> None:
    delivery = notice("booked")
    of(delivery, "Patient")["link"] = [{"other": ref("Patient/p0"), "type": "replaces"}, {"type": "refer"}, "spoilt"]
    told = read(delivery)
    assert [event.payload() for event in told.beside] == [
        PatientLinked(patient="Patient/p1", other="Patient/p0", link="replaces")
    ]
    assert told.beside[0].id == read(delivery).beside[0].id
