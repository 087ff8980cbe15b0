"""The console's application: its pages, its own static files, and the headers that keep both safe."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from suture.bootstrap.composition import Foundation
from suture.bootstrap.monitor import readiness
from suture.console.context import ConsoleContext
from suture.console.live import ChangeListener
from suture.console.pages import PAGES
from suture.console.problems import Problems, guarded
from suture.console.render import Renderer

_STATIC = Path(__file__).with_name("static")
_HTMX = Path(str(files("js_lib_htmx"))) / "static" / "htmx"

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
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. Nothing inline runs or styles, nothing is loaded from elsewhere, nobody may frame a page."""


def create_app(base: Foundation) -> FastAPI:
    """The console's application. Nothing is read from the database until a page is asked for. `state.leave` ends what
    pages keep open, before the server stops."""
    console = ConsoleContext(base)
    renderer = Renderer(base.catalogue, base.clock)
    problems, pulse = Problems(renderer), ChangeListener(base.database, console.leaving)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await pulse.close()
        await console.close()

    app = FastAPI(title="Suture console", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.leave = console.leaving.set
    for page in PAGES:
        app.add_route(page.path, guarded(page, console, renderer, problems), methods=[page.method])
    app.add_route("/live", guarded(pulse.page, console, renderer, problems), methods=["GET"])
    app.add_route("/health/live", _live, methods=["GET"])

    async def ready(_: Request) -> Response:
        told = await readiness(base, "console")
        return JSONResponse(told, 200 if told["ready"] else 503)

    app.add_route("/health/ready", ready, methods=["GET"])
    app.mount("/static/htmx", StaticFiles(directory=_HTMX))
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.add_exception_handler(HTTPException, problems.of_exception)
    app.middleware("http")(_secure(console))
    return app


async def _live(_: Request) -> Response:
    return PlainTextResponse("alive\n")


def _secure(
    console: ConsoleContext,
) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    async def secured(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if console.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        response.headers["Cache-Control"] = "no-cache" if request.url.path.startswith("/static/") else "no-store"
        return response

    return secured
