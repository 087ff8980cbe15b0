"""Real servers for tests: one Postgres and one NATS a test process, a fresh database a test."""

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import argon2
import asyncpg
import pytest
import uvloop
from hypothesis import settings

from suture.access import passwords
from suture.backbone.embedded import EmbeddedNats
from suture.catalogue import Catalogue, parse
from suture.catalogue.write import template
from suture.core.clock import ManualClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.embedded import EmbeddedPostgres
from suture.store.schema import migrate
from suture.store.sealing import MasterKey

settings.register_profile("suture", deadline=None)  # machines are busy with others: a whole test has a deadline
settings.load_profile("suture")
_numbers = itertools.count()
_MEMORY, _ENOUGH_BYTES = Path("/dev/shm"), 4 * 1024**3


def _work_in_memory() -> None:
    """Temporary folders lie in memory where there is enough of it: a fresh database is hundreds of small files, and on
    a disk those cost more time than all that is tried with it."""
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES
    if roomy and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


_work_in_memory()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored, and every process started here


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the roles run on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_xdist_auto_num_workers() -> int:
    """Two test processes a core: about half of the time they wait, for servers to start and commands to end."""
    return 2 * (os.cpu_count() or 1)


FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords cost what argon2 costs at least: what is tried is when they are weighed, not how long that takes."""
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", cheap)
        patch.setattr(passwords, "_NOBODYS", cheap.hash("nobody's"))
        yield


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path of our own, that the database's user may enter."""
    with tempfile.TemporaryDirectory(prefix="suture-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    """A running Postgres whose database `suture` is migrated and serves as a template. Tests of what survives a crash
    start servers of their own; this one need not wait for its disk."""
    server = EmbeddedPostgres(server_folder)
    url = server.start()
    try:
        asyncio.run(migrate(url))
        asyncio.run(_hurry(url))
        yield url
    finally:
        server.stop()


async def _hurry(url: str) -> None:
    admin = await asyncpg.connect(url)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        await admin.execute(f"ALTER SYSTEM SET {setting} = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


@asynccontextmanager
async def fresh_database(postgres_url: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    admin_url = postgres_url.rpartition("/")[0] + "/postgres"
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE suture STRATEGY FILE_COPY")
        yield postgres_url.rpartition("/")[0] + f"/{name}"
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_url) as url:
        yield url


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


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The commented template that `suture init` writes: one facility MAIN, one service OV-EST."""
    return parse(template(), "catalogue.yaml")


Notice = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def notice() -> Notice:
    """A scheduling system's notice, decoded: ``notice("completed", appointment="a1", version=3)``."""
    return _notice


_STATUSES = {"completed": "fulfilled", "rescheduled": "booked"}


def _notice(
    kind: str = "completed",
    *,
    appointment: str = "a1",
    version: int | str = 1,
    family: str = "Doe",
    patient: str = "p1",
) -> dict[str, Any]:
    resources: list[dict[str, Any]] = [
        {
            "resourceType": "Appointment",
            "id": appointment,
            "meta": {"versionId": str(version), "lastUpdated": f"2026-03-02T10:{int(version) % 60:02}:00Z"},
            "status": _STATUSES.get(kind, kind),
            "start": "2026-03-02T09:00:00-05:00",
            "participant": [
                {"actor": {"reference": f"Patient/{patient}"}},
                {"actor": {"reference": "Practitioner/d1"}},
                {"actor": {"reference": "Location/l1"}},
            ],
        },
        {"resourceType": "Patient", "id": patient, "name": [{"family": family, "given": ["Jo", "Ann"]}]},
        {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "House", "prefix": ["Dr."]}]},
        {"resourceType": "Location", "id": "l1", "identifier": [{"value": "MAIN"}]},
    ]
    if kind == "completed":
        resources += [
            {
                "resourceType": "Encounter",
                "id": "e1",
                "status": "finished",
                "period": {"start": "2026-03-02T09:00:00-05:00", "end": "2026-03-02T09:30:00-05:00"},
            },
            {"resourceType": "Coverage", "id": "c1", "payor": [{"reference": "Organization/o1"}]},
            {"resourceType": "Organization", "id": "o1", "name": "Blue Harbour"},
            {
                "resourceType": "ChargeItem",
                "id": "i1",
                "status": "billable",
                "code": {"coding": [{"system": "urn:harbour:services", "code": "OV-EST"}]},
            },
        ]
    return {
        "type": f"appointment.{kind}",
        "timestamp": "2026-03-02T15:00:00Z",
        "data": {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]},
    }
