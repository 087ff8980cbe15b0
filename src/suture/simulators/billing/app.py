"""The billing platform's doors: a REST API under ``/v1`` and progress under ``/control``.

Lists are paged by cursor: ``?after=<next of the page before>&limit=``. Errors are ``{"error": {"code", "message"}}``.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.simulators.api import RequireBearer, json_response
from suture.simulators.billing.adjudicator import Adjudicator
from suture.simulators.billing.book import Book
from suture.simulators.billing.messages import ChargeRequest, EligibilityRequest, Problem
from suture.simulators.clinic.day import ClinicDay
from suture.simulators.faults import Faults
from suture.simulators.observed import observed_route
from suture.simulators.webhooks import WebhookSender, WebhookTarget

PAGE = 100
LARGEST_PAGE = 1000
ADJUDICATION_DELAY_S = 0.5

Body = TypeVar("Body")


def create_app(
    day: ClinicDay,
    *,
    token: str,
    webhook: WebhookTarget,
    faults: Faults | None = None,
    adjudication_delay: float = ADJUDICATION_DELAY_S,
) -> Starlette:
    """A billing platform with the day's price list; `adjudication_delay` in seconds, from a charge to its payments."""
    book = Book(day)
    sender = WebhookSender(webhook, faults=faults)
    adjudicator = Adjudicator(book, sender, adjudication_delay)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await adjudicator.stop()
        await sender.close()

    refusal = _error("unauthorized", "the bearer token is missing or wrong")
    return Starlette(
        routes=[
            *_charge_routes(book, adjudicator),
            *_other_routes(book),
            _progress_route(book, sender),
            observed_route(book.journal),
        ],
        middleware=[Middleware(RequireBearer, token=token, prefix="/v1", refusal=refusal)],
        exception_handlers={Problem: _explain},
        lifespan=lifespan,
    )


def _charge_routes(book: Book, adjudicator: Adjudicator) -> list[Route]:
    async def capture(request: Request) -> Response:
        charge, new = book.capture(await _body(request, ChargeRequest))
        if new:
            adjudicator.captured(charge.id)
        return json_response(charge, 201 if new else 200)

    async def search(request: Request) -> Response:
        external_id = request.query_params.get("external_id")
        if external_id is not None:
            return json_response({"charges": book.find(external_id), "next": None})
        charge_ids, following = _page(request, book.charges)
        return json_response({"charges": [book.charge(charge_id) for charge_id in charge_ids], "next": following})

    async def read(request: Request) -> Response:
        return json_response(book.account(request.path_params["charge_id"]))

    async def void(request: Request) -> Response:
        return json_response(book.void(request.path_params["charge_id"]))

    return [
        Route("/v1/charges", capture, methods=["POST"]),
        Route("/v1/charges", search, methods=["GET"]),
        Route("/v1/charges/{charge_id}", read),
        Route("/v1/charges/{charge_id}/void", void, methods=["POST"]),
    ]


def _other_routes(book: Book) -> list[Route]:
    async def about(_: Request) -> Response:
        return json_response({"name": "Suture billing simulator", "version": "1", "currency": book.currency})

    async def eligibility(request: Request) -> Response:
        return json_response(book.eligibility(await _body(request, EligibilityRequest)))

    async def payments(request: Request) -> Response:
        page, following = _page(request, book.payments)
        return json_response({"payments": page, "next": following})

    return [
        Route("/v1/about", about),
        Route("/v1/eligibility", eligibility, methods=["POST"]),
        Route("/v1/payments", payments),
    ]


def _progress_route(book: Book, sender: WebhookSender) -> Route:
    async def progress(_: Request) -> Response:
        due, posted = book.payments_due, len(book.payments)
        counts = {"charges": len(book.charges), "voided": book.voided, "payments_due": due, "payments_posted": posted}
        return json_response(counts | {"webhooks": sender.progress(), "done": due == posted and sender.idle})

    return Route("/control/progress", progress)


async def _body(request: Request, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.DecodeError as error:
        raise Problem(422, "invalid_request", str(error)) from error


def _page(request: Request, items: Sequence[Any]) -> tuple[Sequence[Any], str | None]:
    """The page asked for, and the cursor after it. Items are only ever appended, so a cursor is a position."""
    try:
        after = int(request.query_params.get("after", 0))
        limit = int(request.query_params.get("limit", PAGE))
    except ValueError:
        raise Problem(422, "invalid_cursor", "after and limit are whole numbers") from None
    if after < 0 or not 0 < limit <= LARGEST_PAGE:
        raise Problem(422, "invalid_cursor", f"after is not negative, limit between 1 and {LARGEST_PAGE}")
    end = after + limit
    return items[after:end], str(end) if end < len(items) else None


def _error(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return json_response(_error(error.code, error.message), error.status)
