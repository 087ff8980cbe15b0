"""Real servers for tests: one Postgres and one NATS a test process, a fresh database a test."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from suture.backbone.embedded import EmbeddedNats
from suture.core.clock import ManualClock
from suture.store.database import Database
from suture.store.embedded import EmbeddedPostgres
from suture.store.schema import migrate
from suture.store.sealing import MasterKey
from suture.store.vault import Vault

_numbers = itertools.count()
FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path of our own, that the database's user may enter."""
    with tempfile.TemporaryDirectory(prefix="suture-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    """A running Postgres whose database `suture` is migrated and serves as a template."""
    server = EmbeddedPostgres(server_folder)
    url = server.start()
    try:
        asyncio.run(migrate(url))
        yield url
    finally:
        server.stop()


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    admin_url = postgres_url.rpartition("/")[0] + "/postgres"
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE suture")
        yield postgres_url.rpartition("/")[0] + f"/{name}"
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url)
    yield database
    await database.close()


@pytest.fixture
def vault(database: Database) -> Vault:
    return Vault(database, MasterKey(b"k" * 32), "test-clinics")


@pytest.fixture(scope="session")
def nats_server(server_folder: Path) -> Iterator[EmbeddedNats]:
    server = EmbeddedNats(server_folder / "backbone")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))


@pytest.fixture
def fixtures() -> Path:
    """Records that others made, beside the project; tests that read them are skipped where they are absent."""
    if not FIXTURES.is_dir():
        pytest.skip("the shared fixtures are not beside the project")
    return FIXTURES
