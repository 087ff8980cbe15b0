"""A database that can take nothing more, for real: the gateway says so, and what it accepted is there afterwards."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from suture.bootstrap.composition import Foundation
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.core.clock import SystemClock
from suture.gateway import app as gateway
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.embedded import EmbeddedFailed, EmbeddedPostgres
from suture.store.schema import migrate
from suture.store.sealing import MasterKey

from .recovery import rows
from .test_gateway import INTERFACE, NEW, OLD, Sender, serving

_DISK_MIB = 190
_BODY = 400 * 1024


@asynccontextmanager
async def door(database: Database, catalogue: Catalogue, folder: Path) -> AsyncIterator[Sender]:
    """A gateway before a database."""
    keys = {"SUTURE_SCHEDULING_SIGNING_KEY": OLD, "SUTURE_BILLING_SIGNING_KEY": NEW}
    vault = Vault(database, MasterKey(b"k" * 32), "test-clinics")
    base = Foundation(Settings(), Secrets(keys, folder), catalogue, SystemClock(), database, vault, nats_url="")
    async with serving(gateway.create_app(base)) as url, aiohttp.ClientSession() as session:
        yield Sender(session, url)


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk of its own; what is on it goes with it."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="suture-disk-"))
    folder.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB}m,mode=755", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        if mounted.returncode:
            pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
        yield folder
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(disk: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(disk)
    try:
        server.start()
        yield server
    finally:
        server.stop_any()


@pytest.mark.parametrize("left", [60, 14], ids=["for tables", "for the log"])
async def test_a_full_disk_costs_time_and_nothing_that_was_accepted(
    disk: Path, server: EmbeddedPostgres, catalogue: Catalogue, tmp_path: Path, left: int
) -> None:
    """With little room left, it is the log that can't be written first, and the server gives up."""
    await asyncio.to_thread(migrate_in_thread, server.url)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - (left << 20)))
    database = await Database.connect(server.url)
    accepted: set[str] = set()
    try:
        async with door(database, catalogue, tmp_path) as sender:
            refused = await _fill(sender, accepted)
            assert (refused[0], refused[2]["Retry-After"]) == (503, "2")
            assert accepted, "some were taken before the disk was full"
            for number in range(3):
                assert (await sender.send(os.urandom(_BODY), delivery_id=f"full{number}"))[0] in (202, 503)
            ballast.unlink()
            await _until_taken(server, sender, accepted)
            assert (await sender.send(b"{}", delivery_id="after"))[0] == 202
        kept = {delivery for (delivery,) in await rows(database, "SELECT delivery_id FROM delivery")}
        assert accepted | {"after"} <= kept
        sizes = await rows(
            database, "SELECT DISTINCT octet_length(box) > $1 FROM delivery WHERE delivery_id ~ '^m'", _BODY
        )
        assert sizes == [(True,)], "each as a whole"
    finally:
        await database.close()


def migrate_in_thread(url: str) -> None:
    asyncio.run(migrate(url))


async def _fill(sender: Sender, accepted: set[str]) -> tuple[int, dict[str, Any], Any]:
    """Deliver until one is not taken; answers how that was said."""
    for number in range(2 * _DISK_MIB):
        answer = await sender.send(os.urandom(_BODY), delivery_id=f"m{number}")
        if answer[0] != 202:
            return answer
        accepted.add(f"m{number}")
    raise AssertionError("the disk was never full")


async def _until_taken(server: EmbeddedPostgres, sender: Sender, accepted: set[str]) -> None:
    """As a supervisor does it: where the server died of the full disk it is started again."""
    async with asyncio.timeout(90):
        while True:
            with suppress(EmbeddedFailed):
                await asyncio.to_thread(server.revive)
            if (await sender.send(os.urandom(1024), delivery_id="again"))[0] == 202:
                accepted.add("again")
                return
            await asyncio.sleep(0.2)


class TestFrozen:
    """A database that neither answers nor breaks off."""

    @pytest.fixture
    async def sender(
        self, database: Database, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Sender]:
        monkeypatch.setattr(gateway, "_PATIENCE_SECONDS", 0.5)
        async with door(database, catalogue, tmp_path) as sender:
            assert (await sender.send(delivery_id="before"))[0] == 202
            yield sender

    async def _refused_in_time(self, sender: Sender) -> None:
        began = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(sender.send(delivery_id=f"m{number}") for number in range(20)))
        assert asyncio.get_running_loop().time() - began < 5
        assert {(status, headers["Retry-After"]) for status, _, headers in answers} == {(503, "2")}

    async def _taken_once(self, sender: Sender, database: Database) -> None:
        """The senders come again; whatever was committed meanwhile is known."""
        async with asyncio.timeout(20):
            for number in range(20):
                while (await sender.send(delivery_id=f"m{number}"))[0] != 202:
                    await asyncio.sleep(0.1)
        assert await rows(database, "SELECT count(*), count(DISTINCT delivery_id) FROM delivery") == [(21, 21)]

    async def test_by_a_lock_senders_are_told_to_come_again(
        self, sender: Sender, database: Database, database_url: str
    ) -> None:
        holder = await asyncpg.connect(database_url)
        try:
            async with holder.transaction():
                await holder.execute("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE")
                await self._refused_in_time(sender)
        finally:
            await holder.close()
        await self._taken_once(sender, database)

    async def test_by_its_machine_senders_are_told_to_come_again(self, sender: Sender, database: Database) -> None:
        pids = await rows(database, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        try:
            for (pid,) in pids:
                os.kill(pid, signal.SIGSTOP)
            await self._refused_in_time(sender)
        finally:
            for (pid,) in pids:
                os.kill(pid, signal.SIGCONT)
        await self._taken_once(sender, database)

    async def test_the_inbox_is_the_same_for_what_it_knows(self, sender: Sender) -> None:
        first = await sender.send(delivery_id="before")
        assert first[0] == 202
        assert (await sender.send(delivery_id="before", interface=INTERFACE))[1] == first[1]
