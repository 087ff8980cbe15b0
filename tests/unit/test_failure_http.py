"""What went wrong on the wire becomes a failure that says what happens next. The system here is a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from suture.connectors.http import HttpClient, retry_after
from suture.core.failure import CircuitOpen, Failure, Fatal, Retriable, Throttled, Unknown


async def _answer(request: web.Request) -> web.Response:
    status = request.match_info["status"]
    if status == "silence":
        await asyncio.sleep(5)
    if status == "sent-on":
        raise web.HTTPMovedPermanently("/200")
    if status == "hangup":
        assert request.transport is not None
        request.transport.abort()
    return web.Response(status=int(status) if status.isdigit() else 200, text="content", headers={"Retry-After": "7"})


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{status}", _answer)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


@pytest.fixture
async def client(url: str) -> AsyncIterator[HttpClient]:
    async with HttpClient("billing", url, headers={}, timeout=0.3) as client:
        yield client


@pytest.mark.parametrize(
    ("answer", "read", "write"),
    [
        ("401", Fatal, Fatal),
        ("429", Throttled, Throttled),
        ("503", Retriable, Retriable),
        ("502", Retriable, Unknown),
        ("504", Retriable, Unknown),
        ("silence", Retriable, Unknown),
        ("hangup", Retriable, Unknown),
    ],
)
async def test_after_no_answer_a_read_may_be_repeated_and_a_write_must_look(
    url: str, answer: str, read: type[Failure], write: type[Failure]
) -> None:
    async with HttpClient("billing", url, headers={}, timeout=0.3) as client:
        with pytest.raises(read):
            await client.get(f"/{answer}")
    async with HttpClient("billing", url, headers={}, timeout=0.3) as client:
        with pytest.raises(read):
            await client.post(f"/{answer}", {}, reading=True)
    async with HttpClient("billing", url, headers={}, timeout=0.3) as client:
        with pytest.raises(write):
            await client.post(f"/{answer}", {})


@pytest.mark.parametrize("status", [200, 404, 409, 422, 500])
async def test_the_systems_own_answers_go_back_to_the_connector(client: HttpClient, status: int) -> None:
    answer = await client.post(f"/{status}", {})
    assert (answer.status, answer.body) == (status, b"content")


@pytest.mark.parametrize("how", [300, 301, 302, 303, 304, 307, 308])
async def test_no_call_is_sent_on_to_another_address(client: HttpClient, how: int) -> None:
    for call in (client.get(f"/{how}"), client.post(f"/{how}", {}), client.post(f"/{how}", {}, reading=True)):
        with pytest.raises(Fatal) as caught:
            await call
        assert caught.value.code == "redirected"
    with pytest.raises(Fatal):
        await client.post("/sent-on", {})


async def test_an_answer_larger_than_any_that_is_asked_for_is_given_up(url: str) -> None:
    async with HttpClient("billing", url, headers={}, largest=6) as client:
        with pytest.raises(Retriable) as read:
            await client.get("/200")
        with pytest.raises(Unknown) as written:
            await client.post("/200", {})
    assert read.value.code == written.value.code == "answer_too_large"
    async with HttpClient("billing", url, headers={}, largest=7) as client:
        assert (await client.get("/200")).body == b"content"


async def test_a_busy_system_says_how_long_to_wait(client: HttpClient) -> None:
    with pytest.raises(Retriable) as caught:
        await client.get("/429")
    assert caught.value.not_before == timedelta(seconds=7)


async def test_no_call_goes_out_before_a_busy_system_wants_one(client: HttpClient) -> None:
    with pytest.raises(Throttled):
        await client.get("/429")
    with pytest.raises(CircuitOpen) as caught:
        await client.get("/200")
    assert caught.value.not_before is not None
    assert timedelta(seconds=6) < caught.value.not_before <= timedelta(seconds=7)


async def test_a_system_that_is_not_there_was_not_told_anything() -> None:
    async with HttpClient("billing", f"http://127.0.0.1:{unused_port()}", headers={}) as client:
        with pytest.raises(Retriable) as caught:
            await client.post("/", {})
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("0", 0), ("7", 7), ("999999", 3600), ("", None), ("-1", None), ("²", None), ("Wed, 21 Oct", None)),
        *(("Wed, 21 Oct 2026 07:28:30 GMT", 30), ("Wed, 21 Oct 2026 07:00:00 GMT", 0)),
    ],
)
def test_retry_after_in_seconds_or_as_a_date_by_the_servers_own_clock(header: str, seconds: int | None) -> None:
    headers = {"Retry-After": header, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert retry_after(headers) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_date_without_the_servers_clock_says_nothing() -> None:
    assert retry_after({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}) is None
