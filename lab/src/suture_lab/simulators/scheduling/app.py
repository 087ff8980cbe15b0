"""The scheduling system's doors: FHIR R4 REST (https://hl7.org/fhir/R4/http.html) and the player's controls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture_lab.simulators.api import RequireBearer, json_response
from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.faults import Faults
from suture_lab.simulators.observed import observed_route
from suture_lab.simulators.scheduling.player import Player
from suture_lab.simulators.scheduling.register import Register, Search, to_json
from suture_lab.simulators.webhooks import WebhookSender, WebhookTarget

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
        routes=[*_fhir_routes(register), *_control_routes(player, register), observed_route(register.journal)],
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
        try:
            wanted = _wanted(request)
        except ValueError:
            return _fhir(outcome("invalid", "date is ge or lt with an instant"), 400)
        page, total = register.appointments(wanted, offset, count)
        with_others = any(name.startswith(("_include", "_revinclude")) for name in request.query_params)
        included = [other for one in page for other in register.about(one["id"])] if with_others else []
        return _fhir(_searchset(request, page, total, (offset, count), included))

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


class LostAppointment(msgspec.Struct, frozen=True):
    """Which appointment somebody deletes."""

    appointment: str


def _control_routes(player: Player, register: Register) -> list[Route]:
    async def lose(request: Request) -> Response:
        try:
            register.lose(msgspec.json.decode(await request.body(), type=LostAppointment).appointment)
        except msgspec.DecodeError as error:
            return json_response({"error": {"code": "invalid", "message": str(error)}}, 422)
        return json_response({})

    async def start(request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body() or b"{}", type=Start)
        except msgspec.DecodeError as error:
            return json_response({"error": {"code": "invalid", "message": str(error)}}, 422)
        began = player.start(wanted.duration_s)
        return json_response(player.progress(), 202 if began else 200)

    async def progress(_: Request) -> Response:
        return json_response(player.progress())

    return [
        Route("/control/start", start, methods=["POST"]),
        Route("/control/progress", progress),
        Route("/control/lose", lose, methods=["POST"]),
    ]


def _fhir(tree: Any, status: int = 200) -> Response:
    return Response(to_json(tree), status, media_type="application/fhir+json")


def _wanted(request: Request) -> Search:
    """The search's parameters. Raises `ValueError` where a date can't be read."""
    ids = request.query_params.get("_id")
    bounds = {told[:2]: datetime.fromisoformat(told[2:]) for told in request.query_params.getlist("date")}
    if bounds.keys() - {"ge", "lt"} or any(bound.tzinfo is None for bound in bounds.values()):
        raise ValueError("date")
    return Search(tuple(ids.split(",")) if ids is not None else None, bounds.get("ge"), bounds.get("lt"))


def _searchset(
    request: Request, page: list[Any], total: int, window: tuple[int, int], included: list[Any]
) -> dict[str, Any]:
    offset, count = window
    base = str(request.url.replace(query=""))
    links = [{"relation": "self", "url": str(request.url)}]
    if count and offset + count < total:
        following = request.url.include_query_params(_count=count, _offset=offset + count)
        links.append({"relation": "next", "url": str(following)})
    entries = [
        {"fullUrl": f"{base}/{resource['id']}", "resource": resource, "search": {"mode": "match"}} for resource in page
    ]
    entries += [{"resource": resource, "search": {"mode": "include"}} for resource in included]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    # FHIR allows no empty arrays.
    return bundle | ({"entry": entries} if entries else {})


def _capability_statement() -> dict[str, Any]:
    def resource(kind: str, *interactions: str) -> dict[str, Any]:
        return {"type": kind, "interaction": [{"code": code} for code in interactions]}

    kinds = ("Patient", "Practitioner", "Location", "Organization", "Encounter", "Account", "Coverage")
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
