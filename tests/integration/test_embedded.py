"""The embedded Postgres comes back after it was killed; and a data folder has one supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from suture.bootstrap.servers import FolderInUse, Servers, embedded_servers, sole_supervisor, wipe
from suture.bootstrap.settings import Settings
from suture.bootstrap.supervise import RoleProcess
from suture.store.embedded import EmbeddedFailed, EmbeddedPostgres, free_port, is_free

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's user may enter."""
    with tempfile.TemporaryDirectory(prefix="suture-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop_any()


def ask(url: str, *statements: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def kill_and_wait(pid: int) -> None:
    """Kill a process and see it dead; it stays a zombie until its parent asks for it, with no threads left."""
    process = psutil.Process(pid)
    process.kill()
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1:
            time.sleep(0.01)


def pid_of(server: EmbeddedPostgres) -> int:
    assert server.pid is not None
    return server.pid


class TestPostgres:
    def test_comes_back_on_the_same_port_with_all_that_was_committed(self, postgres: EmbeddedPostgres) -> None:
        url = postgres.url
        ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)", "SELECT 1")
        assert postgres.revive() is False
        kill_and_wait(pid_of(postgres))
        assert postgres.revive() is True
        assert postgres.url == url
        assert ask(url, "SELECT count(*) FROM kept") == 1

    def test_comes_back_although_backends_outlive_their_server(self, postgres: EmbeddedPostgres) -> None:
        """A backend in the midst of a query notices nothing, and holds the memory that a new server would need."""

        async def busy() -> None:
            connection = await asyncpg.connect(postgres.url)
            query = asyncio.create_task(connection.fetchval("SELECT count(*) FROM generate_series(1, 2000000000)"))
            await asyncio.sleep(0.5)
            kill_and_wait(pid_of(postgres))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            assert await asyncio.to_thread(postgres.revive)
            assert time.monotonic() - began < 30
            with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
                await query

        asyncio.run(busy())
        assert ask(postgres.url, "SELECT 1") == 1

    def test_is_left_alone_while_it_is_frozen(self, postgres: EmbeddedPostgres) -> None:
        pid = pid_of(postgres)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert postgres.revive() is False
        finally:
            os.kill(pid, signal.SIGCONT)
        assert pid_of(postgres) == pid

    def test_that_another_started_is_revived_too(self, postgres: EmbeddedPostgres, folder: Path) -> None:
        attached = EmbeddedPostgres(folder)
        assert attached.start() == postgres.url
        assert attached.revive() is False
        kill_and_wait(pid_of(postgres))
        assert attached.revive() is True
        attached.stop()
        with pytest.raises(EmbeddedFailed):
            _ = attached.url

    def test_keeps_its_port_over_a_stop_and_takes_another_where_it_is_taken(self, postgres: EmbeddedPostgres) -> None:
        import socket

        url = postgres.url
        postgres.stop()
        assert postgres.start() == url
        postgres.stop()
        with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0]))):
            assert postgres.start() != url

    def test_stops_also_when_it_is_frozen(self, postgres: EmbeddedPostgres) -> None:
        os.kill(pid_of(postgres), signal.SIGSTOP)
        postgres.stop()
        assert postgres.pid is None


class TestServers:
    def test_are_both_revived_and_told_of(self, folder: Path) -> None:
        with sole_supervisor(folder), embedded_servers(Settings(data_dir=folder)) as servers:
            assert servers.revive() == []
            before = (servers.database_url, servers.nats_url)
            for pid in servers.pids.values():
                kill_and_wait(pid)
            assert servers.revive() == [
                "PostgreSQL had stopped and was restarted",
                "nats had stopped and was restarted",
            ]
            servers.start()
            assert (servers.database_url, servers.nats_url) == before
        assert servers.pids == {}

    def test_left_behind_by_a_killed_supervisor_are_taken_over(self, folder: Path) -> None:
        left = EmbeddedPostgres(folder)
        left.start()
        with sole_supervisor(folder), embedded_servers(Settings(data_dir=folder)) as servers:
            assert servers.pids["postgres"] == left.pid
        assert left.pid is None
        left.stop()

    def test_that_urls_name_are_nobodys_to_start(self, folder: Path) -> None:
        servers = Servers(Settings(data_dir=folder, database_url="postgresql://db/x", nats_url="nats://n"))
        servers.start()
        assert servers.pids == {}
        assert servers.revive() == []
        assert servers.as_environment() == {"SUTURE_DATABASE_URL": "postgresql://db/x", "SUTURE_NATS_URL": "nats://n"}

    def test_a_folder_is_emptied_but_for_its_lock(self, folder: Path) -> None:
        (folder / "old").mkdir()
        with sole_supervisor(folder):
            left = EmbeddedPostgres(folder)
            left.start()
            wipe(folder)
            assert left.pid is None
            left.stop()
            assert [path.name for path in folder.iterdir()] == ["suture.lock"]


class TestSoleSupervisor:
    def test_a_second_one_is_told_who_is_there(self, folder: Path) -> None:
        with sole_supervisor(folder):
            says = pytest.raises(FolderInUse, match=rf"process {os.getpid()}.*SUTURE_DATA_DIR")
            with says, sole_supervisor(folder):
                pass
        with sole_supervisor(folder):
            pass

    def test_a_killed_one_leaves_no_lock(self, folder: Path) -> None:
        code = (
            "import sys, time; from pathlib import Path; from suture.bootstrap.servers import sole_supervisor\n"
            "with sole_supervisor(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
        )
        holder = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse), sole_supervisor(folder):
            pass
        holder.kill()
        holder.wait()
        holder.stdout.close()
        with sole_supervisor(folder):
            pass


class TestRole:
    def test_that_lived_long_is_started_again_at_once_however_often(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1000.0]
        monkeypatch.setattr("suture.bootstrap.supervise.time.monotonic", lambda: now[0])
        role = RoleProcess("sleeper", [sys.executable, "-c", "pass"], {}, tmp_path / "log")
        role.start()
        for _ in range(10):
            assert role.process is not None
            role.process.wait()
            now[0] += 60
            assert role.revive()
        for _ in range(2):
            role.process.wait()
            revived = role.revive()
        assert not revived, "one that dies at once again and again has to wait"
        role.process.wait()


def test_ports_are_below_those_of_outgoing_connections() -> None:
    ports = {free_port() for _ in range(50)}
    assert max(ports) < 32768
    assert all(is_free(port) for port in ports)
