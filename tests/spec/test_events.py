"""Nothing was forgotten: every event type has a schema, an example that travels, and someone who hears it."""

import json

import msgspec
import pytest

from suture.canonical.cloudevents import decode, encode
from suture.canonical.events import EVENT_TYPES, Event, schema
from suture.canonical.examples import EXAMPLES, example
from suture.engine.definition import AwaitEvent
from suture.processes.definitions import DEFINITIONS, ROUTES
from suture.projection.journeys import merge

ABOUT_PEOPLE = {
    *("suture.patient.registered.v1", "suture.practitioner.registered.v1", "suture.payer.registered.v1"),
    *("suture.relatedperson.registered.v1", "suture.patient.linked.v1"),
}
"""Told to whoever keeps records of people elsewhere; no appointment's journey changes by them."""
ABOUT_THE_LEDGER = {
    *("suture.discrepancy.found.v1", "suture.service.updated.v1", "suture.receipt.validated.v1"),
    *("suture.discrepancy.repaired.v1", "suture.discrepancy.accepted.v1", "suture.period.closed.v1"),
    *("suture.supplier.registered.v1", "suture.supplier.updated.v1", "suture.stock.running_low.v1"),
}
"""Told to whoever plans supplies, keeps a price list or reconciles; no appointment's journey changes by them."""
WITHOUT_A_CONSUMER_YET = {
    "suture.eligibility.refused.v1",  # the process stops, and its exception is what people see
    "suture.exception.resolved.v1",  # comes with the work on the exception queue
}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
class TestEveryType:
    def test_is_a_versioned_fact_of_ours(self, event_type: str) -> None:
        ours, entity, fact, version = event_type.split(".")
        assert (ours, version[0], version[1:].isdigit()) == ("suture", "v", True)
        assert entity.islower()
        assert fact.islower()

    def test_has_a_json_schema(self, event_type: str) -> None:
        told = schema(event_type)
        definition = told["$defs"][told["$ref"].rpartition("/")[2]]
        assert definition["type"] == "object"
        assert definition["properties"]
        json.dumps(told)

    def test_has_an_example_that_travels_as_a_cloud_event(self, event_type: str) -> None:
        event = example(event_type)
        travelled = decode(encode(event))
        assert travelled.payload() == event.payload() == EXAMPLES[EVENT_TYPES[event_type]]
        for name in Event.__struct_fields__:
            if name != "data":
                assert getattr(travelled, name) == getattr(event, name)

    def test_has_the_attributes_that_cloud_events_ask_for(self, event_type: str) -> None:
        wire = json.loads(encode(example(event_type)))
        assert {"specversion", "id", "type", "source", "subject", "time", "datacontenttype", "data"} <= wire.keys()
        assert all(name.isalnum() and name.islower() for name in wire)
        assert wire["specversion"] == "1.0"

    def test_is_heard_by_someone(self, event_type: str) -> None:
        assert event_type in _heard() | ABOUT_PEOPLE | ABOUT_THE_LEDGER | WITHOUT_A_CONSUMER_YET

    def test_names_nobody(self, event_type: str) -> None:
        names = set(msgspec.json.encode(schema(event_type)).decode().replace('"', " ").split())
        assert not names & {"family", "given", "birth_date", "address_line", "postal_code", "city"}


def _heard() -> set[str]:
    shown = {event_type for event_type in EVENT_TYPES if merge([example(event_type)])}
    awaited = {step.type for d in DEFINITIONS for step in d.steps if isinstance(step, AwaitEvent)}
    return shown | awaited | {route.type for route in ROUTES}


def test_the_lists_of_exceptions_are_not_longer_than_they_must_be() -> None:
    assert not _heard() & (ABOUT_PEOPLE | ABOUT_THE_LEDGER | WITHOUT_A_CONSUMER_YET)
    assert EVENT_TYPES.keys() >= ABOUT_PEOPLE | ABOUT_THE_LEDGER | WITHOUT_A_CONSUMER_YET


def test_facility_sequence_and_cause_may_be_absent() -> None:
    bare = msgspec.structs.replace(
        example("suture.payer.registered.v1"), facility=None, sequence=None, causation_id=None
    )
    wire = json.loads(encode(bare))
    assert not {"facility", "sequence", "causationid"} & wire.keys()
    assert (decode(encode(bare)).sequence, decode(encode(bare)).facility) == (None, None)


@pytest.mark.parametrize("message", [b"", b"{}", b"\x00", b'{"specversion": "1.0"}'])
def test_what_is_no_cloud_event_is_refused(message: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(message)
