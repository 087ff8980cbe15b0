"""`FhirScheduling` keeps the port's promises against the scheduling simulator over real sockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import aiohttp
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from suture.canonical.records import JournalFact
from suture.catalogue import Catalogue
from suture.catalogue.days import Days
from suture.catalogue.model import Facility
from suture.connectors.port import Scheduling, Span
from suture.connectors.scheduling.fhir import FhirScheduling
from suture.core.failure import Failure, Fatal, Rejected, Retriable
from suture_lab.conformance import SchedulingConformance
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.faults import PRESETS, FaultInjection, FaultPlan, Faults
from suture_lab.simulators.scheduling import create_app
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookTarget

DAY = generate(seed=1, appointments=60, day=date(2025, 3, 3))
TOKEN = "secret"
STATUS = {"completed": "fulfilled", "cancelled": "cancelled", "noshow": "noshow"}


class Subscriber:
    """Takes the system's webhooks."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.bodies: list[Any] = []

    async def take(self, request: Request) -> Response:
        self.ids.append(request.headers["webhook-id"])
        self.bodies.append(await request.json())
        return Response(status_code=202)


class Bench:
    """A scheduling system with its subscriber, and a connector to it."""

    def __init__(self, url: str, scheduling: FhirScheduling, subscriber: Subscriber) -> None:
        self.url = url
        self.scheduling = scheduling
        self.subscriber = subscriber

    async def call(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, self.url + path, json=body) as response,
        ):
            return response.status, msgspec.json.decode(await response.read())

    async def play(self, duration: float = 0) -> Any:
        await self.call("POST", "/control/start", {"duration_s": duration})
        while not (progress := (await self.call("GET", "/control/progress"))[1])["done"]:
            await asyncio.sleep(0.01)
        return progress

    async def facts(self) -> list[JournalFact]:
        return [fact async for fact in self.scheduling.facts()]


@asynccontextmanager
async def bench(plan: FaultPlan = PRESETS["none"], *, token: str = TOKEN) -> AsyncIterator[Bench]:
    subscriber, faults = Subscriber(), Faults(plan)
    async with serving(Starlette(routes=[Route("/hook", subscriber.take, methods=["POST"])])) as hook_url:
        target = WebhookTarget(f"{hook_url}/hook", "whsec_c2VjcmV0c2VjcmV0")
        app = create_app(DAY, token=TOKEN, webhook=target, faults=faults)
        async with serving(FaultInjection(app, faults)) as url:
            scheduling = FhirScheduling("scheduling", f"{url}/fhir", token)
            try:
                yield Bench(url, scheduling, subscriber)
            finally:
                await scheduling.close()


class Played:
    """The clinic's day, over."""

    held: ClassVar = {plan.id: STATUS[plan.story[-1]] for plan in DAY.appointments}
    day = DAY.day

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self, *, credential: str | None = None, url: str | None = None) -> Scheduling:
        return FhirScheduling("scheduling", f"{url or self._url}/fhir", credential or TOKEN)


class TestFhirScheduling(SchedulingConformance):
    @pytest.fixture
    async def clinic(self) -> AsyncIterator[Played]:
        async with bench() as it:
            await it.play()
            yield Played(it.url)


async def test_before_the_day_there_are_no_facts() -> None:
    async with bench() as it:
        assert await it.facts() == []
        assert (await it.scheduling.health()).version == "Suture scheduling simulator 1 (FHIR 4.0.1)"


async def test_facts_are_all_appointments_over_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suture.connectors.scheduling.fhir.PAGE", "7")
    async with bench() as it:
        await it.play()
        facts = await it.facts()
        assert {fact.key: fact.state for fact in facts} == {
            plan.id: STATUS[plan.story[-1]] for plan in DAY.appointments
        }
        assert len(facts) == len(DAY.appointments)


async def test_every_step_is_told_and_counted() -> None:
    steps = Counter(step for plan in DAY.appointments for step in plan.story)
    async with bench() as it:
        progress = await it.play()
        told = Counter(body["type"].removeprefix("appointment.") for body in it.subscriber.bodies)
    assert told == steps
    assert progress["no_show"] == steps["noshow"]
    assert {name: progress[name] for name in ("planned", "booked", "completed", "cancelled")} == {
        "planned": len(DAY.appointments),
        "booked": steps["booked"],
        "completed": steps["completed"],
        "cancelled": steps["cancelled"],
    }
    assert progress["webhooks"] == {"queued": 0, "delivered": steps.total(), "retried": 0, "refused": 0}


async def test_a_day_is_played_once_and_in_its_time() -> None:
    async with bench() as it:
        began = asyncio.get_running_loop().time()
        await it.call("POST", "/control/start", {"duration_s": 0.5})
        assert (await it.call("POST", "/control/start", {"duration_s": 0}))[0] == 200
        await it.play()
        assert asyncio.get_running_loop().time() - began > 0.4
        assert len(it.subscriber.ids) == len(set(it.subscriber.ids))


async def test_a_storm_loses_no_notice_and_no_fact() -> None:
    async with bench(PRESETS["storm"]) as it:
        await it.play()
        assert len(it.subscriber.ids) > len(set(it.subscriber.ids)) == sum(len(plan.story) for plan in DAY.appointments)
        assert len(await it.facts()) == len(DAY.appointments)


async def test_reading_single_resources() -> None:
    async with bench() as it:
        await it.play()
        plan = next(plan for plan in DAY.appointments if plan.story[-1] == "completed")
        for reference in (
            f"Appointment/{plan.id}",
            f"Patient/{plan.patient}",
            f"Practitioner/{plan.practitioner}",
            f"Location/{plan.facility}",
            f"Encounter/{plan.id}",
        ):
            status, resource = await it.call("GET", f"/fhir/{reference}")
            assert (status, f"{resource['resourceType']}/{resource['id']}") == (200, reference)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir/Patient/nobody", 404, "not-found"),
        ("GET", "/fhir/Medication", 404, "not-supported"),
        ("POST", "/fhir/Patient/a/b", 404, "not-supported"),
        ("GET", "/fhir/Appointment?_count=many", 400, "invalid"),
        ("GET", "/fhir/Appointment?_offset=-1", 400, "invalid"),
    ],
)
async def test_errors_are_operation_outcomes(method: str, path: str, status: int, code: str) -> None:
    async with bench() as it:
        given, outcome = await it.call(method, path)
        assert (given, outcome["resourceType"], outcome["issue"][0]["code"]) == (status, "OperationOutcome", code)
        assert (await it.call(method, path, token="wrong"))[0] == 401


def page(**changes: Any) -> dict[str, Any]:
    appointment = {"resourceType": "Appointment", "id": "a", "status": "booked"}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": appointment}]} | changes


@pytest.mark.parametrize(
    ("status", "body", "failure", "code"),
    [
        (500, {}, Retriable, "server_error"),
        (200, [], Retriable, "unreadable_answer"),
        (403, {}, Fatal, "not_permitted"),
        (404, {}, Rejected, "refused_404"),
        (200, page(entry=[{"resource": {"resourceType": "Appointment"}}]), Rejected, "not_fhir"),
        (200, page(link=[{"relation": "next", "url": "http://elsewhere.example/fhir"}]), Fatal, "foreign_link"),
    ],
)
async def test_odd_answers(
    status: int, body: Any, failure: type[Failure], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suture.connectors.read_retry.ATTEMPTS", 1)

    async def answer(_: Request) -> Response:
        return JSONResponse(body, status)

    async with serving(Starlette(routes=[Route("/fhir/Appointment", answer)])) as url:
        scheduling = FhirScheduling("scheduling", f"{url}/fhir", TOKEN)
        with pytest.raises(failure) as caught:
            _ = [fact async for fact in scheduling.facts()]
        assert caught.value.code == code
        await scheduling.close()


async def test_advice_among_the_results_is_passed_over() -> None:
    advice = {"resource": {"resourceType": "OperationOutcome", "issue": []}}

    async def answer(_: Request) -> Response:
        return JSONResponse(page(entry=[*page()["entry"], advice]))

    async with serving(Starlette(routes=[Route("/fhir/Appointment", answer)])) as url:
        scheduling = FhirScheduling("scheduling", f"{url}/fhir", TOKEN)
        assert [fact.key async for fact in scheduling.facts()] == ["a"]
        await scheduling.close()


async def test_an_appointment_is_of_its_facilitys_day_and_a_span_holds_those_that_began_the_evening_before(
    catalogue: Catalogue,
) -> None:
    asked: list[str] = []
    night = {"start": "2026-11-01T09:30:00Z", "end": "2026-11-01T10:30:00Z"}  # over midnight in Honolulu
    there = [{"actor": {"reference": "Location/NORTH"}}]
    appointment = {"resourceType": "Appointment", "id": "a", "status": "fulfilled", "participant": there, **night}

    async def answer(request: Request) -> Response:
        asked.extend(request.query_params.getlist("date"))
        return JSONResponse(page(entry=[{"resource": appointment}]))

    north = Facility(code="NORTH", name="North", timezone="Pacific/Honolulu")
    days = Days(msgspec.structs.replace(catalogue, facilities=(*catalogue.facilities, north)))
    day = date(2026, 11, 1)
    async with serving(Starlette(routes=[Route("/fhir/Appointment", answer)])) as url:
        scheduling = FhirScheduling("scheduling", f"{url}/fhir", TOKEN, days=days)
        assert [fact.day async for fact in scheduling.facts(Span(day, day))] == [day]
        await scheduling.close()
    begin, end = (datetime.fromisoformat(bound[2:]) for bound in asked)
    assert begin <= datetime.fromisoformat(night["start"]) < end
    assert end == datetime(2026, 11, 2, 10, tzinfo=UTC), "the day ends last in Honolulu"


PLACES = {
    "its identifier": ({"7": {"identifier": [{"value": "NORTH"}]}}, "NORTH"),
    "what it is part of": (
        {"7": {"partOf": {"reference": "Location/8"}}, "8": {"identifier": [{"value": "NORTH"}]}},
        "NORTH",
    ),
    "its id, where it has no identifier": ({"7": {}}, None),
    "an identifier that nobody knows": ({"7": {"identifier": [{"value": "ELSEWHERE"}]}}, None),
    "nothing, where it can't be read": ({}, None),
}


@pytest.mark.parametrize("case", PLACES)
async def test_a_place_is_known_as_it_is_where_deliveries_are_read(case: str) -> None:
    places, facility = PLACES[case]
    asked: list[str] = []
    there = [{"actor": {"reference": "Location/7/_history/2"}}]
    appointments = [
        {"resourceType": "Appointment", "id": one, "status": "booked", "participant": there} for one in "ab"
    ]

    async def answer(_: Request) -> Response:
        return JSONResponse(page(entry=[{"resource": one} for one in appointments]))

    async def place(request: Request) -> Response:
        asked.append(request.path_params["id"])
        found = places.get(request.path_params["id"])
        return JSONResponse({"resourceType": "Location", **(found or {})}, 404 if found is None else 200)

    routes = [Route("/fhir/Appointment", answer), Route("/fhir/Location/{id}", place)]
    async with serving(Starlette(routes=routes)) as url:
        scheduling = FhirScheduling("scheduling", f"{url}/fhir", TOKEN, facilities=("NORTH", "SOUTH"))
        assert [fact.facility async for fact in scheduling.facts()] == [facility, facility]
        await scheduling.close()
    assert len(asked) == len(set(asked)), "each place is read once, not once an appointment"


async def test_a_visit_is_fetched_with_who_came_and_where_it_took_place() -> None:
    """What a webhook's delivery says of it too: the Encounter's participants and places, and the payer's records, as
    far as references lead to this server."""
    records = {
        "Encounter/e": {
            "status": "finished",
            "appointment": [{"reference": "Appointment/a"}],
            "participant": [{"individual": {"reference": "Practitioner/locum"}}],
            "location": [{"location": {"reference": "Location/room"}}],
            "account": [{"display": "Motor"}, {"reference": "#in"}, {"reference": "https://else.example/Account/x"}],
        },
        "Practitioner/locum": {"name": [{"text": "Dr. Locum"}]},
        "Location/room": {"partOf": {"reference": "Location/house"}},
        "Location/house": {"identifier": [{"value": "NORTH"}]},
    }
    asks = {
        ("_revinclude", "Encounter:appointment"): "Encounter/e",
        ("_include:iterate", "Encounter:participant"): "Practitioner/locum",
        ("_include:iterate", "Encounter:location"): "Location/room",
        ("_include:iterate", "Location:partof"): "Location/house",
    }

    async def answer(request: Request) -> Response:
        told = [records[asks[one]] | _named(asks[one]) for one in request.query_params.multi_items() if one in asks]
        first = _named("Appointment/a") | {"status": "fulfilled", "start": "2026-03-02T14:00:00Z"}
        return JSONResponse(page(entry=[{"resource": one} for one in (first, *told)]))

    async with serving(Starlette(routes=[Route("/fhir/Appointment", answer)])) as url:
        scheduling = FhirScheduling("scheduling", f"{url}/fhir", TOKEN)
        told = msgspec.json.decode(await scheduling.refetch("a") or b"")
        await scheduling.close()
    found = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in told["data"]["entry"]}
    assert found == {"Appointment/a", *records}


def _named(reference: str) -> dict[str, str]:
    kind, _, identity = reference.partition("/")
    return {"resourceType": kind, "id": identity}
