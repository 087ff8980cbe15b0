"""The API's application."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, Response

from suture.acting.actor import NotPossible
from suture.backbone.feed import Feed
from suture.bootstrap.composition import Foundation, command_context
from suture.gateway.api import problems
from suture.gateway.api.asynchronous import asyncapi_document
from suture.gateway.api.deprecations import DEPRECATED, Deprecation
from suture.gateway.api.describing import openapi_document
from suture.gateway.api.guard import ApiGuard, BodyLimit
from suture.gateway.api.problems import ApiProblem
from suture.gateway.api.routes import ROUTERS


def create_api(
    base: Foundation, routers: Sequence[APIRouter] = ROUTERS, deprecated: tuple[Deprecation, ...] = DEPRECATED
) -> FastAPI:
    """Everything under ``/v1`` but webhooks and hints, which have doors of their own."""
    api = FastAPI(title="Suture", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    api.state.context = command_context(base)
    api.state.feed = Feed(base.nats_url, base.settings.replicas)
    api.state.private_webhooks = base.settings.private_webhooks
    api.state.routes = [route for router in routers for route in router.routes]
    for router in routers:
        api.include_router(router)
    api.add_middleware(BaseHTTPMiddleware, dispatch=ApiGuard(base, deprecated))
    api.add_middleware(BodyLimit)
    api.add_exception_handler(ApiProblem, problems.on_problem)
    api.add_exception_handler(NotPossible, problems.on_refused)
    api.add_exception_handler(HTTPException, problems.on_http)
    api.add_exception_handler(RequestValidationError, problems.on_invalid)
    documents: dict[str, dict[str, Any]] = {
        "/v1/openapi.json": openapi_document(api.state.routes),
        "/v1/asyncapi.json": asyncapi_document(),
    }
    for path, document in documents.items():
        api.add_api_route(path, _served(document), include_in_schema=False, methods=["GET"])
    return api


def _served(document: dict[str, Any]) -> Any:
    async def serve() -> Response:
        return JSONResponse(document)

    return serve
