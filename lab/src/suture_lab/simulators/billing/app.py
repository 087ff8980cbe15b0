"""The billing platform's doors: a REST API under ``/v1`` and progress under ``/control``.

Lists are paged by cursor: ``?after=<next of the page before>&limit=``. Errors are ``{"error": {"code", "message"}}``.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture_lab.simulators.api import RequireBearer, json_response
from suture_lab.simulators.billing.adjudicator import Adjudicator
from suture_lab.simulators.billing.book import Book
from suture_lab.simulators.billing.messages import BillingRefusal, ChargeRequest, EligibilityRequest
from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.faults import Faults
from suture_lab.simulators.observed import observed_route
from suture_lab.simulators.webhooks import WebhookSender, WebhookTarget

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
            _loss_route(book),
            _amendment_route(book),
            observed_route(book.journal),
        ],
        middleware=[Middleware(RequireBearer, token=token, prefix="/v1", refusal=refusal)],
        exception_handlers={BillingRefusal: _explain},
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
        charge_ids, following = _page(request, _in_days(request, book, "service_date"))
        return json_response({"charges": [book.account(charge_id) for charge_id in charge_ids], "next": following})

    async def claims(request: Request) -> Response:
        external_id = request.query_params.get("external_id")
        found = [charge.id for charge in book.find(external_id)] if external_id is not None else None
        charge_ids, following = _page(request, _in_days(request, book, "submitted") if found is None else found)
        told = [claim for charge_id in charge_ids if (claim := book.claim(charge_id)) is not None]
        return json_response({"claims": told, "next": following})

    async def read(request: Request) -> Response:
        return json_response(book.account(request.path_params["charge_id"]))

    async def void(request: Request) -> Response:
        return json_response(book.void(request.path_params["charge_id"]))

    return [
        Route("/v1/charges", capture, methods=["POST"]),
        Route("/v1/charges", search, methods=["GET"]),
        Route("/v1/claims", claims),
        Route("/v1/charges/{charge_id}", read),
        Route("/v1/charges/{charge_id}/void", void, methods=["POST"]),
    ]


def _other_routes(book: Book) -> list[Route]:
    async def about(_: Request) -> Response:
        return json_response({"name": "Suture billing simulator", "version": "1", "currency": book.currency})

    async def eligibility(request: Request) -> Response:
        return json_response(book.eligibility(await _body(request, EligibilityRequest)))

    async def payments(request: Request) -> Response:
        charge = request.query_params.get("charge_external_id")
        first, last = _days(request, "received")
        found = [
            payment
            for payment in book.payments
            if first <= payment.received_on <= last and charge in (None, payment.charge_external_id)
        ]
        page, following = _page(request, found)
        return json_response({"payments": page, "next": following})

    async def payment(request: Request) -> Response:
        wanted = request.path_params["payment_id"]
        found = next((payment for payment in book.payments if payment.id == wanted), None)
        if found is None:
            raise BillingRefusal(404, "no_such_payment", f"there is no payment {wanted}")
        return json_response(found)

    return [
        Route("/v1/about", about),
        Route("/v1/eligibility", eligibility, methods=["POST"]),
        Route("/v1/payments", payments),
        Route("/v1/payments/{payment_id}", payment),
    ]


def _progress_route(book: Book, sender: WebhookSender) -> Route:
    async def progress(_: Request) -> Response:
        due, posted = book.payments_due, len(book.payments)
        counts = {"charges": len(book.charges), "voided": book.voided, "payments_due": due, "payments_posted": posted}
        return json_response(counts | {"webhooks": sender.progress(), "done": due == posted and sender.idle})

    return Route("/control/progress", progress)


class LostCharge(msgspec.Struct, frozen=True):
    """What somebody deletes of the charge of an external id."""

    external_id: str
    what: Literal["charge", "claim"] = "charge"


class Amendment(msgspec.Struct, frozen=True):
    """What somebody changes of the charge of an external id."""

    external_id: str
    total: Decimal | None = None
    facility: str | None = None


def _amendment_route(book: Book) -> Route:
    async def amend(request: Request) -> Response:
        told = await _body(request, Amendment)
        book.amend(told.external_id, told.total, told.facility)
        return json_response({})

    return Route("/control/amend", amend, methods=["POST"])


def _loss_route(book: Book) -> Route:
    async def lose(request: Request) -> Response:
        loss = await _body(request, LostCharge)
        book.lose(loss.external_id, loss.what)
        return json_response({})

    return Route("/control/lose", lose, methods=["POST"])


async def _body(request: Request, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.DecodeError as error:
        raise BillingRefusal(422, "invalid_request", str(error)) from error


def _page(request: Request, items: Sequence[Any]) -> tuple[Sequence[Any], str | None]:
    """The page asked for, and the cursor after it. Items are only ever appended, so a cursor is a position."""
    try:
        after = int(request.query_params.get("after", 0))
        limit = int(request.query_params.get("limit", PAGE))
    except ValueError:
        raise BillingRefusal(422, "invalid_cursor", "after and limit are whole numbers") from None
    if after < 0 or not 0 < limit <= LARGEST_PAGE:
        raise BillingRefusal(422, "invalid_cursor", f"after is not negative, limit between 1 and {LARGEST_PAGE}")
    end = after + limit
    return items[after:end], str(end) if end < len(items) else None


def _days(request: Request, field: str) -> tuple[date, date]:
    """The days asked for, both included: ``<field>_from`` and ``<field>_to``."""
    try:
        first, last = (request.query_params.get(f"{field}_{end}") for end in ("from", "to"))
        return (date.fromisoformat(first) if first else date.min, date.fromisoformat(last) if last else date.max)
    except ValueError:
        raise BillingRefusal(422, "invalid_date", f"{field}_from and {field}_to are dates") from None


def _in_days(request: Request, book: Book, field: str) -> Sequence[str]:
    first, last = _days(request, field)
    return book.charges if (first, last) == (date.min, date.max) else book.between(first, last)


def _error(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, BillingRefusal):
        raise error
    return json_response(_error(error.code, error.message), error.status)
