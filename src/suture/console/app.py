"""The console's application: its pages, its own static files, and the headers that keep both safe."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from suture.bootstrap.monitor import readiness
from suture.bootstrap.wiring import Foundation
from suture.console.pages import Pages
from suture.console.problems import Problems, guarded
from suture.console.render import Renderer

_STATIC = Path(__file__).with_name("static")

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            *("script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"),
            *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. Nothing inline runs or styles, nothing is loaded from elsewhere, nobody may frame a page."""


def create_app(base: Foundation) -> FastAPI:
    """The console's application. Nothing is read from the database until a page is asked for."""
    app = FastAPI(title="Suture console", openapi_url=None, docs_url=None, redoc_url=None)
    renderer = Renderer(base.catalogue.organisation, base.clock)
    pages, problems = Pages(base, renderer), Problems(renderer)
    for path, page in (
        ("/", pages.today),
        ("/journeys", pages.stage),
        ("/journeys/{appointment}", pages.journey),
        ("/stuck", pages.stuck),
        ("/interfaces", pages.interfaces),
        ("/runbooks/{name}", pages.runbook),
        ("/search", pages.search),
    ):
        app.add_route(path, guarded(page, problems), methods=["GET"])
    app.add_route("/health/live", _live, methods=["GET"])

    async def ready(_: Request) -> Response:
        told = await readiness(base, "console")
        return JSONResponse(told, 200 if told["ready"] else 503)

    app.add_route("/health/ready", ready, methods=["GET"])
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.add_exception_handler(HTTPException, problems.of_exception)
    app.middleware("http")(_secure)
    return app


async def _live(_: Request) -> Response:
    return PlainTextResponse("alive\n")


async def _secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(SECURITY_HEADERS)
    response.headers["Cache-Control"] = "no-cache" if request.url.path.startswith("/static/") else "no-store"
    return response
