"""The OpenAPI document, from the routes themselves."""

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from suture.commands.clients import SCOPES
from suture.gateway.api.guard import VERSION
from suture.gateway.api.problems import MEDIA_TYPE, Problem

_PROBLEMS = {
    "401": "The key is missing or not active",
    "403": "The client lacks the scope",
    "404": "The resource does not exist, or belongs to another client",
    "409": "The current state does not allow it, or a request with the same Idempotency-Key is in progress",
    "413": "The body is too large",
    "422": "The request doesn't fit its schema, or its Idempotency-Key was used for another",
    "429": "Too many calls; Retry-After says when to call again",
    "503": "A service behind the API is unavailable; try again",
}
_INTRODUCTION = """\
What other systems need from Suture immediately: patients, appointments and their status, billing of visits, payments, \
master data, events and webhooks.

Authenticate by `Authorization: Bearer sut_…`; a client has scopes and a number of calls a minute. Errors are RFC 9457 \
problems. A POST may carry an `Idempotency-Key` (a UUID): the same request again gets the same answer for a day. Lists \
are paged by `cursor`; `next` in the body and the header `Link` say where to go on.
"""
_HEADERS: dict[str, Any] = {
    "Suture-Version": {"description": "The API's version, a date", "schema": {"type": "string"}},
}


def openapi_document(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    document = get_openapi(
        title="Suture",
        version=VERSION,
        openapi_version="3.1.0",
        description=_INTRODUCTION,
        routes=routes,
        servers=[{"url": "/"}],
    )
    scopes = _scopes(routes)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _problem_schema(components["schemas"])
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": _scope_list()}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, scopes.get((path, method.upper()), ""))
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    return document


def _complete(operation: dict[str, Any], scope: str) -> None:
    """Who may call it, and every problem that it may answer."""
    operation["security"] = [{"key": []}]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "Idempotency-Key":  # a header that is there is never null
            parameter["schema"] = {"type": "string", "format": "uuid"}
    operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`".strip()
    for answer in operation["responses"].values():
        answer.setdefault("headers", {}).update(_HEADERS)
    for status, description in _PROBLEMS.items():
        operation["responses"][status] = {
            "description": description,
            "headers": _HEADERS,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }


def _scopes(routes: Sequence[BaseRoute]) -> dict[tuple[str, str], str]:
    """The scope that each route asks for."""
    found: dict[tuple[str, str], str] = {}
    for route in routes:
        dependencies = getattr(getattr(route, "dependant", None), "dependencies", ())
        for scope in (scope for one in dependencies if (scope := getattr(one.call, "scope", ""))):
            for method in getattr(route, "methods", ()):
                found[getattr(route, "path", ""), method] = scope
    return found


def _problem_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema


def _scope_list() -> str:
    return "A client's key. Scopes: " + "; ".join(f"`{name}` ({words})" for name, words in SCOPES.items()) + "."
