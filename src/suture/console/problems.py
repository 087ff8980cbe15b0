"""Pages for what went wrong: what it is and what to do next, never a traceback."""

from collections.abc import Awaitable, Callable

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from suture.console.render import Renderer
from suture.store.database import CONNECTION_LOST, OUT_OF_ROOM

log = structlog.get_logger()

Page = Callable[[Request], Awaitable[Response]]

_UNAVAILABLE = CONNECTION_LOST + OUT_OF_ROOM + (TimeoutError,)


class Problem(msgspec.Struct, frozen=True):
    """What a problem's page says. `lasting` ones don't mend themselves, so the page does not look again."""

    title: str
    what: str
    next: str
    lasting: bool = True


_NOT_FOUND = Problem(
    "Not found",
    "There is no such page.",
    "Check the id in the search box, or start from Today. An appointment is known once its first delivery was ingested;"
    " a delivery that could not be understood is among what is stuck.",
)
_DATABASE_AWAY = Problem(
    "The database is away",
    "The console is up, and can't read from PostgreSQL at the moment. Deliveries are refused with “try later” and"
    " senders keep them, so nothing is lost.",
    "This page looks again by itself. If it stays, run “suture doctor” on the server: it tells what can't be reached.",
    lasting=False,
)
_BROKEN = Problem(
    "This page broke",
    "That is a defect in the console, or its schema is behind. The ledger is not concerned.",
    "Run “suture doctor” on the server; if it finds nothing, report the page's address and the time below.",
)
_REFUSED = Problem("That can't be done here", "The console does not answer such a request.", "Go back to Today.")


class Problems:
    """Renders problems."""

    def __init__(self, renderer: Renderer) -> None:
        self._render = renderer.page

    def page(self, status: int, problem: Problem, detail: str = "") -> Response:
        response: Response = self._render("problem.html", status=status, problem=problem, detail=detail)
        if not problem.lasting:
            response.headers["Retry-After"] = "2"
        return response

    async def of_exception(self, _: Request, error: Exception) -> Response:
        """A page for what Starlette, or a page of ours, refuses."""
        if not isinstance(error, HTTPException):
            return self.page(500, _BROKEN)
        if error.status_code == 404:
            return self.page(404, _NOT_FOUND, error.detail if error.detail != "Not Found" else "")
        return self.page(error.status_code, _REFUSED)

    def database_away(self) -> Response:
        return self.page(503, _DATABASE_AWAY)

    def broken(self) -> Response:
        return self.page(500, _BROKEN)


def guarded(page: Page, problems: Problems) -> Page:
    """`page`, with a page of its own for every failure. Only an error's type is logged: its text could tell more."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except HTTPException:
            raise
        except _UNAVAILABLE as error:
            log.warning("database_away", role="console", error_type=type(error).__name__)
            return problems.database_away()
        except Exception as error:  # whatever broke one page must not show its insides
            log.error("page_broke", role="console", error_type=type(error).__name__)
            return problems.broken()

    answer.__name__ = page.__name__  # the route's name
    return answer
