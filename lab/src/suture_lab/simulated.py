"""The simulated outside systems, each a process of its own, and their controls: a stage's business, never Suture's."""

import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from suture.cli.trouble import UserError
from suture.core.interrupts import interrupts_wait
from suture.store.logfiles import last_lines, log_file

_PACKAGE = "suture_lab.simulators"
_STOP_SECONDS = 10

Told = TypeVar("Told")


class Simulated:
    """The systems that were started here, by name. Raises `UserError` where one doesn't answer."""

    def __init__(self, logs: Path) -> None:
        self.urls: dict[str, str] = {}
        self._logs = logs
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, options: list[str], environment: Mapping[str, str]) -> int:
        """Start a system and wait until it is ready; answers its process id."""
        log = self._logs / f"simulated-{name}.log"
        with log_file(log) as errors, interrupts_wait():
            process = subprocess.Popen(
                [sys.executable, "-m", _PACKAGE, name, *options],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            self._processes.append(process)
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise UserError(f"the simulated {name} did not start:{last_lines(log)}\nAll of it: {log}")
        self.urls[name] = str(msgspec.json.decode(line)["url"])
        return process.pid

    def stop(self) -> None:
        for process in reversed(self._processes):
            _end(process)

    def control(self, system: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Steer a system, or ask it about its own progress."""
        return self._ask(system, path, body, dict[str, Any])

    def read(self, system: str, path: str, kind: type[Told]) -> Told:
        """What a system tells at `path`, as `kind`."""
        return self._ask(system, path, None, kind)

    def set_faults(self, plan: str | Mapping[str, float], *systems: str) -> None:
        """Have systems (all, unless named) fail so from now on: a preset's name or a plan."""
        for name in systems or self.urls:
            self.control(name, "/control/faults", {"plan": plan})

    def _ask(self, system: str, path: str, body: Mapping[str, object] | None, kind: type[Told]) -> Told:
        try:
            return msgspec.json.decode(call(self.urls[system] + path, body) or b"{}", type=kind)
        except (OSError, HTTPException, msgspec.DecodeError) as error:
            raise UserError(f"the simulated {system} does not answer; see {self._logs}") from error


def call(url: str, body: Mapping[str, object] | None = None) -> bytes:
    """One plain HTTP call: GET, or POST where there is a body. Raises `OSError` or `HTTPException`."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        if body is None:
            connection.request("GET", parts.path)
        else:
            connection.request("POST", parts.path, msgspec.json.encode(body), {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
