"""`RestBilling` keeps the port's promises against the billing simulator over real sockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from suture.canonical.records import EligibilityStatus, JournalFact, ServiceLine, Visit
from suture.connectors.billing.rest import RestBilling
from suture.connectors.port import Billing
from suture.core.failure import Failure, Fatal, Rejected, Retriable, Unknown
from suture.core.money import Money
from suture_lab.conformance import BillingConformance
from suture_lab.simulators.billing import create_app
from suture_lab.simulators.clinic.day import AppointmentPlan
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.faults import PRESETS, FaultInjection, FaultPlan, Faults
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookTarget

DAY = generate(seed=1, appointments=60, day=date(2025, 3, 3))
TOKEN = "secret"
DAY_OF_SERVICE = date(2025, 3, 3)
PLANS = [plan for plan in DAY.appointments if plan.lines]


def visit_of(plan: AppointmentPlan, **changes: Any) -> Visit:
    visit = Visit(
        appointment=plan.id,
        patient=f"Patient/{plan.patient}",
        practitioner=f"Practitioner/{plan.practitioner}",
        facility=plan.facility,
        payer=f"Payer/{plan.payer}" if plan.payer else None,
        started_at=plan.start,
        ended_at=plan.start + timedelta(minutes=plan.minutes),
        lines=tuple(
            ServiceLine(service=line.code, quantity=line.quantity, unit_price=line.unit_price) for line in plan.lines
        ),
    )
    return msgspec.structs.replace(visit, **changes)


class Subscriber:
    """Takes the platform's webhooks."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []

    async def take(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        return Response(status_code=202)


class Bench:
    """A billing platform with its subscriber, and a connector to it."""

    def __init__(self, url: str, billing: RestBilling, faults: Faults, subscriber: Subscriber) -> None:
        self.url = url
        self.billing = billing
        self.faults = faults
        self.subscriber = subscriber

    async def progress(self) -> Any:
        async with aiohttp.ClientSession() as client, client.get(f"{self.url}/control/progress") as response:
            return await response.json()

    async def settled(self) -> Any:
        while not (progress := await self.progress())["done"]:
            await asyncio.sleep(0.01)
        return progress

    async def facts(self) -> list[JournalFact]:
        return [fact async for fact in self.billing.facts()]


@asynccontextmanager
async def bench(plan: FaultPlan = PRESETS["none"], *, token: str = TOKEN, delay: float = 0) -> AsyncIterator[Bench]:
    subscriber, faults = Subscriber(), Faults(plan)
    hook = Starlette(routes=[Route("/hook", subscriber.take, methods=["POST"])])
    async with serving(hook) as hook_url:
        target = WebhookTarget(f"{hook_url}/hook", "whsec_c2VjcmV0c2VjcmV0")
        app = create_app(DAY, token=TOKEN, webhook=target, faults=faults, adjudication_delay=delay)
        async with serving(FaultInjection(app, faults)) as url:
            billing = RestBilling("billing", url, token, "USD")
            try:
                yield Bench(url, billing, faults, subscriber)
            finally:
                await billing.close()


@asynccontextmanager
async def answering(status: int, body: Any) -> AsyncIterator[RestBilling]:
    """A connector to something that answers every call alike."""

    async def answer(_: Request) -> Response:
        return JSONResponse(body, status)

    async with serving(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])) as url:
        billing = RestBilling("billing", url, TOKEN, "USD")
        try:
            yield billing
        finally:
            await billing.close()


async def persistently(call: Callable[[], Any]) -> Any:
    """What the engine does: call again after a `Retriable` or an `Unknown`."""
    while True:
        try:
            return await call()
        except (Retriable, Unknown):
            await asyncio.sleep(0.01)


class Slow:
    """The platform, which pays nothing for a minute."""

    visit = visit_of(PLANS[0])
    day = DAY_OF_SERVICE

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self, *, credential: str | None = None, url: str | None = None) -> Billing:
        return RestBilling("billing", url or self._url, credential or TOKEN, "USD")


class TestRestBilling(BillingConformance):
    @pytest.fixture
    async def platform(self) -> AsyncIterator[Slow]:
        async with bench(delay=60) as it:
            yield Slow(it.url)


async def test_an_agreed_price_is_billed() -> None:
    async with bench() as it:
        line = ServiceLine(service="S1010", quantity=Decimal(3), unit_price=Decimal("0.10"))
        charge = await it.billing.capture_charge(visit_of(PLANS[0], lines=(line,)), DAY_OF_SERVICE)
        assert charge.total == Money(Decimal("0.30"), "USD")


async def test_a_factor_of_the_visit_counts_with_billings_own_price() -> None:
    async with bench() as it:
        line = ServiceLine(service="S1010", quantity=Decimal(2), factor=Decimal("0.8"))
        charge = await it.billing.capture_charge(visit_of(PLANS[0], lines=(line,)), DAY_OF_SERVICE)
        assert charge.total == Money(Decimal("136.00"), "USD"), "2 times 0.8 times 85.00"


async def test_that_a_charge_is_paid_is_known_before_it_is_to_be_voided() -> None:
    async with bench(delay=0) as it:
        charge = await it.billing.capture_charge(visit_of(PLANS[0]), DAY_OF_SERVICE)
        async with asyncio.timeout(15):
            while not any(fact.kind == "payment" for fact in await it.facts()):
                await asyncio.sleep(0.02)
        with pytest.raises(Rejected) as caught:
            await it.billing.check_voidable(charge.number)
        assert caught.value.code == "charge_paid"
    async with bench(delay=60) as it:
        charge = await it.billing.capture_charge(visit_of(PLANS[0]), DAY_OF_SERVICE)
        await it.billing.check_voidable(charge.number)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lines": (ServiceLine(service="NONE"),)}, "unknown_code"),
        ({"lines": ()}, "no_lines"),
        ({"facility": "ELSEWHERE"}, "external_id_conflict"),
    ],
)
async def test_a_refusal_says_what_must_change(change: dict[str, Any], code: str) -> None:
    async with bench() as it:
        if code == "external_id_conflict":
            await it.billing.capture_charge(visit_of(PLANS[0]), DAY_OF_SERVICE)
        visit = visit_of(PLANS[0], **change)
        with pytest.raises(Rejected) as caught:
            await it.billing.capture_charge(visit, DAY_OF_SERVICE)
        assert caught.value.code == code
        assert caught.value.remedy
        assert visit.patient not in str(caught.value)


@pytest.mark.parametrize("fault", ["gateway_timeout", "dropped"])
async def test_after_an_unknown_outcome_calling_again_is_enough(fault: str) -> None:
    async with bench(FaultPlan(**{fault: 1})) as it:
        with pytest.raises(Unknown):
            await it.billing.capture_charge(visit_of(PLANS[0]), DAY_OF_SERVICE)
        it.faults.plan = FaultPlan()
        await it.billing.capture_charge(visit_of(PLANS[0]), DAY_OF_SERVICE)
        assert (await it.progress())["charges"] == 1


GOOD = {"id": "C1", "status": "captured", "currency": "USD", "total": "85.00"}
LINE = {"code": "S1010", "quantity": "1", "unit_price": "85.00"}


@pytest.mark.parametrize(
    ("status", "body", "failure", "code"),
    [
        (500, {}, Unknown, "server_error"),
        (200, "what?", Unknown, "unreadable_answer"),
        (403, {}, Fatal, "not_permitted"),
        (404, "nothing here", Rejected, "refused_404"),
        (200, GOOD | {"external_id": "other", "lines": [LINE]}, Rejected, "charge_differs"),
        (200, GOOD | {"external_id": "A", "lines": [LINE | {"code": "S9"}]}, Rejected, "charge_differs"),
        (200, GOOD | {"external_id": "A", "lines": [LINE], "total": "1"}, Rejected, "charge_differs"),
        (200, GOOD | {"external_id": "A", "lines": [LINE], "total": "Infinity"}, Rejected, "charge_differs"),
        (200, GOOD | {"external_id": "A", "lines": [LINE | {"unit_price": "NaN"}]}, Rejected, "charge_differs"),
        (200, GOOD | {"external_id": "A", "lines": [LINE], "currency": "EUR"}, Rejected, "charge_differs"),
        (200, GOOD | {"external_id": "A", "lines": [LINE], "status": "voided"}, Rejected, "charge_differs"),
    ],
)
async def test_odd_answers_are_never_taken_for_a_charge(
    status: int, body: Any, failure: type[Failure], code: str
) -> None:
    async with answering(status, body) as billing:
        visit = visit_of(PLANS[0], appointment="A", lines=(ServiceLine(service="S1010"),))
        with pytest.raises(failure) as caught:
            await billing.capture_charge(visit, DAY_OF_SERVICE)
        assert caught.value.code == code


async def test_eligibility_is_the_payer_s_answer() -> None:
    words = {"active": EligibilityStatus.VERIFIED, "inactive": EligibilityStatus.REFUSED}
    async with bench() as it:
        for plan in [plan for plan in PLANS if plan.payer][:20]:
            answer = await it.billing.check_eligibility(visit_of(plan), DAY_OF_SERVICE)
            assert answer.status == words.get(plan.eligible, EligibilityStatus.UNKNOWN)
            assert answer.payer == f"Payer/{plan.payer}"


async def test_a_busy_platform_s_eligibility_may_be_asked_again() -> None:
    async with answering(500, {}) as billing:
        with pytest.raises(Retriable):
            await billing.check_eligibility(visit_of(next(plan for plan in PLANS if plan.payer)), DAY_OF_SERVICE)


async def test_facts_are_all_charges_and_payments_over_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suture.connectors.billing.rest.PAGE", "7")
    async with bench() as it:
        for plan in PLANS:
            await it.billing.capture_charge(visit_of(plan), DAY_OF_SERVICE)
        progress = await it.settled()
        facts = await it.facts()
        assert Counter(fact.kind for fact in facts) == {
            "charge": len(PLANS),
            "claim": sum(plan.payer is not None for plan in PLANS),
            "payment": sum(len(plan.payments) for plan in PLANS),
        }
        assert progress["payments_posted"] == progress["payments_due"] == progress["webhooks"]["delivered"]
        told = {body["data"]["payment"]["id"] for body in it.subscriber.bodies}
        assert told == {fact.key for fact in facts if fact.kind == "payment"}


async def test_a_storm_loses_and_doubles_nothing() -> None:
    async with bench(PRESETS["storm"]) as it:

        async def capture(plan: AppointmentPlan) -> None:
            await persistently(lambda: it.billing.capture_charge(visit_of(plan), DAY_OF_SERVICE))

        await asyncio.gather(*map(capture, PLANS))
        progress = await it.settled()
        assert progress["charges"] == len(PLANS)
        facts = await it.facts()
        keys = [fact.key for fact in facts if fact.kind == "charge"]
        assert sorted(keys) == sorted(plan.id for plan in PLANS)


async def test_the_payment_notice() -> None:
    plan = next(plan for plan in PLANS if plan.payer and len(plan.payments) == 1)
    async with bench() as it:
        charge = await it.billing.capture_charge(visit_of(plan), DAY_OF_SERVICE)
        await it.settled()
        (body,) = it.subscriber.bodies
        payment = body["data"]["payment"]
        assert body["type"] == "payment.posted"
        assert payment.pop("id").startswith("PAY-")
        assert payment == {
            "charge_id": charge.number,
            "charge_external_id": charge.appointment,
            "amount": str(charge.total.amount),
            "currency": "USD",
            "received_on": "2025-03-03",
            "payer": plan.payer,
        }
