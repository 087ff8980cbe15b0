"""Keeps roles running as processes of their own: starts them, starts one again that died, stops all on a signal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 30.0
_LONGEST_PAUSE = 30.0


class Role:
    """One role's process. `output` gets its logs."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self.name = name
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._output = output
        self._deaths = 0
        self._not_before = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def revive(self) -> bool:
        """Start the role again if it died, at growing intervals. True when it was started."""
        if self.process is None or self.process.poll() is None or time.monotonic() < self._not_before:
            return False
        self._deaths += 1
        self._not_before = time.monotonic() + min(2.0 ** min(self._deaths, 10) / 2, _LONGEST_PAUSE)
        self.start()
        return True

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait_or_kill(self, deadline: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def role_command(name: str) -> list[str]:
    """The command line of one role."""
    return [sys.executable, "-m", "suture", name]


def stop_all(roles: Sequence[Role]) -> None:
    """Stop roles, all at once, within a bounded time; one that won't is killed (its leases end by themselves)."""
    for role in roles:
        role.ask_to_stop()
    deadline = time.monotonic() + _STOP_SECONDS
    for role in roles:
        role.wait_or_kill(deadline)
