"""What the API's tests share: a gateway that really runs, and a client of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.bootstrap.composition import Foundation, command_context
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.commands import clients
from suture.commands.clients import SCOPES
from suture.core.clock import Clock
from suture.gateway.app import create_app
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture_lab.simulators.serving import serving

KEYS = {name: "whsec_" + "c3V0dXJl" * 4 for name in ("SUTURE_SCHEDULING_SIGNING_KEY", "SUTURE_BILLING_SIGNING_KEY")}


class Reply:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def problem(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self.body
        return str(self.json["type"]).removeprefix("urn:suture:problem:")


class Api:
    """A client of the API; `token` may be another's."""

    def __init__(self, url: str, desk: CommandContext, http: aiohttp.ClientSession, token: str) -> None:
        self.url = url
        self.desk = desk
        self._http = http
        self.token = token

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> Reply:
        told = {"Authorization": f"Bearer {self.token if token is None else token}"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.request(method, self.url + path, json=body, headers=told) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.call("POST", path, body, **headers)

    async def client(self, name: str, scopes: Sequence[str] = tuple(SCOPES), per_minute: int = 100_000) -> str:
        return await clients.add(
            self.desk,
            Actor("ada", roles=(ADMINISTRATOR,)),
            name,
            purpose="test",
            scopes=scopes,
            per_minute=per_minute,
            days=None,
        )


@asynccontextmanager
async def serving_api(
    folder: Path, database: Database, vault: Vault, nats_url: str, catalogue: Catalogue, clock: Clock
) -> AsyncIterator[Api]:
    settings = Settings(data_dir=folder, private_webhooks=True)
    base = Foundation(settings, Secrets(KEYS, folder), catalogue, clock, database, vault, nats_url)
    async with serving(create_app(base)) as url, aiohttp.ClientSession() as http:
        api = Api(url, command_context(base), http, "")
        api.token = await api.client("erp")
        yield api
