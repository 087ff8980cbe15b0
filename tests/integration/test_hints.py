"""Hints wake who polls, believe nothing, and tell nobody what there is who has no secret."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest
from starlette.types import ASGIApp

from suture.bootstrap.composition import Foundation
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.core.clock import SystemClock
from suture.gateway.app import create_app
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.listen import HINTS
from suture_lab.simulators.serving import serving

SECRET = "a-hint-that-is-hard-to-guess"
KEY = "whsec_" + "c3V0dXJl" * 4
SECRETS = {
    "SUTURE_ODOO_HINT_SECRET": SECRET,
    "SUTURE_SCHEDULING_SIGNING_KEY": KEY,
    "SUTURE_BILLING_SIGNING_KEY": KEY,
}


@pytest.fixture
def gateway(database: Database, vault: Vault, catalogue: Catalogue, tmp_path: Path) -> ASGIApp:
    interfaces = dict(catalogue.interfaces)
    interfaces["odoo-changes"] = msgspec.structs.replace(
        interfaces["odoo-changes"], hint_secret="SUTURE_ODOO_HINT_SECRET"
    )
    governed = msgspec.structs.replace(catalogue, interfaces=interfaces)
    base = Foundation(Settings(), Secrets(SECRETS, tmp_path), governed, SystemClock(), database, vault, nats_url="")
    return create_app(base)


@pytest.fixture
async def post(gateway: ASGIApp) -> AsyncIterator[Callable[[str, bytes], Awaitable[int]]]:
    async with serving(gateway) as url, aiohttp.ClientSession() as session:

        async def call(path: str, body: bytes = b"{}") -> int:
            async with session.post(url + path, data=body) as response:
                assert await response.read() == b""
                return response.status

        yield call


async def heard(database_url: str, during: Awaitable[object]) -> list[str]:
    """What was announced meanwhile."""
    told: list[str] = []
    connection = await asyncpg.connect(database_url)
    try:
        await connection.add_listener(HINTS, lambda *arguments: told.append(str(arguments[-1])))
        await during
        await asyncio.sleep(0.1)
    finally:
        await connection.close()
    return told


async def test_a_hint_is_passed_on_and_its_body_thrown_away(
    post: Callable[..., Awaitable[int]], database_url: str, database: Database
) -> None:
    call = post(f"/v1/hints/odoo-changes/{SECRET}", b'{"_model": "res.partner", "name": "Zebedee"}' * 1000)
    told = await heard(database_url, expect(204, call))
    assert told == ["odoo-changes"]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM delivery") == 0


async def expect(status: int, call: Awaitable[int]) -> None:
    assert await call == status


@pytest.mark.parametrize(
    "path",
    [
        "/v1/hints/odoo-changes/wrong",
        "/v1/hints/odoo-changes/",
        "/v1/hints/odoo-changes",
        f"/v1/hints/nothing/{SECRET}",
        f"/v1/hints/billing-payments/{SECRET}",
        "/v1/hints/",
    ],
)
async def test_without_the_secret_there_is_nothing_here(
    post: Callable[..., Awaitable[int]], database_url: str, path: str
) -> None:
    assert await heard(database_url, expect(404, post(path))) == []


async def test_what_is_read_takes_no_deliveries(gateway: ASGIApp) -> None:
    async with (
        serving(gateway) as url,
        aiohttp.ClientSession() as session,
        session.post(url + "/v1/hooks/odoo-changes", data=b"{}") as response,
    ):
        assert response.status == 404
