"""The gateway over a real socket, with real signatures and a real Postgres behind it."""

import asyncio
import base64
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
import uvicorn
from fastapi import FastAPI

from suture.access.signatures import decode_secret, sign
from suture.bootstrap.composition import Foundation
from suture.bootstrap.settings import Secrets, Settings, SettingsError
from suture.catalogue import Catalogue
from suture.core.clock import SystemClock
from suture.gateway.app import create_app
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.inbox import receipt_of
from suture.store.sealing import MasterKey

OLD, NEW, STRANGER = ("whsec_" + base64.b64encode(letter * 24).decode() for letter in (b"o", b"n", b"s"))
INTERFACE = "scheduling-appointments"
MOST = 1024
BODY = b'{"type": "appointment.booked"}'


class Sender:
    """A system that sends signed webhooks."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def send(
        self,
        body: bytes = BODY,
        *,
        delivery_id: str = "msg_1",
        interface: str = INTERFACE,
        secret: str = OLD,
        age: timedelta = timedelta(0),
        headers: dict[str, str] | None = None,
        data: Any = None,
        prefix: str = "webhook",
    ) -> tuple[int, dict[str, Any], Any]:
        """Answers status, JSON and headers. `headers` replace ours; `data` replaces the signed body on the wire."""
        timestamp = str(int((datetime.now(UTC) - age).timestamp()))
        signed = {
            f"{prefix}-id": delivery_id,
            f"{prefix}-timestamp": timestamp,
            f"{prefix}-signature": sign(decode_secret(secret), delivery_id, timestamp, body),
        }
        url = f"{self._url}/v1/hooks/{interface}"
        wire = body if data is None else data
        async with self._session.post(url, data=wire, headers=signed | (headers or {})) as response:
            return response.status, msgspec.json.decode(await response.read()), response.headers


@pytest.fixture
def base(database: Database, vault: Vault, catalogue: Catalogue, tmp_path: Path) -> Foundation:
    interfaces = dict(catalogue.interfaces)
    interfaces[INTERFACE] = msgspec.structs.replace(
        interfaces[INTERFACE], signing_keys=("SUTURE_OLD", "SUTURE_NEW"), max_body_kib=MOST // 1024
    )
    secrets = Secrets({"SUTURE_OLD": OLD, "SUTURE_NEW": NEW, "SUTURE_BILLING_SIGNING_KEY": NEW}, tmp_path)
    governed = msgspec.structs.replace(catalogue, interfaces=interfaces)
    return Foundation(Settings(), secrets, governed, SystemClock(), database, vault, nats_url="")


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def sender(base: Foundation) -> AsyncIterator[Sender]:
    async with serving(create_app(base)) as url, aiohttp.ClientSession() as session:
        yield Sender(session, url)


async def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


class TestTaken:
    async def test_is_answered_202_with_a_receipt_once_it_is_committed(
        self, sender: Sender, database: Database
    ) -> None:
        status, answer, _ = await sender.send()
        assert (status, UUID(answer["receipt"])) == (202, receipt_of(INTERFACE, "msg_1"))
        assert await _rows(database, "SELECT interface, delivery_id, state FROM delivery") == [
            (INTERFACE, "msg_1", "received")
        ]

    async def test_again_gets_the_same_receipt_and_leaves_nothing_new(self, sender: Sender, database: Database) -> None:
        first, again = await sender.send(), await sender.send()
        assert first[:2] == again[:2]
        assert await _rows(database, "SELECT count(*) FROM delivery") == [(1,)]

    @pytest.mark.parametrize("secret", [OLD, NEW])
    async def test_may_be_signed_with_any_valid_key(self, sender: Sender, secret: str) -> None:
        assert (await sender.send(secret=secret))[0] == 202

    async def test_may_be_as_large_as_the_interface_allows(self, sender: Sender) -> None:
        assert (await sender.send(b"x" * MOST))[0] == 202

    async def test_from_many_at_once_are_all_kept(self, sender: Sender, database: Database) -> None:
        answers = await asyncio.gather(*(sender.send(delivery_id=f"msg_{n}") for n in range(200)))
        assert {status for status, *_ in answers} == {202}
        assert await _rows(database, "SELECT count(*) FROM delivery") == [(200,)]


async def test_svix_headers_mean_what_the_standard_ones_mean(sender: Sender, database: Database) -> None:
    first, again = await sender.send(prefix="svix"), await sender.send()
    assert (first[0], first[1]) == (again[0], again[1]) == (202, first[1])
    assert await _rows(database, "SELECT count(*) FROM delivery") == [(1,)]


class TestRefused:
    @pytest.mark.parametrize(
        ("sent", "reason"),
        [
            ({"secret": STRANGER}, "signature_wrong"),
            ({"data": BODY + b" "}, "signature_wrong"),
            ({"headers": {"webhook-id": "msg_2"}}, "signature_wrong"),
            ({"headers": {"webhook-signature": "v1,"}}, "signature_wrong"),
            ({"headers": {"webhook-signature": ""}}, "headers_missing"),
            ({"prefix": "svix", "headers": {"webhook-id": "msg_1"}}, "headers_missing"),
            ({"prefix": "svix", "secret": STRANGER}, "signature_wrong"),
            ({"delivery_id": "msg.1"}, "id_with_dot"),
            ({"headers": {"webhook-timestamp": "soon"}}, "timestamp_invalid"),
            ({"age": timedelta(minutes=6)}, "timestamp_too_old"),
            ({"age": timedelta(minutes=-6)}, "timestamp_too_new"),
        ],
    )
    async def test_401_is_counted_and_nothing_else_is_kept(
        self, sender: Sender, database: Database, sent: dict[str, Any], reason: str
    ) -> None:
        for _ in range(2):
            status, problem, headers = await sender.send(**sent)
            assert (status, problem["title"]) == (401, reason)
            assert headers["content-type"] == "application/problem+json"
        async with asyncio.timeout(5):
            while await _rows(database, "SELECT interface, reason, count FROM refusal") != [(INTERFACE, reason, 2)]:
                await asyncio.sleep(0.05)
        assert await _rows(database, "SELECT * FROM delivery") == []

    async def test_401_for_a_key_of_another_interface(self, sender: Sender) -> None:
        assert (await sender.send(interface="billing-payments", secret=OLD))[0] == 401

    @pytest.mark.parametrize("interface", ["nobody", "odoo-ledger"])
    async def test_404_where_no_inbound_interface_has_that_name(self, sender: Sender, interface: str) -> None:
        assert (await sender.send(interface=interface))[0] == 404

    async def test_409_for_another_body_under_a_used_id_and_keeps_it(self, sender: Sender, database: Database) -> None:
        await sender.send()
        status, problem, _ = await sender.send(b"{}")
        assert (status, problem["title"]) == (409, "id_reused")
        assert await _rows(database, "SELECT delivery_id FROM delivery_conflict") == [("msg_1",)]
        assert (await sender.send())[0] == 202

    async def test_413_for_a_body_that_is_announced_too_large(self, sender: Sender, database: Database) -> None:
        assert (await sender.send(b"x" * (MOST + 1)))[0] == 413
        assert await _rows(database, "SELECT * FROM delivery") == []

    async def test_413_for_a_body_that_turns_out_too_large(self, sender: Sender) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(MOST // 64 + 1):
                yield b"x" * 64

        assert (await sender.send(data=chunks()))[0] == 413

    @pytest.mark.parametrize("delivery_id", ["x" * 201, "tab\there"])
    async def test_400_for_an_unusable_id(self, sender: Sender, delivery_id: str) -> None:
        assert (await sender.send(delivery_id=delivery_id))[0] == 400


class TestDatabaseAway:
    async def test_503_says_when_to_come_again_and_the_second_try_is_taken(
        self, base: Foundation, line, catalogue: Catalogue
    ) -> None:
        cable, url = line
        database = await Database.connect(url)
        far = Foundation(
            base.settings,
            base.secrets,
            base.catalogue,
            base.clock,
            database,
            Vault(database, MasterKey(b"k" * 32), "test-clinics"),
            nats_url="",
        )
        try:
            async with serving(create_app(far)) as gateway, aiohttp.ClientSession() as session:
                sender = Sender(session, gateway)
                assert (await sender.send(delivery_id="before"))[0] == 202
                await cable.cut()
                for _ in range(2):
                    status, _, headers = await sender.send(delivery_id="meanwhile")
                    assert (status, headers["Retry-After"]) == (503, "2")
                assert (await sender.send(secret=STRANGER))[0] == 401
                await cable.mend()
                assert (await sender.send(delivery_id="meanwhile"))[0] == 202
        finally:
            await database.close()

    async def test_503_when_an_administrator_ends_its_connections(self, sender: Sender, database: Database) -> None:
        await sender.send(delivery_id="warm")
        async with database.connection() as own:
            await own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        statuses = {(await sender.send(delivery_id=f"msg_{n}"))[0] for n in range(5)}
        assert statuses <= {202, 503}
        assert (await sender.send(delivery_id="last"))[0] == 202


class TestAnotherMasterKey:
    """A second gateway that was set up without the key that the first one seals by."""

    @pytest.fixture
    async def stranger(self, base: Foundation, database: Database) -> AsyncIterator[str]:
        await base.vault.check()
        vault = Vault(database, MasterKey(b"x" * 32), "test-clinics")
        async with serving(create_app(dataclasses.replace(base, vault=vault))) as url:
            yield url

    async def test_takes_nothing_and_says_come_again(self, stranger: str, database: Database) -> None:
        async with aiohttp.ClientSession() as session:
            status, told, headers = await Sender(session, stranger).send()
            assert (status, headers["Retry-After"], told["title"]) == (503, "2", "try_later")
            async with session.get(f"{stranger}/v1/exceptions", headers={"Authorization": "Bearer x"}) as answer:
                assert (answer.status, (await answer.json())["type"]) == (503, "urn:suture:problem:not_ready")
        assert await _rows(database, "SELECT * FROM delivery") == []
        assert await _rows(database, "SELECT * FROM data_key") == []

    async def test_is_not_ready_and_says_why(self, stranger: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{stranger}/health/ready") as answer:
            assert answer.status == 503
            assert "SUTURE_MASTER_KEY is not the key" in (await answer.json())["missing"]["master key"]


@pytest.mark.parametrize("secret", [None, "whsec_not base64", "whsec_", "whsec_c2hvcnQ="])
def test_a_signing_key_that_is_missing_or_unusable_stops_the_start(
    base: Foundation, tmp_path: Path, secret: str | None
) -> None:
    environment = {"SUTURE_NEW": NEW, "SUTURE_BILLING_SIGNING_KEY": NEW} | ({"SUTURE_OLD": secret} if secret else {})
    broken = Foundation(
        base.settings,
        Secrets(environment, tmp_path),
        base.catalogue,
        base.clock,
        base.database,
        base.vault,
        nats_url="",
    )
    with pytest.raises(SettingsError):
        create_app(broken)


async def test_health_is_answered_without_the_database(base: Foundation, database: Database) -> None:
    app = create_app(base)
    await database.close()
    async with (
        serving(app) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/health/live") as response,
    ):
        assert (response.status, await response.text()) == (200, "alive\n")
