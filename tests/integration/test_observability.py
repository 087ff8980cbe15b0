"""Traces, metrics and health, of a clinic that really runs."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest
from tests.integration.clinic import Clinic, clinic
from tests.integration.otlp import attributes, collecting

from suture.bootstrap.monitor import monitored
from suture.catalogue.model import Slo
from suture.core.clock import SystemClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.embedded import free_port
from suture.store.gauges import Share
from suture.telemetry import metrics, tracing
from suture.telemetry.declared import METRICS
from suture.views.metering import Meter
from suture.views.objectives import burn_rate, objectives
from suture.views.runbook import CLASSES

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def it(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, database, vault, SystemClock(), appointments=8) as made:
        yield made


async def test_all_that_is_done_for_an_appointment_is_one_trace(it: Clinic) -> None:
    async with collecting() as collector:
        await it.play()
    visit = next(plan for plan in it.day.appointments if plan.story[-1] == "completed" and plan.payer)
    spans = collector.of(visit.id)
    assert len({span.trace_id for span in spans}) == 1
    assert {"ingest", "resolve", "capture_charge", "draft_invoice", "post_invoice"} <= {span.name for span in spans}
    charge = next(span for span in spans if span.name == "capture_charge")
    (call,) = [span for span in collector.spans if span.parent_span_id == charge.span_id]
    assert (call.name, call.trace_id) == ("billing POST /v1/charges", charge.trace_id)
    assert attributes(call)["http.response.status_code"] == "201"
    assert attributes(charge)["suture.process"] == f"completed_appointment:{visit.id}"
    received = {attributes(span)["suture.receipt"] for span in spans if span.name == "ingest"}
    journeys = {attributes(span)["suture.journey"] for span in collector.spans if span.name == "receive"}
    assert received <= journeys, "a delivery's own trace is found by its receipt"


async def test_a_journey_is_traced_wholly_or_not_at_all(it: Clinic) -> None:
    async with collecting(ratio=0.5) as collector:
        await it.play()
    by_journey = {attributes(span)["suture.journey"] for span in collector.spans if span.name == "ingest"}
    completed = {plan.id for plan in it.day.appointments if plan.story[-1] == "completed"}
    posted = {attributes(span)["suture.journey"] for span in collector.spans if span.name == "post_invoice"}
    assert posted <= by_journey
    assert posted == completed & by_journey
    assert posted != completed


def test_turned_off_nothing_is_made() -> None:
    with tracing.span("step", "a1") as one, tracing.within("call") as other:
        assert (one, other) == (None, None)
    assert tracing.span("step", "a1") is tracing.span("other", "a2"), "the same nothing each time"


async def test_a_day_is_counted_and_labels_stay_within_their_bounds(it: Clinic) -> None:
    others = {(name, *labels.items()) for name, labels, _ in metrics.samples()}  # of tests before, in this process
    await it.play()
    await it.projected()
    await it.reconcile()
    await Meter(it.base.database, it.base.catalogue, it.base.clock).refresh()
    found = [one for one in metrics.samples() if (one[0], *one[1].items()) not in others]
    catalogue, declared = it.base.catalogue, {metric.name for metric in METRICS}
    bounds = {
        "interface": {*catalogue.interfaces, "unknown"},
        "system": set(catalogue.systems),
        "class": set(CLASSES),
        "owner": {*(one.owner for one in (*catalogue.systems.values(), *catalogue.interfaces.values())), "integration"},
        "rule": {rule.name for rule in catalogue.reconciliation.standing},
        "queue": {"received", "due", "parked", "waiting", "stuck", "unpublished", "webhooks"},
        "currency": {catalogue.organisation.currency},
        "result": {"accepted", "duplicate", "conflict", "refused", "not_taken", "ingested", "excepted"},
    }
    for name, labels, _ in found:
        assert any(name.startswith(one.removesuffix("_total")) for one in declared), name
        for label, value in labels.items():
            assert value in bounds.get(label, {value}), (name, label, value)
            assert not any(plan.id in value for plan in it.day.appointments), (name, label, value)
    values = {(name, *labels.values()): value for name, labels, value in metrics.samples()}
    assert values["suture_deliveries_total", "scheduling-appointments", "accepted"] > 0
    assert values["suture_ingested_total", "billing-payments", "ingested"] > 0
    assert values["suture_step_seconds_count", "completed_appointment", "post_invoice", "done"] > 0
    assert values["suture_call_seconds_count", "odoo", "account.move/action_post", "ok"] > 0
    assert values["suture_backlog", "received"] == 0
    assert values[("suture_unbilled_appointments",)] == 0
    assert ("suture_money", "unreconciled", "USD") in values
    assert values["suture_slo_budget_left", "scheduling-appointments"] == 1


async def test_objectives_say_what_was_achieved_and_how_fast_the_budget_burns(it: Clinic) -> None:
    await it.play()
    await it.projected()
    held = {"odoo-ledger": Slo(objective=0.9, within_seconds=0.001), "billing-api": Slo(within_seconds=3600)}
    interfaces = {
        name: msgspec.structs.replace(one, slo=held.get(name, one.slo))
        for name, one in it.base.catalogue.interfaces.items()
    }
    governed = msgspec.structs.replace(it.base.catalogue, interfaces=interfaces)
    now = SystemClock().now() + timedelta(days=11)  # everything had its time
    found = {one.interface: one for one in await objectives(it.base.database, governed, now)}
    assert set(found) == {"scheduling-appointments", "billing-payments", "billing-api", "odoo-ledger"}
    late, early = found["odoo-ledger"], found["billing-api"]
    assert (late.achieved, late.budget_left) == (0.0, pytest.approx(-9)), "nobody is that quick"
    assert (early.achieved, early.budget_left, early.total) == (1.0, 1.0, late.total), "yesterday's were told today"
    assert late.burn == dict.fromkeys(late.burn, 0.0), "nothing was completed in the last days"


@pytest.mark.parametrize(
    ("good", "total", "objective", "rate"),
    [(0, 0, 0.99, 0.0), (100, 100, 0.99, 0.0), (99, 100, 0.99, 1.0), (90, 100, 0.99, 10.0), (0, 10, 0.5, 2.0)],
)
def test_the_burn_rate_is_what_failed_over_what_may(good: int, total: int, objective: float, rate: float) -> None:
    assert burn_rate(Share(good, total), objective) == pytest.approx(rate)


async def test_a_role_says_whether_it_lives_and_is_ready(it: Clinic) -> None:
    settings = msgspec.structs.replace(it.base.settings, metrics_port=free_port())
    base = type(it.base)(**{**it.base.__dict__, "settings": settings})
    async with monitored(base, "worker"), aiohttp.ClientSession(f"http://127.0.0.1:{settings.metrics_port}") as http:

        async def get(path: str) -> tuple[int, str]:
            async with http.get(path) as response:
                return response.status, await response.text()

        assert await get("/health/live") == (200, "alive\n")
        status, body = await get("/health/ready")
        assert (status, msgspec.json.decode(body)) == (200, {"role": "worker", "ready": True, "missing": {}})
        assert "suture_backlog_age_seconds" in (await get("/metrics"))[1]
        async with base.database.connection() as connection:
            await connection.execute("UPDATE alembic_version SET version_num = '0001'")
        status, body = await get("/health/ready")
        assert status == 503
        assert "schema" in msgspec.json.decode(body)["missing"]
