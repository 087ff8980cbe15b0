"""An embedded Postgres: a real server, started from a wheel, with its files in the data folder.

It keeps its port, so that those who know its URL find it again after it was killed and revived. It listens on loopback
alone. Where its files stand when root starts it: `places`.
"""

import os
import random
import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from suture.core.interrupts import interrupts_wait
from suture.store.logfiles import last_lines, log_file
from suture.store.places import DatabasePlace, EmbeddedFailed, own, programs, server_user, wheel_programs

_START_SECONDS = 60
_STOP_SECONDS = 30
_ORPHANS_SECONDS = 5
_LOWEST_PORT, _HIGHEST_PORT = 20_000, 32_767
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


_PORT_FILE = "postgres.port"
_PID_FILE = "postmaster.pid"
_NO_PID = str(2**30)  # beyond what any kernel gives


class EmbeddedPostgres:
    """The Postgres of one data folder. `start` attaches to one that runs there already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._place = DatabasePlace(self._folder)
        self._log = self._folder / "log" / "postgres.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The running server's address. Raises `EmbeddedFailed` when there is none."""
        port = self._running_port()
        if port is None:
            raise EmbeddedFailed("no embedded Postgres runs here; `suture up` starts one")
        return f"postgresql://suture:{self._password()}@127.0.0.1:{port}/suture"

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._pid()

    @property
    def exists(self) -> bool:
        """Whether this folder has a database, running or not."""
        return (self._data / "PG_VERSION").exists()

    @property
    def note(self) -> str:
        """One line to tell, where its files stand elsewhere than in the data folder; else nothing."""
        return self._place.note

    @property
    def _data(self) -> Path:
        return self._place.data

    def start(self) -> str:
        """Start the server if it isn't running, and answer its URL."""
        if self._pid() is None:
            self._prepare()
            self._launch()
        return self.url

    def revive(self) -> bool:
        """Start the server again if it died; True when it was started. One that merely hangs is left alone.

        Raises `EmbeddedFailed` when it won't start.
        """
        if self._pid() is not None:
            return False
        self.start()
        return True

    def stop(self) -> None:
        """Stop the server, if it was this object that started it. Open connections are ended, nothing is lost."""
        if self._child is not None:
            self._end(self._child.pid)
            self._child.wait()
            self._child = None

    def stop_any(self) -> None:
        """Stop the server, whoever started it: a supervisor that was killed may have left one behind."""
        self.stop()
        pid = self._pid()
        if pid is not None:
            self._end(pid)

    def _end(self, pid: int) -> None:
        """A fast shutdown; where it doesn't come to an end, an immediate one: the log is replayed at the next start."""
        for number, patience in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, _STOP_SECONDS), (signal.SIGKILL, 5)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)  # one that was frozen would never hear the others
            if _gone(pid, patience):
                return

    def wipe(self) -> None:
        """Stop the server, whoever started it, and remove its data."""
        self.stop_any()
        self._place.leave()

    def _prepare(self) -> None:
        self._place.move_in()
        if self.exists:
            return
        password = self._folder / "postgres.password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        data = self._place.make_data()
        self._run_initdb(data)
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)

    def _run_initdb(self, data: Path) -> None:
        pipe_in, pipe_out = os.pipe()  # the password goes by a pipe: the server's user need not read our files
        os.write(pipe_out, self._password().encode())
        os.close(pipe_out)
        own(pipe_in)
        command = [str(programs() / "initdb"), "-D", str(data), "-U", "suture", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile=/dev/fd/{pipe_in}"]
        done = subprocess.run(command, capture_output=True, text=True, pass_fds=[pipe_in], check=False, **server_user())
        os.close(pipe_in)
        if done.returncode:
            with log_file(self._log) as log:
                log.write((done.stdout + done.stderr).encode())
            self._place.leave()
            raise EmbeddedFailed(
                f"PostgreSQL could not make its data folder:{last_lines(self._log)}\nAll of it: {self._log}"
            )

    def _launch(self) -> None:
        """Start the server, again and again for a while: after a crash it won't as long as old backends live."""
        deadline = time.monotonic() + _START_SECONDS
        command = [str(programs() / "postgres"), "-D", str(self._data)]
        while True:
            self._clear_orphans()
            self._disown_lock_file()
            port = self._usual_port()
            if self._came_up([*command, "-p", str(port)], port, deadline):
                break
            if time.monotonic() > deadline:
                raise EmbeddedFailed(f"PostgreSQL did not start:{last_lines(self._log)}\nAll of it: {self._log}")
            time.sleep(0.5)
        (self._folder / _PORT_FILE).write_text(str(port))
        self._create_database(port)

    def _came_up(self, command: list[str], port: int, deadline: float) -> bool:
        """Start the server once. False when it gave up by itself; after the deadline it is stopped."""
        if self._child is not None:
            self._child.wait()  # it died, or this would not be asked for
        with log_file(self._log) as log, interrupts_wait():
            self._child = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **server_user()
            )
        while not self._accepts(port):
            if self._child.poll() is not None:
                self._child = None
                return False
            if time.monotonic() > deadline:
                self.stop()
                return False
            time.sleep(0.05)
        return True

    def _clear_orphans(self) -> None:
        """End backends that outlived their server, as the server itself does after a crash: they hold its memory."""
        orphans = self._orphans()
        for number in (signal.SIGQUIT, signal.SIGKILL):
            for orphan in orphans:
                with suppress(psutil.Error):
                    orphan.send_signal(number)
                    orphan.send_signal(signal.SIGCONT)
            _, orphans = psutil.wait_procs(orphans, timeout=_ORPHANS_SECONDS)

    def _disown_lock_file(self) -> None:
        """Have the dead server's lock file name no process that lives: its number may be a zombie's or another's by
        now, and Postgres would take that for the server. What else the file says tells whether its memory is in use."""
        lines = self._pid_lines()
        if lines:
            (self._data / _PID_FILE).write_text("\n".join([_NO_PID, *lines[1:]]) + "\n")

    def _orphans(self) -> list[psutil.Process]:
        """Postgres processes in our data folder; there is no server that they could belong to."""
        found = []
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error):
                named = (process.info["name"] or "").startswith("postgres")
                if named and process.cwd() == str(self._data) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _usual_port(self) -> int:
        """The port of the last time, so that clients find the server again; another where that is taken."""
        try:
            last = int((self._folder / _PORT_FILE).read_text())
        except (FileNotFoundError, ValueError):
            return free_port()
        return last if is_free(last) else free_port()

    def _accepts(self, port: int) -> bool:
        command = [str(wheel_programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(command, check=False).returncode == 0

    def _create_database(self, port: int) -> None:
        command = [
            str(wheel_programs() / "psql"),
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
            return (self._data / _PID_FILE).read_text().splitlines()
        except FileNotFoundError:
            return []

    def _pid(self) -> int | None:
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        if self._child is not None and self._child.pid == pid and self._child.poll() is None:
            return pid
        try:
            process = psutil.Process(pid)
            ours = str(self._data) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return pid if ours else None

    def _running_port(self) -> int | None:
        lines = self._pid_lines()
        return int(lines[3]) if self._pid() is not None and len(lines) > 3 else None


def _gone(pid: int, seconds: float) -> bool:
    """Whether a process ends within `seconds`."""
    try:
        process = psutil.Process(pid)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return False


def free_port() -> int:
    """A free port on loopback, below those that the kernel gives to outgoing connections: while a server is down, none
    of those may take its place (nor connect to itself there)."""
    while True:
        port = random.randint(_LOWEST_PORT, _HIGHEST_PORT)  # noqa: S311 (a port, no secret)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
