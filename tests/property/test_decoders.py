"""Whatever is delivered: it is understood, or it is `NotUnderstood`, in words that repeat nothing of a person."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.catalogue import parse
from suture.catalogue.write import template
from suture.ingest import billing_payment, fhir_appointment
from suture.ingest.understanding import Context, NotUnderstood, Understood

CONTEXT = Context(
    catalogue=parse(template(), "c.yaml"),
    system="scheduling",
    received_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
    facilities=frozenset({"MAIN"}),
)
MARK = "Zzyzxfamily"
PAYMENT = {
    "type": "payment.posted",
    "timestamp": "2026-03-02T15:00:00Z",
    "data": {
        "payment": {
            **{"id": "pay1", "charge_id": "c1", "charge_external_id": "a1", "amount": "30.00", "currency": "USD"},
            **{"received_on": "2026-03-02", "payer": "o1"},
        }
    },
}
DECODERS = {"fhir": fhir_appointment.decode, "billing": billing_payment.decode}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(["NaN", "-Infinity", "1e999", "²", "0001-01-01T00:00:00+14:00", "Patient/", "/", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

Decoder = Callable[[bytes, Context], Understood]


def answered(decoder: Decoder, body: bytes) -> Understood | NotUnderstood:
    try:
        return decoder(body, CONTEXT)
    except NotUnderstood as error:
        return error


def judged(decoder: Decoder, body: bytes) -> None:
    answer = answered(decoder, body)
    if isinstance(answer, NotUnderstood):
        assert answer.code
        assert answer.remedy
        assert MARK not in answer.reason
    else:
        assert all(MARK not in one.reason for one in answer.refusals)
        assert all(MARK.encode() not in bytes(event.data) for event in (*answer.events, *answer.beside))
        assert all(event.occurred_at.tzinfo for event in answer.events)
        assert all(event.payload() for event in answer.events)


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
@given(body=st.binary(max_size=60) | JSON.map(msgspec.json.encode))
def test_any_bytes(decoder: Decoder, body: bytes) -> None:
    judged(decoder, body)


def places(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value in a tree."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for step, inner in steps for place in places(inner, (*path, step)))]


def spoilt(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    tree = copy.deepcopy(tree)
    node = tree
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return tree


@given(data=st.data(), kind=st.sampled_from(["booked", "completed", "cancelled"]), value=JSON)
def test_a_notice_with_a_value_spoilt(notice: Any, data: st.DataObject, kind: str, value: Any) -> None:
    told = notice(kind, family=MARK)
    judged(fhir_appointment.decode, msgspec.json.encode(spoilt(told, data.draw(st.sampled_from(places(told))), value)))


def rich(notice: Any) -> Any:
    """A notice of two visits, with everything that may stand beside them."""
    told = notice("completed", family=MARK)
    other = notice("completed", appointment="a2", patient="p2", family=MARK)
    by_kind = {entry["resource"]["resourceType"]: entry["resource"] for entry in told["data"]["entry"]}
    by_kind["Appointment"]["contained"] = [{"resourceType": "Location", "id": "in", "identifier": [{"value": "MAIN"}]}]
    by_kind["Appointment"]["participant"].append({"actor": {"reference": "#in"}, "status": "accepted"})
    by_kind["Encounter"] |= {
        "appointment": [{"reference": "Appointment/a1"}],
        "subject": {"reference": "Patient/p1"},
        "participant": [{"individual": {"reference": "PractitionerRole/r"}, "type": [{"coding": [{"code": "PPRF"}]}]}],
        "account": [{"reference": "Account/acc"}],
        "location": [{"location": {"reference": "Location/l1"}, "status": "active"}],
    }
    by_kind["ChargeItem"] |= {"context": {"reference": "Encounter/e1"}, "factorOverride": 0.5, "quantity": {"value": 1}}
    by_kind["Coverage"] |= {"order": 1, "period": {"start": "2026", "end": "2026-12"}, "status": "active"}
    by_kind["Patient"] |= {
        "link": [{"other": {"reference": "Patient/p0"}, "type": "refer"}],
        "address": [{"text": "1"}],
    }
    more = [
        {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/d1"}},
        {
            "resourceType": "Account",
            "id": "acc",
            "coverage": [{"coverage": {"reference": "Coverage/c1"}, "priority": 1}],
            "guarantor": [{"party": {"reference": "RelatedPerson/mum"}}],
        },
        {"resourceType": "RelatedPerson", "id": "mum", "name": [{"family": MARK}]},
    ]
    told["data"]["entry"] += [{"fullUrl": f"urn:uuid:{n}", "resource": one} for n, one in enumerate(more)]
    told["data"]["entry"] += [entry for entry in other["data"]["entry"] if entry["resource"]["id"] in ("a2", "p2")]
    return told


@given(data=st.data(), value=JSON)
def test_a_notice_of_much_with_a_value_spoilt(notice: Any, data: st.DataObject, value: Any) -> None:
    told = rich(notice)
    judged(fhir_appointment.decode, msgspec.json.encode(spoilt(told, data.draw(st.sampled_from(places(told))), value)))


@given(data=st.data(), value=JSON)
def test_a_payment_with_a_value_spoilt(data: st.DataObject, value: Any) -> None:
    place = data.draw(st.sampled_from(places(PAYMENT)))
    judged(billing_payment.decode, msgspec.json.encode(spoilt(PAYMENT, place, value)))


@given(cut=st.integers(0, 5000), junk=st.binary(max_size=4))
def test_a_notice_cut_off_and_garbled(notice: Any, cut: int, junk: bytes) -> None:
    body = msgspec.json.encode(notice("completed", family=MARK))
    judged(fhir_appointment.decode, body[: cut % len(body)] + junk + body[cut % len(body) + len(junk) :])
