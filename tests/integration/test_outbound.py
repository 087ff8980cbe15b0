"""Webhooks to subscribers: signed, in order, tried again, given up, disabled by policy, redelivered on request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec
import pytest
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.access.roles import ADMINISTRATOR, CLIENT
from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.canonical.examples import example
from suture.catalogue import Catalogue
from suture.commands import subscriptions
from suture.core.clock import ManualClock
from suture.outbound.addresses import AddressRefused, PublicResolver, check_url
from suture.outbound.fan_out import FanOut
from suture.outbound.sender import SCHEDULE, SubscriptionSender
from suture.store import exceptions
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import ExceptionSelection
from suture.store.recorder import Recorder
from suture.store.subscriptions import claim
from suture_lab.simulators.serving import serving

pytestmark = pytest.mark.timeout(60)

ERP = Actor("api/erp", roles=(CLIENT,))
POSTED, VOIDED = "suture.invoice.posted.v1", "suture.charge.voided.v1"


class Receiver:
    """Takes webhooks, and answers what it is told to."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.taken: list[Request] = []
        self.bodies: list[bytes] = []

    async def take(self, request: Request) -> Response:
        self.taken.append(request)
        self.bodies.append(await request.body())
        return Response(status_code=self.answers.pop(0) if self.answers else 204, headers=self.headers)

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.taken]


class Bench:
    def __init__(self, desk: CommandContext, receiver: Receiver, url: str, http: aiohttp.ClientSession) -> None:
        self.desk = desk
        self.receiver = receiver
        self.url = url
        self._http = http
        self.fan_out = FanOut(desk.database, desk.clock)
        self.sender = self.another()

    def another(self, *, private: bool = True) -> SubscriptionSender:
        return SubscriptionSender(
            database=self.desk.database,
            vault=self.desk.vault,
            recorder=self.desk.recorder,
            catalogue=self.desk.catalogue,
            clock=self.desk.clock,
            private=private,
            seed=1,
        )

    async def subscribe(self, *types: str) -> tuple[UUID, str]:
        made, secret = await subscriptions.subscribe(self.desk, ERP, uuid4(), self.url, types, private=True)
        return made.id, secret

    async def record(self, *types: str) -> list[str]:
        """Record events; answers their ids."""
        told = [msgspec.structs.replace(example(one), id=uuid4()) for one in types]
        await self.fan_out.apply(told)
        await self.fan_out.apply(told)  # told again: nothing
        return [str(event.id) for event in told]

    async def send(self) -> int:
        return await self.sender.send_due(self._http)


@pytest.fixture
async def it(database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> AsyncIterator[Bench]:
    desk = CommandContext(database=database, vault=vault, recorder=Recorder(()), catalogue=catalogue, clock=clock)
    async with bench(desk) as made:
        yield made


@asynccontextmanager
async def bench(desk: CommandContext) -> AsyncIterator[Bench]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    async with serving(app) as url, aiohttp.ClientSession() as http:
        yield Bench(desk, receiver, f"{url}/hook", http)


async def states(it: Bench, number: UUID) -> list[str]:
    return [one.state for one in reversed(await subscriptions.deliveries(it.desk, number))]


async def test_events_are_delivered_in_order_signed_and_once(it: Bench) -> None:
    number, secret = await it.subscribe()
    ids = await it.record(POSTED, VOIDED, POSTED)
    assert await it.send() == 1
    assert await it.send() == 0
    assert it.receiver.ids == ids
    stamp = int(it.receiver.taken[0].headers["webhook-timestamp"])
    assert stamp == int(it.desk.clock.now().timestamp())
    verified: Any = verify(secret, it.receiver)
    assert (verified["type"], verified["id"]) == (POSTED, ids[0])
    assert await states(it, number) == ["delivered"] * 3


def verify(secret: str, receiver: Receiver, which: int = 0) -> Any:
    """The body, if it carries the signature that the library of Standard Webhooks makes of it."""
    headers = dict(receiver.taken[which].headers)
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
    signature = Webhook(secret).sign(headers["webhook-id"], sent_at, receiver.bodies[which].decode())
    assert signature in headers["webhook-signature"].split(" ")
    return msgspec.json.decode(receiver.bodies[which])


async def test_only_what_was_subscribed_to_is_sent(it: Bench) -> None:
    await it.subscribe(VOIDED)
    ids = await it.record(POSTED, VOIDED)
    await it.send()
    assert it.receiver.ids == ids[1:]


async def test_a_failure_is_tried_again_and_nothing_overtakes_it(it: Bench, clock: ManualClock) -> None:
    number, _ = await it.subscribe()
    it.receiver.answers = [500, 503]
    ids = await it.record(POSTED, VOIDED)
    await it.send()
    assert await states(it, number) == ["waiting", "waiting"]
    assert await it.send() == 0, "its turn has not come"
    clock.advance(SCHEDULE[0] * 1.2)
    await it.send()
    clock.advance(SCHEDULE[1] * 1.2)
    await it.send()
    assert it.receiver.ids == [ids[0], ids[0], *ids]
    assert await states(it, number) == ["delivered", "delivered"]


async def test_a_subscriber_that_asks_for_time_gets_it(it: Bench, clock: ManualClock) -> None:
    await it.subscribe()
    it.receiver.answers, it.receiver.headers = [429], {"Retry-After": "300"}
    await it.record(POSTED)
    await it.send()
    clock.advance(timedelta(seconds=290))
    assert await it.send() == 0
    clock.advance(timedelta(seconds=20))
    assert await it.send() == 1


async def test_what_never_goes_through_is_given_up_and_redelivered_on_request(it: Bench, clock: ManualClock) -> None:
    number, _ = await it.subscribe()
    it.receiver.answers = [500] * (len(SCHEDULE) + 1)
    first, second = await it.record(POSTED, VOIDED)
    for pause in SCHEDULE:
        await it.send()
        clock.advance(pause * 1.2)
    await it.send()
    assert await states(it, number) == ["given_up", "waiting"]
    await it.send()
    assert await states(it, number) == ["given_up", "delivered"], "the next one has its turn"
    await subscriptions.redeliver(it.desk, ERP, number, UUID(first))
    await it.send()
    assert it.receiver.ids[-2:] == [second, first]
    assert await states(it, number) == ["delivered", "delivered"]


async def test_one_that_is_gone_is_disabled_and_a_person_told(it: Bench, database: Database) -> None:
    number, _ = await it.subscribe()
    it.receiver.answers = [410]
    await it.record(POSTED)
    await it.send()
    found = await subscriptions.one(it.desk, number)
    assert (found.state, found.reason) == ("disabled", "it answered 410 (gone)")
    async with database.connection() as connection:
        (trouble,) = await exceptions.select(connection, ExceptionSelection())
    assert (trouble.code, trouble.owner) == ("subscriber_disabled", "clinic operations")
    await subscriptions.switch(it.desk, Actor("ada", roles=(ADMINISTRATOR,)), number, enabled=True)
    await it.send()
    assert await states(it, number) == ["delivered"], "what waited is delivered once it is enabled"
    async with database.connection() as connection:
        assert await exceptions.select(connection, ExceptionSelection()) == []


async def test_one_that_fails_for_days_is_disabled(it: Bench, clock: ManualClock) -> None:
    number, _ = await it.subscribe()
    it.receiver.answers = [500] * 50
    await it.record(*([POSTED] * 3))
    for _ in range(30):
        await it.send()
        clock.advance(timedelta(hours=13))
    assert (await subscriptions.one(it.desk, number)).state == "disabled"


async def test_a_rotated_secret_signs_beside_the_one_before_for_a_day(it: Bench, clock: ManualClock) -> None:
    number, old = await it.subscribe()
    new = await subscriptions.rotate(it.desk, ERP, number)
    await it.record(POSTED)
    await it.send()
    for secret in (old, new):
        verify(secret, it.receiver)
    clock.advance(timedelta(hours=25))
    await it.record(POSTED)
    await it.send()
    verify(new, it.receiver, 1)
    assert len(it.receiver.taken[1].headers["webhook-signature"].split(" ")) == 1


async def test_two_workers_never_serve_one_subscriber_at_once(it: Bench) -> None:
    await it.subscribe()
    await it.record(POSTED)
    async with it.desk.database.connection() as connection:
        now = it.desk.clock.now()
        assert len(await claim(connection, now, now + timedelta(seconds=60), 10)) == 1
        assert await claim(connection, now, now + timedelta(seconds=60), 10) == []
    assert await it.send() == 0


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example/x", "https://127.0.0.1/x", "https://10.0.0.7/x", "https://[::1]/x", "ftp://a.example"),
        *(
            "https://localhost/x",
            "https://user:secret@a.example/",
            "https://a.example:5432/",
            "https:///x",
            "https://[",
        ),
        *("https://169.254.169.254/latest", "https://a.example/#part"),
        *("https://localhost./x", "https://a.localhost/x", "https://127.1/x", "https://2130706433/x"),
        *("https://0x7f.1/x", "https://0177.0.0.1/x", "https://127.0.0.1./x", "https://127%2e0.0.1/x"),
        *("https://0.0.0.0/x", "https://224.0.0.1/x", "https://239.1.2.3/x", "https://[ff0e::1]/x", "https://[::]/x"),
        *("https://[64:ff9b::a00:7]/x", "https://[64:ff9b:1::808:808]/x", "https://[2002:a00:7::1]/x"),
        *("https://[2001::1]/x", "https://[::10.0.0.7]/x", "https://[::ffff:10.0.0.7]/x", "https://[fe80::1]/x"),
    ],
)
async def test_webhooks_go_nowhere_inside(it: Bench, url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, private=False)
    with pytest.raises(NotPossible):
        await subscriptions.subscribe(it.desk, ERP, uuid4(), url, (), private=False)


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "[2002:808:808::1]", "erp.example."]
)
def test_webhooks_go_to_public_addresses(host: str) -> None:
    check_url(f"https://{host}/x", private=False)


async def test_an_address_inside_is_refused_at_each_send_whoever_let_it_in(it: Bench) -> None:
    number, _ = await it.subscribe()
    await it.record(POSTED)
    it.sender = it.another(private=False)
    await it.send()
    assert it.receiver.taken == []
    assert await states(it, number) != ["delivered"]
    it.sender = it.another()
    it.desk.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    await it.send()
    assert len(it.receiver.taken) == 1


async def test_a_name_that_leads_inside_is_refused_when_it_is_used() -> None:
    check_url("https://erp.example/hook", private=False)
    resolver = PublicResolver()
    with pytest.raises(OSError, match="internal address"):
        await resolver.resolve("localhost", 443)
    await resolver.close()
