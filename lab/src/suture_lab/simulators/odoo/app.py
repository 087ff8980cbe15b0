"""The simulator's doors: JSON-2 (19), JSON-RPC and the version, with the answers that the real ones give."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.core.clock import Clock, SystemClock
from suture_lab.simulators.api import json_response
from suture_lab.simulators.observed import observed_route
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.errors import (
    AccessDenied,
    AccessError,
    NoDatabase,
    NotFound,
    OdooUserError,
    PythonError,
    ServerError,
    Unauthorized,
    Unprocessable,
)
from suture_lab.simulators.odoo.hints import HintCaller, HintRule
from suture_lab.simulators.odoo.numbers import numbered
from suture_lab.simulators.odoo.seed import COMPANIES, seed
from suture_lab.simulators.odoo.server import CannotBind, Server

_DRAFTING_S = 0.002
"""How long a transaction that drafts entries takes, in which another one on 17 doesn't see its numbers."""
_PERSON = "a person"
_HINTED = ("account.move", "res.partner", "stock.picking")


def create_app(
    *,
    database: str = "suture",
    version: int = 19,
    api_keys: Mapping[str, str],
    clock: Clock | None = None,
    companies: Sequence[str] = COMPANIES,
    lacking: Mapping[str, Collection[str]] | None = None,
    webhook: str | None = None,
    connects: bool = False,
) -> Starlette:
    """A fresh simulated Odoo of `version` (17 or 19). `api_keys` gives the login of each key's user.

    Each of `companies` has books and a warehouse of its own. `lacking` are the rights that nobody has, operations
    (read, write, create, unlink) by model. `webhook` is called after what happens to documents and contacts (`hints`).
    `connects` says that Suture's own module is installed.
    """
    db = SimulatedDatabase(database, version, api_keys, clock or SystemClock())
    db.lacking, db.connects = lacking or {}, connects
    seed(db, set(api_keys.values()), companies)
    for model in _HINTED if webhook else ():
        db.hints.add(HintRule(webhook or "", model))
    server = Server(db)
    doors = Doors(server)
    routes = [
        Route("/jsonrpc", doors.json_rpc, methods=["POST"]),
        Route("/web/webclient/version_info", doors.version_info, methods=["POST"]),
        Route("/control/standing", doors.standing),
        Route("/control/automation", doors.automation, methods=["POST"]),
        Route("/control/lacking", doors.lacking, methods=["POST"]),
        Route("/control/by_hand", doors.by_hand, methods=["POST"]),
        observed_route(server.witness.journal),
    ]
    if version >= 19:
        routes.append(Route("/json/2/{model}/{method}", doors.json_2, methods=["POST"]))
    return Starlette(routes=routes, lifespan=doors.open)


class ByHand(msgspec.Struct, frozen=True):
    """What a person does at Odoo's own screens."""

    model: str
    method: str
    ids: list[int] | None = None
    named: dict[str, Any] = {}


class Doors:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._db = server.db
        self._caller = HintCaller()

    @asynccontextmanager
    async def open(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self._caller.close()

    async def version_info(self, request: Request) -> Response:
        return _json({"jsonrpc": "2.0", "id": None, "result": self._version()})

    async def standing(self, _: Request) -> Response:
        return json_response(list(self._server.witness.standing()))

    async def automation(self, request: Request) -> Response:
        """Register a rule: ``{"url": …, "model": …}``."""
        self._db.hints.add(msgspec.json.decode(await request.body(), type=HintRule))
        return json_response({"registered": True})

    async def lacking(self, request: Request) -> Response:
        """From now on nobody has these rights: ``{model: [operation, …]}``; an empty object gives all back."""
        self._db.lacking = msgspec.json.decode(await request.body(), type=dict[str, list[str]])
        return json_response({"lacking": dict(self._db.lacking)})

    async def by_hand(self, request: Request) -> Response:
        """What a person does, who isn't the integration: ``{"model": …, "method": …, "ids": …, "named": {…}}``."""
        told = msgspec.json.decode(await request.body(), type=ByHand)
        try:
            positional = [] if told.ids is None else [told.ids]
            result = self._server.run(self._person(), told.model, told.method, positional, dict(told.named))
            return json_response({"result": result})
        except ServerError as error:
            return json_response({"refused": error.message}, 422)
        finally:
            self._hint()

    def _person(self) -> int:
        if _PERSON not in self._db.users:
            row = {"name": _PERSON, "login": _PERSON, "company_id": 1, "company_ids": [1], "active": True}
            user = self._db.store.insert("res.users", {**row, "share": False, "lang": "en_US"})
            self._db.users[_PERSON] = user
            self._db.store.commit()
        return self._db.users[_PERSON]

    def _hint(self) -> None:
        for url, told in self._db.hints.take():
            self._caller.call(url, told)

    async def json_2(self, request: Request) -> Response:
        if not _is_json(request):
            return _page(415, "Unsupported Media Type")
        if request.headers.get("X-Odoo-Database", self._db.name) != self._db.name:
            return _page(404, "Not Found")
        try:
            arguments = msgspec.json.decode(await request.body() or b"{}")
            return _json(self._call_2(request, arguments))
        except ServerError as error:
            return _json(_described(error), error.status)
        finally:
            self._hint()

    def _call_2(self, request: Request, arguments: dict[str, Any]) -> Any:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        login = self._db.keys.get(key) if scheme.lower() == "bearer" else None
        if login is None:
            raise Unauthorized("Invalid apikey")
        model, method = request.path_params["model"], request.path_params["method"]
        if not self._server.has_model(model):
            raise NotFound(f"the model {model!r} does not exist")
        kind = self._kind(model, method, NotFound(f"The method '{model}.{method}' does not exist"))
        ids = arguments.pop("ids", None)
        if kind == "model" and ids:
            raise Unprocessable(f"cannot call {model}.{method} with ids")
        try:
            positional = [ids or []] if kind == "records" else []
            return self._server.run(self._db.users[login], model, method, positional, arguments)
        except CannotBind as error:
            raise Unprocessable(str(error)) from error

    async def json_rpc(self, request: Request) -> Response:
        if not _is_json(request):
            return _page(415 if self._db.version >= 19 else 400, "Bad Request")
        call = msgspec.json.decode(await request.body())
        answer = {"jsonrpc": "2.0", "id": call.get("id")}
        numbers = numbered(self._db)
        if self._db.version < 18 and _names_drafts(call["params"]["args"]):
            await asyncio.sleep(_DRAFTING_S)
        try:
            result = self._call_rpc(call["params"], numbers)
        except ServerError as error:
            code = 0 if self._db.version >= 18 else 200
            return _json({**answer, "error": {"code": code, "message": "Odoo Server Error", "data": _described(error)}})
        finally:
            self._hint()
        return _json(answer if result is None else {**answer, "result": result})

    def _call_rpc(self, parameters: dict[str, Any], numbers: frozenset[str]) -> Any:
        service, method, args = parameters["service"], parameters["method"], parameters["args"]
        if (service, method) == ("common", "version"):
            return self._version()
        if args[0] != self._db.name:
            raise NoDatabase(args[0])
        if (service, method) == ("common", "authenticate"):
            known = self._db.keys.get(args[2]) == args[1]
            return self._db.users[args[1]] if known else False
        return self._execute(args, numbers)

    def _execute(self, arguments: list[Any], numbers: frozenset[str]) -> Any:
        user, key, model, method, positional = arguments[1:6]
        named = arguments[6] if len(arguments) > 6 else {}
        if self._db.users.get(self._db.keys.get(key, "")) != user:
            raise AccessDenied("Access Denied")
        if not self._server.has_model(model):
            raise OdooUserError(f"Object {model} doesn't exist")
        self._kind(model, method, self._no_method(model, method))
        if method == "create" and not positional:
            raise PythonError("IndexError", "list index out of range")  # its values can't be named here
        try:
            return self._server.run(user, model, method, positional, dict(named), numbers=numbers)
        except CannotBind as error:
            raise PythonError("TypeError", f"BaseModel.{method}() {error}") from error

    def _kind(self, model: str, method: str, unknown: ServerError) -> str:
        kind = self._server.method_kind(model, method)
        if kind == "private":
            raise AccessError(f"Private methods (such as '{model}.{method}') cannot be called remotely.")
        if not kind:
            raise unknown
        return kind

    def _no_method(self, model: str, method: str) -> ServerError:
        if self._db.version >= 18:
            return PythonError("AttributeError", f"The method '{model}.{method}' does not exist")
        return PythonError("AttributeError", f"The method '{method}' does not exist on the model '{model}'")

    def _version(self) -> dict[str, Any]:
        serie = f"{self._db.version}.0"
        info = [self._db.version, 0, 0, "final", 0, ""]
        return {"server_version": serie, "server_version_info": info, "server_serie": serie, "protocol_version": 1}


def _names_drafts(arguments: Sequence[Any]) -> bool:
    return len(arguments) > 4 and arguments[3] == "account.move" and arguments[4] in ("load", "create")


def _described(error: ServerError) -> dict[str, Any]:
    debug = f"Traceback (most recent call last):\n  (simulated)\n{error.name}: {error.message}\n"
    return {
        "name": error.name,
        "message": error.message,
        "arguments": [error.message],
        "context": {},
        "debug": debug,
    }


def _is_json(request: Request) -> bool:
    return request.headers.get("Content-Type", "").startswith("application/json")


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _page(status: int, title: str) -> Response:
    page = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n"
    return Response(page, status, media_type="text/html")
