"""Problems as RFC 9457 has them: a stable type, a title, what to do. Nothing of a request's content is repeated."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from suture.acting.actor import NotPossible

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:suture:problem:"


class Place(BaseModel):
    """Where in a request something is wrong: a JSON pointer into the body, or the name of a parameter."""

    model_config = ConfigDict(extra="forbid")
    where: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. `type` is stable; `errors` are there where places in the request are meant."""

    model_config = ConfigDict(extra="forbid")
    type: Annotated[str, Field(examples=["urn:suture:problem:not_found"])]
    title: str
    status: int
    detail: str
    errors: list[Place] | None = None


class ApiProblem(Exception):
    """Answered as a problem. `code` ends its type."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


def not_found(what: str) -> ApiProblem:
    return ApiProblem(404, "not_found", f"There is no {what}.")


def response(problem: ApiProblem) -> Response:
    body: dict[str, Any] = {
        "type": _TYPE + problem.code,
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"where": where, "detail": detail} for where, detail in problem.errors]
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


_BY_STATUS = {
    422: ("invalid", "The body can't be read as JSON."),
    404: ("not_found", "There is no resource at this address."),
    405: ("method_not_allowed", "This address does not support this method; Allow lists the supported ones."),
}


async def on_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiProblem):
        raise error
    return response(error)


async def on_refused(_: Request, error: Exception) -> Response:
    """What can't be done as things are, and why."""
    if not isinstance(error, NotPossible):
        raise error
    return response(ApiProblem(409, "not_possible", str(error)))


async def on_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    if not isinstance(error, HTTPException):
        raise error
    status = 422 if error.status_code == 400 else error.status_code
    code, detail = _BY_STATUS.get(status, ("refused", "The request can't be served."))
    headers = dict(error.headers or {}) | ({"Allow": _allowed(request)} if status == 405 else {})
    return response(ApiProblem(status, code, detail, headers=headers))


def _allowed(request: Request) -> str:
    """Every method that some route at this address takes: the framework names only the first one's."""
    routes = [one for one in request.app.state.routes if one.path_regex.match(request.url.path)]
    return ", ".join(sorted({method for one in routes for method in one.methods or ()}))


async def on_invalid(_: Request, error: Exception) -> Response:
    """What doesn't fit the schema, place by place; what was sent is not repeated."""
    if not isinstance(error, RequestValidationError):
        raise error
    places = [(_where(one["loc"]), str(one["msg"])) for one in error.errors()]
    return response(ApiProblem(422, "invalid", "The request doesn't fit its schema.", errors=places))


def _where(location: Sequence[str | int]) -> str:
    kind, *rest = location
    if kind == "body":
        return "/" + "/".join(map(str, rest))
    return f"{kind} {'/'.join(map(str, rest))}"
