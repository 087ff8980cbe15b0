"""Pages for what went wrong: what it is and what to do next, never a traceback."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from suture.acting.actor import NotAllowed, NotPossible
from suture.console.context import ConsoleContext
from suture.console.formats import said
from suture.console.pages.page import Page
from suture.console.render import Renderer
from suture.console.request import PageRequest, visit
from suture.store.database import CONNECTION_LOST, OUT_OF_ROOM

log = structlog.get_logger()

_PLAIN = {status.phrase for status in HTTPStatus}
_UNAVAILABLE = CONNECTION_LOST + OUT_OF_ROOM + (TimeoutError,)


class ProblemPage(msgspec.Struct, frozen=True):
    """What a problem's page says. `lasting` ones don't fix themselves, so the page does not look again."""

    title: str
    what: str
    next: str
    lasting: bool = True


_NOT_FOUND = ProblemPage(
    "Not found",
    "There is no such page.",
    "Check the id in the search box, or start from Today. An appointment is known once its first delivery was ingested;"
    " a delivery that could not be understood is among the exceptions.",
)
_DATABASE_AWAY = ProblemPage(
    "The database is away",
    "The console is up, and can't read from PostgreSQL at the moment. Deliveries are refused with “try later” and"
    " senders keep them, so nothing is lost.",
    "This page looks again by itself. If it stays, run “suture doctor” on the server: it tells what can't be reached.",
    lasting=False,
)
_BROKEN = ProblemPage(
    "This page broke",
    "That is a defect in the console, or its schema is behind. The ledger is not concerned.",
    "Run “suture doctor” on the server; if it finds nothing, report the page's address and the time below.",
)
_REFUSED = ProblemPage("That can't be done here", "The console does not answer such a request.", "Go back to Today.")


_NOT_YOURS = ProblemPage(
    "That is not for your roles",
    "Your roles don't allow this.",
    "Ask somebody who has one that does, or an administrator for it."
    " An administrator sees under People and keys what each role may do.",
)


class Problems:
    """Renders problems."""

    def __init__(self, renderer: Renderer) -> None:
        self._render = renderer.page

    def page(self, status: int, problem: ProblemPage, detail: str = "", request: PageRequest | None = None) -> Response:
        response: Response = self._render("problem.html", request, status=status, problem=problem, detail=detail)
        if not problem.lasting:
            response.headers["Retry-After"] = "2"
        return response

    async def of_exception(self, _: Request, error: Exception) -> Response:
        """A page for what Starlette refuses before it is anybody's."""
        if not isinstance(error, HTTPException):
            return self.page(500, _BROKEN)
        return self.refused(error, None)

    def of_error(self, error: Exception, request: PageRequest | None) -> Response:
        """A page for what went wrong while one was made for somebody."""
        match error:
            case ClientDisconnect():
                return Response(status_code=400)  # nobody reads it
            case HTTPException():
                return self.refused(error, request)
            case NotAllowed():
                return self.page(403, _NOT_YOURS, said(error), request)
            case NotPossible():
                return self.page(409, _REFUSED, said(error), request)
        if isinstance(error, _UNAVAILABLE):
            log.warning("database_away", role="console", error_type=type(error).__name__)
            return self.page(503, _DATABASE_AWAY, request=request)
        log.error("page_broke", role="console", error_type=type(error).__name__)
        return self.page(500, _BROKEN, request=request)

    def refused(self, error: HTTPException, request: PageRequest | None) -> Response:
        """A page for a request that is refused by its status; what a page of ours said of it stands there."""
        said = error.detail if error.detail not in _PLAIN else ""
        problem = {403: _NOT_YOURS, 404: _NOT_FOUND}.get(error.status_code, _REFUSED)
        return self.page(error.status_code, problem, said, request)


def guarded(
    page: Page, console: ConsoleContext, renderer: Renderer, problems: Problems
) -> Callable[[Request], Awaitable[Response]]:
    """`page`, for who may see it, with a page of its own for every failure. Only an error's type is logged: its text
    could tell more."""

    async def answer(http: Request) -> Response:
        request: PageRequest | None = None
        try:
            request = await visit(console, renderer, http, public=page.public)
            if request.visitor is None and not page.public:
                return _to_sign_in(http)
            if page.act and not request.may(page.act):
                raise NotAllowed(page.act)
            return await page.answer(request)
        except Exception as error:  # whatever broke one page must not show its insides
            return problems.of_error(error, request)

    return answer


def _to_sign_in(request: Request) -> Response:
    """Sign in first; a fragment's whole page goes there."""
    path = request.url.path if request.method == "GET" else "/"
    where = f"/sign-in?{urlencode({'next': path})}" if path != "/" else "/sign-in"
    if "HX-Request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)
