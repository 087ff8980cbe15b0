"""The scheduling system's doors: FHIR R4 REST (https://hl7.org/fhir/R4/http.html) and the player's controls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.simulators.api import RequireBearer, json_response
from suture.simulators.clinic.day import ClinicDay
from suture.simulators.faults import Faults
from suture.simulators.observed import observed_route
from suture.simulators.scheduling.player import Player
from suture.simulators.scheduling.register import Register, to_json
from suture.simulators.webhooks import WebhookSender, WebhookTarget

PAGE = 50
LARGEST_PAGE = 500


class Start(msgspec.Struct):
    """How long the day lasts, in seconds; 0 is as fast as notices are accepted."""

    duration_s: float = 0


def create_app(day: ClinicDay, *, token: str, webhook: WebhookTarget, faults: Faults | None = None) -> Starlette:
    """A scheduling system that knows `day` and tells `webhook` what happens once ``/control/start`` is called."""
    register = Register(day)
    sender = WebhookSender(webhook, faults=faults)
    player = Player(day, register, sender)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await player.stop()
        await sender.close()

    return Starlette(
        routes=[*_fhir_routes(register), *_control_routes(player), observed_route(register.journal)],
        middleware=[Middleware(RequireBearer, token=token, prefix="/fhir", refusal=outcome("login", "Token refused"))],
        lifespan=lifespan,
    )


def outcome(code: str, text: str) -> dict[str, Any]:
    """A FHIR R4 OperationOutcome; `code` is from the IssueType value set."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _fhir_routes(register: Register) -> list[Route]:
    async def metadata(_: Request) -> Response:
        return _fhir(_capability_statement())

    async def search(request: Request) -> Response:
        try:
            count = min(int(request.query_params.get("_count", PAGE)), LARGEST_PAGE)
            offset = int(request.query_params.get("_offset", 0))
        except ValueError:
            return _fhir(outcome("invalid", "_count and _offset are whole numbers"), 400)
        if count < 0 or offset < 0:
            return _fhir(outcome("invalid", "_count and _offset are not negative"), 400)
        page, total = register.appointments(offset, count)
        return _fhir(_searchset(request, page, total, offset, count))

    async def read(request: Request) -> Response:
        kind, record_id = request.path_params["kind"], request.path_params["record_id"]
        resource = register.read(kind, record_id)
        if resource is None:
            return _fhir(outcome("not-found", f"{kind}/{record_id} is not known"), 404)
        return _fhir(resource)

    async def unknown(request: Request) -> Response:
        return _fhir(outcome("not-supported", f"{request.method} {request.url.path} is not offered"), 404)

    return [
        Route("/fhir/metadata", metadata),
        Route("/fhir/Appointment", search),
        Route("/fhir/{kind}/{record_id}", read),
        Route("/fhir/{rest:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


def _control_routes(player: Player) -> list[Route]:
    async def start(request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body() or b"{}", type=Start)
        except msgspec.DecodeError as error:
            return json_response({"error": {"code": "invalid", "message": str(error)}}, 422)
        began = player.start(wanted.duration_s)
        return json_response(player.progress(), 202 if began else 200)

    async def progress(_: Request) -> Response:
        return json_response(player.progress())

    return [Route("/control/start", start, methods=["POST"]), Route("/control/progress", progress)]


def _fhir(tree: Any, status: int = 200) -> Response:
    return Response(to_json(tree), status, media_type="application/fhir+json")


def _searchset(request: Request, page: list[Any], total: int, offset: int, count: int) -> dict[str, Any]:
    base = str(request.url.replace(query=""))
    links = [{"relation": "self", "url": str(request.url)}]
    if count and offset + count < total:
        links.append({"relation": "next", "url": f"{base}?_count={count}&_offset={offset + count}"})
    entries = [
        {"fullUrl": f"{base}/{resource['id']}", "resource": resource, "search": {"mode": "match"}} for resource in page
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    # FHIR allows no empty arrays.
    return bundle | ({"entry": entries} if entries else {})


def _capability_statement() -> dict[str, Any]:
    def resource(kind: str, *interactions: str) -> dict[str, Any]:
        return {"type": kind, "interaction": [{"code": code} for code in interactions]}

    kinds = ("Patient", "Practitioner", "Location", "Organization", "Encounter")
    offered = [resource("Appointment", "read", "search-type"), *(resource(kind, "read") for kind in kinds)]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2025-01-01",
        "kind": "instance",
        "implementation": {"description": "Suture's simulated scheduling system"},
        "software": {"name": "Suture scheduling simulator", "version": "1"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": offered}],
    }
