"""The published documents are what the public validators ask for, and the API is what its document says."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.integration.api import Api, serving_api

from suture.backbone.embedded import EmbeddedNats
from suture.canonical.events import EVENT_TYPES
from suture.catalogue import Catalogue
from suture.core.clock import SystemClock
from suture.store.data_keys import Vault
from suture.store.database import Database

pytestmark = pytest.mark.timeout(300)

SPECS = Path(__file__).resolve().parents[2] / ".venv/asyncapi/node_modules/@asyncapi/specs/schemas/3.0.0.json"


@pytest.fixture
async def api(
    tmp_path: Path, database: Database, vault: Vault, nats_server: EmbeddedNats, catalogue: Catalogue
) -> AsyncIterator[Api]:
    async with serving_api(tmp_path, database, vault, nats_server.url, catalogue, SystemClock()) as made:
        yield made


async def document(api: Api, name: str) -> Any:
    reply = await api.call("GET", f"/v1/{name}.json", token="")
    assert reply.status == 200, "documents need no key"
    return reply.json


async def test_the_openapi_document_is_valid(api: Api) -> None:
    told = await document(api, "openapi")
    OpenAPIV31SpecValidator(told).validate()
    for path, operations in told["paths"].items():
        for operation in operations.values():
            assert operation["security"] == [{"key": []}], path
            assert "Scope: `" in operation["description"], path
            assert {"401", "403", "422", "429", "503"} <= operation["responses"].keys(), path


async def test_the_asyncapi_document_is_valid(api: Api) -> None:
    told = await document(api, "asyncapi")
    assert {channel["address"] for channel in told["channels"].values()} == EVENT_TYPES.keys()
    if not SPECS.exists():
        pytest.skip("AsyncAPI's schema is not here: CI=true sh scripts/validators.sh installs it, with npm")
    jsonschema.validate(told, msgspec.json.decode(SPECS.read_bytes()))


async def test_every_example_fits_its_message(api: Api) -> None:
    told = await document(api, "asyncapi")
    for message in told["components"]["messages"].values():
        schema = message["payload"] | {"components": told["components"]}
        for one in message["examples"]:
            jsonschema.validate(one["payload"], schema)


async def test_the_api_keeps_what_its_document_promises(api: Api, tmp_path: Path) -> None:
    """Schemathesis, with every check and nothing left out."""
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(f'[auth.openapi.key]\nbearer = "{api.token}"\n')
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run"]
    command += [f"{api.url}/v1/openapi.json", "--checks", "all", "--max-examples", "20"]
    command += ["--seed", "1", "--workers", "1", "--no-color", "--generation-deterministic"]
    process = await _run(command, tmp_path)
    assert process.returncode == 0, process.stdout[-6000:]
    assert "17 selected / 17 total" in process.stdout, process.stdout[:2000]


async def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "fresh_keys", "PYTHONPATH": str(Path(__file__).parent)}
    return await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
