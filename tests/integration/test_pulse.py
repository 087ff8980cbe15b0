"""That an idle system refuses its credentials, or is gone, is known before work comes, told once, and then over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date, timedelta

import pytest

from suture.connectors import pulse
from suture.connectors.billing.rest import RestBilling
from suture.connectors.guard import Guard
from suture.connectors.odoo.ledger import OdooLedger
from suture.connectors.port import Connector
from suture.connectors.pulse import SystemPulse, ask
from suture.connectors.scheduling.fhir import FhirScheduling
from suture.core.clock import ManualClock
from suture.store.database import Database
from suture.store.gates import Gates
from suture_lab.conformance.orders import PLAN
from suture_lab.simulators import billing, odoo, scheduling
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookTarget

from .recovery import BILLING, gate_row, in_queue, make_gates, running

NOWHERE = WebhookTarget("http://127.0.0.1:9", "whsec_c2VjcmV0c2VjcmV0")
DAY = generate(seed=1, appointments=1, day=date(2025, 3, 3))


@pytest.fixture
def gates(database: Database, clock: ManualClock) -> Gates:
    return make_gates(database, clock, pinged=frozenset({BILLING}))


@pytest.fixture
async def connect(gates: Gates) -> AsyncIterator[Callable[[str, str], Awaitable[Connector]]]:
    """Connects to a simulated system, or to one that is ``gone``, with a token, or API key; the right one is
    ``right``."""
    async with AsyncExitStack() as stack:

        async def connected(role: str, token: str) -> Connector:
            guard = Guard(gates(BILLING), concurrency=4)
            made: Connector
            if role == "gone":
                made = RestBilling("billing", "http://127.0.0.1:9", token, "USD", guard=guard)
            elif role == "billing":
                url = await stack.enter_async_context(serving(billing.create_app(DAY, token="right", webhook=NOWHERE)))
                made = RestBilling("billing", url, token, "USD", guard=guard)
            elif role == "scheduling":
                url = await stack.enter_async_context(
                    serving(scheduling.create_app(DAY, token="right", webhook=NOWHERE))
                )
                made = FhirScheduling("scheduling", f"{url}/fhir", token, guard=guard)
            else:
                version = int(role.removeprefix("odoo "))
                app = odoo.create_app(version=version, api_keys={"right": "suture-bot"})
                url = await stack.enter_async_context(serving(app))
                made = OdooLedger.connect(
                    name="odoo",
                    url=url,
                    database="suture",
                    api_key=token,
                    login="suture-bot",
                    organisation="test",
                    plan=PLAN,
                    guard=guard,
                )
            stack.push_async_callback(made.close)
            return made

        yield connected


@pytest.mark.parametrize("role", ["scheduling", "billing", "odoo 17", "odoo 19"])
async def test_refused_credentials_are_one_exception_until_they_are_mended(
    role: str,
    gates: Gates,
    connect: Callable[[str, str], Awaitable[Connector]],
    database: Database,
    clock: ManualClock,
) -> None:
    await gates.turn()
    wrong, right = await connect(role, "wrong"), await connect(role, "right")
    await ask(gates(BILLING), wrong)
    await gates.turn()
    row = await gate_row(database)
    assert (row.breaker, row.cause) == ("open", "credentials_refused")
    for _ in range(3):  # tried again in its own time, refused again
        clock.advance(timedelta(seconds=15))
        await gates.turn()
        await ask(gates(BILLING), wrong)
        await gates.turn()
    (told,) = await in_queue(database)
    assert (told.code, told.subject) == ("credentials_refused", f"Interface/{BILLING}")
    clock.advance(timedelta(seconds=15))
    await gates.turn()
    await ask(gates(BILLING), right)
    await gates.turn()
    assert (await gate_row(database)).flowing
    assert await in_queue(database) == []


async def test_a_breaker_is_tried_by_a_ping_where_no_work_waits(
    gates: Gates,
    connect: Callable[[str, str], Awaitable[Connector]],
    database: Database,
    clock: ManualClock,
    eventually: Callable[..., Awaitable[None]],
) -> None:
    await gates.turn()
    await ask(gates(BILLING), await connect("billing", "wrong"))
    await gates.turn()
    clock.advance(timedelta(seconds=15))
    await gates.turn()
    assert (await gate_row(database)).breaker == "half_open", "it doesn't open at a venture"
    async with running(gates, SystemPulse({gates(BILLING): await connect("billing", "right")})):

        async def flows() -> bool:
            return (await gate_row(database)).flowing

        await eventually(flows)


async def test_an_idle_system_that_is_gone_is_known_to_be_away_and_told(
    gates: Gates,
    connect: Callable[[str, str], Awaitable[Connector]],
    database: Database,
    clock: ManualClock,
    eventually: Callable[..., Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse, "_TURN_SECONDS", 0.01)
    monkeypatch.setattr(pulse, "_AGAIN_SECONDS", 0.01)
    await gates.turn()
    async with running(gates, SystemPulse({gates(BILLING): await connect("gone", "right")})):

        async def is_away() -> bool:
            return (await gate_row(database)).breaker == "open"

        async def is_told() -> bool:
            return [one.code for one in await in_queue(database)] == ["system_away"]

        await eventually(is_away)
        assert ((await gate_row(database)).cause, await in_queue(database)) == ("unreachable", [])
        clock.advance(timedelta(minutes=2))
        await eventually(is_told)


async def test_one_ping_in_vain_holds_nothing_up(
    gates: Gates, connect: Callable[[str, str], Awaitable[Connector]], database: Database
) -> None:
    await gates.turn()
    gone, here = await connect("gone", "right"), await connect("billing", "right")
    await ask(gates(BILLING), gone)
    assert gates(BILLING).in_doubt
    await ask(gates(BILLING), here)
    assert not gates(BILLING).in_doubt
    await gates.turn()
    assert (await gate_row(database)).flowing


async def test_a_paused_interface_is_left_alone(
    gates: Gates, connect: Callable[[str, str], Awaitable[Connector]], database: Database, clock: ManualClock
) -> None:
    await gates.turn()
    async with database.connection() as connection:
        await connection.execute("UPDATE gate SET paused_at = $1, paused_by = 'ann'", clock.now())
    await gates.turn()
    await ask(gates(BILLING), await connect("billing", "wrong"))
    await gates.turn()
    assert (await gate_row(database)).breaker == "closed"
