"""The API: who may call, what is answered, what is done once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import pytest
from tests.integration.api import Api, serving_api

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.backbone.embedded import EmbeddedNats
from suture.backbone.relay import Relay
from suture.backbone.stream import connect, ensure_stream
from suture.canonical.cloudevents import encode
from suture.canonical.events import Event
from suture.canonical.records import Identifier, Patient, Payer, Practitioner
from suture.catalogue import Catalogue
from suture.commands import clients
from suture.core.clock import ManualClock
from suture.core.ids import fact_id
from suture.gateway.api.deprecations import Deprecation, deprecation_of
from suture.gateway.api.guard import LARGEST_BODY
from suture.projection.journeys import JourneyProjection
from suture.store import audit, events
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.parties import Parties
from suture.store.recorder import Recorder

pytestmark = pytest.mark.timeout(90)

VISIT: dict[str, Any] = {
    "appointment": "v1",
    "patient": "p1",
    "practitioner": "d1",
    "payer": "o1",
    "facility": "MAIN",
    "started_at": "2026-03-02T09:00:00-05:00",
    "ended_at": "2026-03-02T09:30:00-05:00",
    "lines": [{"service": "OV-EST"}],
}


@pytest.fixture
async def api(
    tmp_path: Path,
    database: Database,
    vault: Vault,
    nats_server: EmbeddedNats,
    catalogue: Catalogue,
    clock: ManualClock,
) -> AsyncIterator[Api]:
    async with serving_api(tmp_path, database, vault, nats_server.url, catalogue, clock) as made:
        people = (
            Patient(reference="Patient/p1", identifiers=(Identifier("urn:mrn", "M-1"),), family="Doe", given="Jo"),
            Practitioner(reference="Practitioner/d1", identifiers=(), name="Dr. House"),
            Payer(reference="Payer/o1", name="Blue Harbour"),
        )
        async with database.transaction() as connection:
            await Parties(database, vault).put(connection, [(one, clock.now()) for one in people], clock.now())
        yield made


async def test_without_a_key_nothing_is_said(api: Api) -> None:
    for token in ("", "sut_nobody_knows"):
        reply = await api.call("GET", "/v1/appointments", token=token)
        assert (reply.status, reply.problem) == (401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_key_ends_when_it_is_revoked_or_runs_out(api: Api, clock: ManualClock) -> None:
    second = await clients.add_key(api.desk, Actor("ada", "it is over", (ADMINISTRATOR,)), "erp", days=1)
    assert (await api.call("GET", "/v1/appointments", token=second)).status == 200
    clock.advance(timedelta(days=2))
    assert (await api.call("GET", "/v1/appointments", token=second)).status == 401
    assert (await api.get("/v1/appointments")).status == 200
    await clients.revoke(api.desk, Actor("ada", "it is over", (ADMINISTRATOR,)), "erp")
    assert (await api.get("/v1/appointments")).status == 401


async def test_a_key_is_revoked_for_its_own_client_only(api: Api) -> None:
    ada = Actor("ada", "it leaked", (ADMINISTRATOR,))
    token = await api.client("reader", ["appointments:read"])
    [prefix] = [key.prefix for key in (await clients.listed(api.desk))[1] if key.client == "reader"]
    with pytest.raises(NotPossible, match=f"erp has no key {prefix}"):
        await clients.revoke(api.desk, ada, "erp", prefix)
    assert (await api.call("GET", "/v1/appointments", token=token)).status == 200
    await clients.revoke(api.desk, ada, "reader", prefix)
    assert (await api.call("GET", "/v1/appointments", token=token)).status == 401


async def test_a_client_does_what_its_scopes_say(api: Api) -> None:
    token = await api.client("reader", ["appointments:read"])
    assert (await api.call("GET", "/v1/appointments", token=token)).status == 200
    reply = await api.call("GET", "/v1/patients/p1", token=token)
    assert (reply.status, reply.problem) == (403, "scope_missing")
    assert "patients:read" in reply.json["detail"]


async def test_calls_beyond_the_rate_are_told_when_to_come_again(api: Api, clock: ManualClock) -> None:
    token = await api.client("hasty", per_minute=3)
    replies = [await api.call("GET", "/v1/appointments", token=token) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["RateLimit"] for reply in replies][:2] == ['"minute";r=2;t=0', '"minute";r=1;t=0']
    assert replies[0].headers["RateLimit-Policy"] == '"minute";q=3;w=60'
    assert replies[3].headers["Retry-After"] == "20"
    clock.advance(timedelta(seconds=20))
    assert (await api.call("GET", "/v1/appointments", token=token)).status == 200


async def test_a_patient_is_found_by_identifier_and_reading_is_audited(api: Api, database: Database) -> None:
    reply = await api.post("/v1/patient-lookup", {"identifier": {"system": "urn:mrn", "value": "M-1"}})
    assert [(one["id"], one["family"]) for one in reply.json["patients"]] == [("p1", "Doe")]
    other = await api.post("/v1/patient-lookup", {"identifier": {"system": "urn:mrn", "value": "M-2"}})
    assert other.json == {"patients": []}
    assert (await api.get("/v1/patients/p1")).json["given"] == "Jo"
    assert (await api.get("/v1/patients/p2")).problem == "not_found"
    async with database.connection() as connection:
        acts = await audit.newest(connection, "Patient/p1")
    assert [(act.actor, act.action) for act in acts] == [("api/erp", "patient.read")] * 2


async def test_a_visit_is_billed_once(api: Api, database: Database) -> None:
    for _ in range(2):
        reply = await api.post("/v1/invoices", VISIT)
        assert (reply.status, reply.json) == (202, {"appointment": "v1", "status": "/v1/appointments/v1"})
    async with database.connection() as connection:
        told = await events.of_journey(connection, "v1")
        started = await connection.fetchval("SELECT count(*) FROM process WHERE key = 'completed_appointment:v1'")
    assert [event.type for event in told] == ["suture.appointment.completed.v1"]
    assert started == 1
    other = await api.post("/v1/invoices", VISIT | {"payer": None})
    assert (other.status, other.problem) == (409, "not_billable")


async def test_a_visit_that_can_t_be_billed_is_refused_place_by_place(api: Api) -> None:
    reply = await api.post(
        "/v1/invoices",
        VISIT
        | {"patient": "nobody", "facility": "MOON", "ended_at": "2026-03-02T08:00:00-05:00"}
        | {"lines": [{"service": "OV-EST"}, {"service": "NOSUCH"}]},
    )
    assert (reply.status, reply.problem) == (409, "not_billable")
    assert {one["where"] for one in reply.json["errors"]} == {"/patient", "/facility", "/lines/1/service", "/ended_at"}
    wrong = await api.post("/v1/invoices", VISIT | {"lines": [], "colour": "red"})
    assert (wrong.status, wrong.problem) == (422, "invalid")
    assert {one["where"] for one in wrong.json["errors"]} == {"/lines", "/colour"}


async def test_an_appointment_says_how_far_it_is(api: Api, database: Database, clock: ManualClock) -> None:
    await api.post("/v1/invoices", VISIT)
    await project(api, database, clock)
    reply = await api.get("/v1/appointments/v1")
    assert reply.json["status"] == "fulfilled"
    assert "completed" in reply.json["milestones"]
    assert reply.json["open_exceptions"] == []
    assert (await api.get("/v1/appointments/nosuch")).status == 404
    assert (await api.get("/v1/invoices/v1")).problem == "not_found", "there is no invoice yet"


async def project(api: Api, database: Database, clock: ManualClock) -> None:
    async with database.connection() as connection:
        told = await events.after(connection, 0, ["suture.appointment.completed.v1"], 100)
    await JourneyProjection(database, api.desk.recorder, clock).apply([one.event for one in told])


async def test_lists_are_paged_by_cursor(api: Api, database: Database, clock: ManualClock) -> None:
    for number in range(5):
        clock.advance(timedelta(seconds=1))
        await api.post("/v1/invoices", VISIT | {"appointment": f"v{number}"})
    await project(api, database, clock)
    seen, path = [], "/v1/appointments?limit=2"
    while path:
        reply = await api.get(path)
        seen += [one["id"] for one in reply.json["appointments"]]
        path = reply.headers["Link"].split(">")[0][1:] if reply.json["next"] else ""
    assert seen == ["v4", "v3", "v2", "v1", "v0"]
    assert (await api.get("/v1/appointments?cursor=bm9uZQ")).problem == "no_such_place"


async def test_the_same_key_and_body_get_the_same_answer(api: Api, database: Database) -> None:
    key = str(uuid4())
    first = await api.post("/v1/subscriptions", {"url": "http://127.0.0.1:9/x"}, Idempotency_Key=key)
    again = await api.post("/v1/subscriptions", {"url": "http://127.0.0.1:9/x"}, Idempotency_Key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await api.post("/v1/subscriptions", {"url": "http://127.0.0.1:9/y"}, Idempotency_Key=key)
    assert (other.status, other.problem) == (422, "key_reused")
    assert (await api.post("/v1/subscriptions", {"url": "http://127.0.0.1:9/x"}, Idempotency_Key="me")).status == 422
    async with database.connection() as connection:
        kept = await connection.fetchval("SELECT box FROM idempotency")
    assert b"whsec_" not in kept, "answers are sealed"


async def test_an_answer_is_forgotten_after_a_day(api: Api, database: Database, clock: ManualClock) -> None:
    key = str(uuid4())
    await api.post("/v1/validations", {"items": [{"kind": "service", "id": "OV-EST"}]}, Idempotency_Key=key)
    clock.advance(timedelta(hours=25))
    other = await api.post("/v1/validations", {"items": [{"kind": "service", "id": "OTHER"}]}, Idempotency_Key=key)
    assert other.status == 200, "the key is free again"


async def test_a_request_under_way_is_not_begun_twice(api: Api, database: Database) -> None:
    key = str(uuid4())
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(1)")
        await connection.execute("LOCK TABLE audit IN EXCLUSIVE MODE")
        first = asyncio.create_task(api.post("/v1/invoices", VISIT, Idempotency_Key=key))
        async with asyncio.timeout(10):
            while not await connection.fetchval("SELECT count(*) FROM idempotency"):
                await asyncio.sleep(0.02)
        second = await api.post("/v1/invoices", VISIT, Idempotency_Key=key)
        assert (second.status, second.problem) == (409, "under_way")
    assert (await first).status == 202
    assert (await api.post("/v1/invoices", VISIT, Idempotency_Key=key)).headers["Idempotent-Replayed"] == "true"


async def test_master_data_is_validated(api: Api) -> None:
    asked = [("patient", "p1"), ("patient", "p9"), ("facility", "MAIN"), ("service", "NOSUCH"), ("payer", "o1")]
    reply = await api.post("/v1/validations", {"items": [{"kind": kind, "id": name} for kind, name in asked]})
    assert [one["usable"] for one in reply.json["items"]] == [True, False, True, False, True]
    assert reply.json["items"][1]["reason"] == "no system has sent this record"


async def test_events_are_read_since_a_cursor(api: Api, database: Database, nats_server: EmbeddedNats) -> None:
    start = (await api.get("/v1/events?limit=200")).json
    while start["events"]:
        start = (await api.get(f"/v1/events?limit=200&cursor={start['next']}")).json
    relay = asyncio.create_task(Relay(database, nats_server.url).run())
    try:
        await api.post("/v1/invoices", VISIT)
        async with asyncio.timeout(20):
            while not (page := (await api.get(f"/v1/events?cursor={start['next']}")).json)["events"]:
                await asyncio.sleep(0.05)
    finally:
        relay.cancel()
    (event,) = page["events"]
    assert (event["type"], event["specversion"]) == ("suture.appointment.completed.v1", "1.0")
    assert event["data"]["visit"]["appointment"] == "v1"
    after = (await api.get(f"/v1/events?cursor={page['next']}")).json
    assert (after["events"], after["next"]) == ([], page["next"])
    other = (await api.get(f"/v1/events?cursor={start['next']}&type=suture.invoice.posted.v1")).json
    assert other["events"] == []


async def test_an_event_that_was_never_recorded_is_not_read(
    api: Api, database: Database, nats_server: EmbeddedNats
) -> None:
    start = (await api.get("/v1/events?limit=200")).json
    while start["events"]:
        start = (await api.get(f"/v1/events?limit=200&cursor={start['next']}")).json
    now = datetime(2026, 3, 2, 15, tzinfo=UTC)
    forged = Event(
        id=fact_id("forged", "1"),
        type="suture.appointment.arrived.v1",
        source="suture/test",
        subject="Appointment/forged",
        organisation="test-clinics",
        facility=None,
        occurred_at=now,
        recorded_at=now,
        correlation_id="forged",
        data=msgspec.Raw(b'{"appointment":"forged"}'),
    )
    true = msgspec.structs.replace(forged, id=fact_id("forged", "2"), correlation_id="true")
    async with database.transaction() as connection:
        await Recorder([]).record(connection, [true])
    client = await connect(nats_server.url, "test")
    try:
        stream = await ensure_stream(client)
        for event in (forged, true):
            await stream.publish(event.type, encode(event))
    finally:
        await client.close()
    page = (await api.get(f"/v1/events?limit=1&cursor={start['next']}")).json
    assert [event["id"] for event in page["events"]] == [str(true.id)]


async def test_every_answer_names_its_version_and_what_is_not_there_is_a_problem(api: Api) -> None:
    reply = await api.get("/v1/nothing")
    assert (reply.status, reply.problem, reply.headers["Suture-Version"]) == (404, "not_found", "2026-11-01")
    reply = await api.call("DELETE", "/v1/appointments")
    assert (reply.status, reply.problem, reply.headers["Allow"]) == (405, "method_not_allowed", "GET")


def test_a_deprecated_route_says_since_when_and_until_when() -> None:
    old = Deprecation(
        method="GET",
        path="/v1/visits/{id}",
        since=datetime(2026, 11, 1, tzinfo=UTC),
        sunset=datetime(2027, 11, 1, tzinfo=UTC),
        link="https://docs.example/visits",
    )
    found = deprecation_of([old], "GET", "/v1/visits/7")
    assert found is not None
    assert found.headers() == {
        "Deprecation": "@1793491200",
        "Sunset": "Mon, 01 Nov 2027 00:00:00 GMT",
        "Link": '<https://docs.example/visits>; rel="deprecation"',
    }
    assert deprecation_of([old], "POST", "/v1/visits/7") is None
    assert deprecation_of([old], "GET", "/v1/visits/7/lines") is None


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
async def test_the_api_reads_a_body_only_of_who_is_known_and_no_further_than_it_takes(api: Api, method: str) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 64 * 1024
            yield b"a" * (64 * 1024)

    async with aiohttp.ClientSession() as http:
        for token, status in (("sut_nobody", 401), (api.token, 413)):
            told = {"Authorization": f"Bearer {token}"}
            async with http.request(method, f"{api.url}/v1/subscriptions", data=endless(), headers=told) as answer:
                assert answer.status == status
        announced = {"Authorization": f"Bearer {api.token}", "Content-Length": str(LARGEST_BODY + 1)}
        async with http.request(
            method, f"{api.url}/v1/subscriptions", data=b"a" * (LARGEST_BODY + 1), headers=announced
        ) as answer:
            assert answer.status == 413


async def test_what_needs_a_second_person_is_refused_to_a_client(
    tmp_path: Path,
    database: Database,
    vault: Vault,
    nats_server: EmbeddedNats,
    catalogue: Catalogue,
    clock: ManualClock,
) -> None:
    four_eyes = ("subscription.add", "subscription.disable", "visit.bill")
    watched = msgspec.structs.replace(catalogue, four_eyes=four_eyes)
    async with serving_api(tmp_path, database, vault, nats_server.url, watched, clock) as api:
        number = "00000000-0000-0000-0000-000000000000"
        for method, path, body, act in (
            ("POST", "/v1/subscriptions", {"url": "https://example.org/hook", "types": []}, "subscription.add"),
            ("PATCH", f"/v1/subscriptions/{number}", {"state": "disabled"}, "subscription.disable"),
            ("POST", "/v1/invoices", VISIT, "visit.bill"),
        ):
            answer = await api.call(method, path, body)
            assert (answer.status, answer.json["detail"].partition(":")[0]) == (
                409,
                f"{act} needs a second person's approval",
            )
