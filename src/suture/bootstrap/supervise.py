"""Keeps roles running as processes of their own: starts them, starts one again that died, stops all on a signal."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from suture.core.interrupts import interrupts_wait
from suture.store.logfiles import log_file

_STOP_SECONDS = 30.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 10.0
_LOOK_SECONDS = 1.0


class RoleProcess:
    """One role's process. `output` gets its logs."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self.name = name
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._output = output
        self._deaths = 0
        self._not_before = 0.0
        self._started_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._started_at = time.monotonic()
        with log_file(self._output) as output, interrupts_wait():
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def revive(self) -> bool:
        """Start the role again if it died; at growing intervals where it never lives long. True when it was started."""
        now = time.monotonic()
        if self.process is None or self.process.poll() is None or now < self._not_before:
            return False
        self._deaths = 1 if now - self._started_at > _STEADY_SECONDS else self._deaths + 1
        self._not_before = now + min(2.0 ** min(self._deaths, 10) / 2, _LONGEST_PAUSE)
        self.start()
        return True

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)  # one that was frozen would never hear the other

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


def stop_all(roles: Sequence[RoleProcess]) -> None:
    """Stop roles, all at once, within a bounded time; one that won't is killed (its leases end by themselves)."""
    for role in roles:
        role.ask_to_stop()
    deadline = time.monotonic() + _STOP_SECONDS
    for role in roles:
        role.wait_or_kill(deadline)


class Supervisor:
    """Calls `revive` every second in a thread of its own, and hands on the lines that it answers."""

    def __init__(self, revive: Callable[[], Sequence[str]], tell: Callable[[str], None]) -> None:
        self._revive = revive
        self._tell = tell
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop; a revival under way is waited for, so that nothing is started after it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for line in self._revive():
                self._tell(line)
