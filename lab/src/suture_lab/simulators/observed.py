"""What a simulated system saw happen to it, in the order it took effect: the witness that asks nobody else.

Each system keeps a `Journal`, served at ``/control/observed``. Odoo also tells what stands in its books in the end, at
``/control/standing``: a residual or a moved quantity is a fact of the end, not of a moment.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture_lab.simulators.api import json_response


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One effect on one system.

    `at` is `time.monotonic` in seconds, which processes of one machine share. `key` is the appointment, or the payment
    where `what` is about one; `of` is a payment's appointment where the system knows it. `number` is the system's own
    name of the document, `external_id` ours, empty where the document has none of ours: a stranger's, or a bug's.
    `day` is the document's own date, `party` who owes it (``Payer/P1``), as far as the system knows them.
    """

    at: float
    system: str
    what: str
    key: str
    number: str = ""
    amount: Decimal | None = None
    of: str = ""
    external_id: str = ""
    day: date | None = None
    party: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it stands in the end; `key`, `number` and `external_id` as in `Observed`.

    `kind` is ``charge``, ``invoice``, ``credit``, ``accrual``, ``accrual_reversal``, ``payment``, ``stock`` or
    ``stock_return``. `residual` is what is open on its receivable lines, `moved` the quantity by product that a
    transfer carried, `day` the date it is booked on, `party` whose account it is on.
    """

    system: str
    kind: str
    key: str
    number: str
    state: str
    amount: Decimal | None = None
    residual: Decimal | None = None
    payment_state: str = ""
    moved: Mapping[str, Decimal] = {}
    external_id: str = ""
    day: date | None = None
    party: str = ""


class Journal:
    """The effects on one system; appended to, never changed."""

    def __init__(self, system: str, now: Callable[[], float] = time.monotonic) -> None:
        self._system = system
        self._now = now
        self._seen: list[Observed] = []

    def saw(
        self,
        what: str,
        key: str,
        *,
        number: str = "",
        amount: Decimal | None = None,
        of: str = "",
        external_id: str = "",
        day: date | None = None,
        party: str = "",
    ) -> None:
        self._seen.append(
            Observed(
                at=self._now(),
                system=self._system,
                what=what,
                key=key,
                number=number,
                amount=amount,
                of=of,
                external_id=external_id,
                day=day,
                party=party,
            )
        )

    def since(self, after: int = 0) -> Sequence[Observed]:
        """The effects but for the first `after`."""
        return self._seen[after:]


def observed_route(journal: Journal) -> Route:
    """``GET /control/observed``: a list, but for the first ``?after=`` of it."""

    async def observed(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            message = "after is how many effects are known already"
            return json_response({"error": {"code": "invalid", "message": message}}, 422)
        return json_response(journal.since(int(after)))

    return Route("/control/observed", observed)
