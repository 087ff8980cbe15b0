"""An embedded NATS server with JetStream, started from a wheel, its files in the data folder. Loopback alone."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil

_START_SECONDS = 20
_STOP_SECONDS = 15


class EmbeddedFailed(Exception):
    """The embedded NATS didn't start. The message says where its log is."""


class _Running(msgspec.Struct):
    pid: int
    port: int


class EmbeddedNats:
    """The NATS server of one data folder. `start` attaches to one that runs there already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._state = self._folder / "nats.json"
        self._log = self._folder / "log" / "nats.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        running = self._running()
        if running is None:
            raise EmbeddedFailed("no embedded NATS runs here; `suture up` starts one")
        return f"nats://127.0.0.1:{running.port}"

    @property
    def expected_url(self) -> str:
        """Where the server is, or will be when it is started again."""
        return f"nats://127.0.0.1:{self._usual_port()}" if self._running() is None else self.url

    def start(self) -> str:
        """Start the server if it isn't running, and answer its URL."""
        if self._running() is None:
            self._launch()
        return self.url

    def stop(self) -> None:
        """Stop the server, if it was this object that started it."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _launch(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        port = self._usual_port()
        command = [_binary(), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(self._folder / "nats")]
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(port):
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedFailed(f"NATS did not start; see {self._log}")
            time.sleep(0.05)
        self._state.write_bytes(msgspec.json.encode(_Running(self._child.pid, port)))

    def _last(self) -> _Running | None:
        """The server that was started here last, whether or not it still runs."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=_Running)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _running(self) -> _Running | None:
        last = self._last()
        try:
            return last if last and psutil.Process(last.pid).name().startswith("nats-server") else None
        except psutil.NoSuchProcess:
            return None

    def _usual_port(self) -> int:
        """The port of the last time, so that clients find the server again after it was restarted; else a free one."""
        last = self._last()
        return last.port if last and _is_free(last.port) else _free_port()


def _binary() -> str:
    """The wheel puts `nats-server` beside the interpreter."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise EmbeddedFailed("nats-server is not installed; set SUTURE_NATS_URL to use another")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False
