"""Automation rules that call a URL: hints, once or never, and of work that was taken back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.odoo.errors import OdooUserError
from suture_lab.simulators.odoo.hints import HintRule
from suture_lab.simulators.serving import serving

from .test_odoo_simulator import Desk, desk

__all__ = ["desk"]

KEY = "key"


def noted(desk: Desk) -> list[tuple[str, int]]:
    return [(told["_model"], told["_id"]) for _, told in desk.db.hints.take()]


def test_one_change_is_hinted_at_more_than_once(desk: Desk) -> None:
    desk.db.hints.add(HintRule("http://x", "account.move"))
    invoice = desk.invoice()
    told = noted(desk)
    assert len(told) > 1
    assert set(told) == {("account.move", invoice)}


def test_what_was_taken_back_is_hinted_at(desk: Desk) -> None:
    """What `load` takes back on both; a call that fails on 17 only, which calls before it is sure."""
    desk.db.hints.add(HintRule("http://x", "res.partner"))
    desk("res.partner", "load", ["id", "name"], [["x.a", "A"], ["x.b", ""]])
    assert noted(desk) == [("res.partner", 1)]
    with pytest.raises(OdooUserError):
        desk("res.partner", "create", [{"name": "A"}, {"name": ""}])
    assert noted(desk) == ([("res.partner", 2)] if desk.version == 17 else [])


@pytest.fixture
async def heard() -> AsyncIterator[tuple[str, asyncio.Queue[Any]]]:
    """A receiver's address, and what it was told."""
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: Request) -> Response:
        told.put_nowait(msgspec.json.decode(await request.body()))
        return Response(status_code=500)

    async with serving(Starlette(routes=[Route("/hint", receive, methods=["POST"])])) as url:
        yield f"{url}/hint", told


@pytest.mark.parametrize("registered", ["when made", "by a call"])
async def test_a_url_is_called_and_never_again(heard: tuple[str, asyncio.Queue[Any]], registered: str) -> None:
    address, told = heard
    app = create_app(api_keys={KEY: "bot"}, webhook=address if registered == "when made" else None)
    headers = {"Authorization": f"bearer {KEY}"}
    async with serving(app) as url, aiohttp.ClientSession(headers=headers) as client:
        if registered == "by a call":
            rule = {"url": address, "model": "res.partner"}
            await client.post(f"{url}/control/automation", json=rule)
        answer = await client.post(f"{url}/json/2/res.partner/create", json={"vals_list": [{"name": "Ann"}]})
        (partner,) = await answer.json()
        hint = await asyncio.wait_for(told.get(), 5)
        assert (hint["_model"], hint["_id"], hint["_action"]) == ("res.partner", partner, hint["_action"])
        assert told.empty()


async def test_nobody_waits_for_a_receiver_that_is_gone() -> None:
    app = create_app(api_keys={KEY: "bot"}, webhook="http://127.0.0.1:9/hint")
    headers = {"Authorization": f"bearer {KEY}"}
    async with serving(app) as url, aiohttp.ClientSession(headers=headers) as client:
        answer = await client.post(f"{url}/json/2/res.partner/create", json={"vals_list": [{"name": "Ann"}]})
        assert answer.status == 200
