"""The sender's promises: signed as the standard says, at least once, in order unless told otherwise."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture_lab.simulators.faults import FaultPlan, Faults
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookMessage, WebhookSender, WebhookTarget, key_of, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """Verifies what it gets and answers each message the statuses prescribed for it, then 202."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.statuses: dict[str, list[int]] = defaultdict(list)
        self._app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body, message_id = await request.body(), request.headers["webhook-id"]
        Webhook(SECRET).verify(body, dict(request.headers), json_parse=False)
        self.got.append((message_id, body))
        prescribed = self.statuses[message_id]
        return Response(status_code=prescribed.pop(0) if prescribed else 202)

    @asynccontextmanager
    async def sender(self, plan: FaultPlan | None = None) -> AsyncIterator[WebhookSender]:
        async with serving(self._app) as url:
            faults = Faults(plan or FaultPlan(), seed=1)
            sender = WebhookSender(WebhookTarget(f"{url}/hook", SECRET), faults=faults)
            try:
                yield sender
            finally:
                await sender.close()


async def settled(sender: WebhookSender) -> dict[str, int]:
    while not sender.idle:
        await asyncio.sleep(0.01)
    return sender.progress()


def test_the_standard_s_own_example() -> None:
    message = WebhookMessage("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    headers = signed_headers(key_of(SECRET), message, 1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_message_arrives_signed() -> None:
    receiver = Receiver()
    async with receiver.sender() as sender:
        await sender.send("m1", '{"name": "Zoë"}'.encode(), key="a")
        assert await settled(sender) == {"queued": 0, "delivered": 1, "retried": 0, "refused": 0}
    assert receiver.got == [("m1", '{"name": "Zoë"}'.encode())]


async def test_it_tries_until_accepted_with_the_same_id() -> None:
    receiver = Receiver()
    receiver.statuses["m1"] = [500, 401, 429]
    async with receiver.sender() as sender:
        await sender.send("m1", b"{}", key="a")
        assert await settled(sender) == {"queued": 0, "delivered": 1, "retried": 3, "refused": 0}
    assert [message_id for message_id, _ in receiver.got] == ["m1"] * 4


@pytest.mark.parametrize("status", [409, 410])
async def test_a_conflict_is_final(status: int) -> None:
    receiver = Receiver()
    receiver.statuses["m1"] = [status]
    async with receiver.sender() as sender:
        await sender.send("m1", b"{}", key="a")
        assert await settled(sender) == {"queued": 0, "delivered": 0, "retried": 0, "refused": 1}


async def test_a_receiver_that_is_down_is_waited_for() -> None:
    sender = WebhookSender(WebhookTarget("http://127.0.0.1:1/hook", SECRET))
    await sender.send("m1", b"{}", key="a")
    await asyncio.sleep(0.1)
    assert not sender.idle
    assert sender.progress()["retried"] >= 1
    await sender.close()


def of_key(receiver: Receiver, key: str) -> list[str]:
    return [message_id for message_id, _ in receiver.got if message_id.startswith(key)]


async def test_messages_of_one_key_keep_their_order() -> None:
    receiver = Receiver()
    receiver.statuses["a-1"] = [500, 500]
    async with receiver.sender() as sender:
        for number in range(50):
            for key in ("a", "b"):
                await sender.send(f"{key}-{number}", b"{}", key=key)
        await settled(sender)
    assert list(dict.fromkeys(of_key(receiver, "a"))) == [f"a-{number}" for number in range(50)]
    assert of_key(receiver, "b") == [f"b-{number}" for number in range(50)]


async def test_duplicates_are_sent_twice_and_delivered_once() -> None:
    receiver = Receiver()
    async with receiver.sender(FaultPlan(duplicate=1)) as sender:
        await sender.send("m1", b"{}", key="a")
        assert (await settled(sender))["delivered"] == 1
    assert receiver.got == [("m1", b"{}")] * 2


async def test_reordering_loses_nothing() -> None:
    receiver = Receiver()
    async with receiver.sender(FaultPlan(reorder=0.5, reorder_ms=50)) as sender:
        for number in range(40):
            await sender.send(f"a-{number}", b"{}", key="a")
        await settled(sender)
    names = [f"a-{number}" for number in range(40)]
    assert of_key(receiver, "a") != names
    assert sorted(of_key(receiver, "a")) == sorted(names)
