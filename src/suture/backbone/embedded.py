"""Embedded NATS with JetStream: one server or a small cluster, started from a wheel, its files in the data folder.

Loopback alone, and nobody gets in without a password (`credentials`). Each node keeps its ports, so that those who know
the URL find it again after it was killed and revived.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from suture.backbone.credentials import ROUTES, WORKER, Credentials, write_secret
from suture.core.interrupts import interrupts_wait
from suture.store.embedded import free_port, is_free
from suture.store.logfiles import last_lines, log_file
from suture.store.places import EmbeddedFailed

_START_SECONDS = 20
_STOP_SECONDS = 15
_CLUSTER = "suture"


class _State(msgspec.Struct, frozen=True):
    """A node as it was started last. `routes` is the port on which other nodes reach it; 0 where it stands alone."""

    pid: int
    port: int
    routes: int = 0


class Node:
    """One server process. `name` is also that of its log, its state file and its folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._store = folder / name
        self._state = folder / f"{name}.json"
        self._configuration = folder / f"{name}.conf"
        self.log = folder / "log" / f"{name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the running server, whoever started it."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        self._child = None
        last = self._last()
        if last is None:
            return None
        try:
            process = psutil.Process(last.pid)
            ours = str(self._store) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return last.pid if ours else None

    @property
    def port(self) -> int | None:
        """Where it listens, or listened last."""
        last = self._last()
        return last.port if last else None

    @property
    def routes(self) -> int:
        """The port on which other nodes reach it; 0 where it stands alone."""
        last = self._last()
        return last.routes if last else 0

    def choose_ports(self, *, routes: bool) -> _State:
        """The ports of the last time where they are free, so that everybody finds the server again."""
        last = self._last() or _State(0, 0)
        port = last.port if last.port and is_free(last.port) else free_port()
        if not routes:
            return _State(0, port)
        return _State(0, port, last.routes if last.routes and is_free(last.routes) else free_port())

    def launch(self, chosen: _State, routes: Sequence[int], credentials: Credentials) -> None:
        """Start the server; `await_up` says when it is there. Passwords go by a file: all can read a command line."""
        told = credentials.configuration()
        if routes:
            told |= {"server_name": self.name, "cluster": _cluster(chosen.routes, routes, credentials)}
        write_secret(self._configuration, msgspec.json.encode(told))
        command = [_binary(), "-a", "127.0.0.1", "-p", str(chosen.port), "-js", "-sd", str(self._store)]
        command += ["-c", str(self._configuration)]
        with log_file(self.log) as log, interrupts_wait():
            self._child = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._state.write_bytes(msgspec.json.encode(msgspec.structs.replace(chosen, pid=self._child.pid)))

    def await_up(self) -> None:
        """Raises `EmbeddedFailed` when it doesn't come up."""
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(self.port or 0):
            if self.pid is None or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedFailed(f"NATS did not start:{last_lines(self.log)}\nAll of it: {self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, if it was this object that started it."""
        if self._child is None:
            return
        _ask_to_stop(self._child.pid)
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def stop_any(self) -> None:
        """Stop the server, whoever started it."""
        self.stop()
        pid = self.pid
        if pid is None:
            return
        _ask_to_stop(pid)
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            _, alive = psutil.wait_procs([process], timeout=_STOP_SECONDS)
            for one in alive:
                one.kill()

    def _last(self) -> _State | None:
        """How it was started last, whether or not it still runs."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


class EmbeddedNats:
    """The NATS of one data folder, of `nodes` servers. `start` attaches to those that run there already."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        folder = folder.resolve()
        self._folder = folder
        names = ["nats"] if nodes == 1 else [f"nats-{number}" for number in range(1, nodes + 1)]
        self.nodes = [Node(folder, name) for name in names]

    @property
    def url(self) -> str:
        """The servers' addresses for a worker, separated by commas. Raises `EmbeddedFailed` when none of them runs."""
        return self.url_for(WORKER)

    def url_for(self, client: str) -> str:
        """As `url`, for another client."""
        if all(node.pid is None for node in self.nodes):
            raise EmbeddedFailed("no embedded NATS runs here; `suture up` starts one")
        return self._urls(client, (node.port for node in self.nodes))

    def expected_url(self, client: str) -> str:
        """Where the servers are, or will be when they are started again."""
        return self._urls(client, (node.port or node.choose_ports(routes=False).port for node in self.nodes))

    def _urls(self, client: str, ports: Iterable[int | None]) -> str:
        credentials = Credentials.of(self._folder)
        who = credentials.of_client(client) if credentials else ""
        return ",".join(f"nats://{who}127.0.0.1:{port}" for port in ports)

    def start(self) -> str:
        """Start the servers that aren't running, and answer their URL."""
        self.revive()
        return self.url

    def revive(self) -> list[str]:
        """Start again the servers that died; answers their names. One that merely hangs is left alone.

        Raises `EmbeddedFailed` when one won't start.
        """
        dead = [node for node in self.nodes if node.pid is None]
        if not dead:
            return []
        clustered = len(self.nodes) > 1
        chosen = {node.name: node.choose_ports(routes=clustered) for node in dead}
        routes = [chosen[node.name].routes if node in dead else node.routes for node in self.nodes]
        self._folder.mkdir(parents=True, exist_ok=True)
        credentials = Credentials.settled(self._folder)
        for node in dead:
            node.launch(chosen[node.name], routes if clustered else [], credentials)
        for node in dead:
            node.await_up()
        return [node.name for node in dead]

    def stop(self) -> None:
        """Stop the servers that this object started."""
        for node in self.nodes:
            node.stop()

    def stop_any(self) -> None:
        """Stop the servers, whoever started them: a supervisor that was killed may have left some behind."""
        for node in self.nodes:
            node.stop_any()


def _cluster(own: int, routes: Sequence[int], credentials: Credentials) -> dict[str, object]:
    who = credentials.of_client(ROUTES)
    return {
        "name": _CLUSTER,
        "listen": f"127.0.0.1:{own}",
        "authorization": {"user": ROUTES, "password": credentials.routes},
        "routes": [f"nats://{who}127.0.0.1:{port}" for port in routes],
    }


def _ask_to_stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)  # one that was frozen would never hear the other


def _binary() -> str:
    """The wheel puts `nats-server` beside the interpreter."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise EmbeddedFailed("nats-server is not installed; set SUTURE_NATS_URL to use another")
    return found


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False
