"""Commands as a user runs them, each in a folder of its own."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.commands import clean_environment, run

Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A working folder with a space in its path."""
    path = Path(tempfile.mkdtemp(prefix="suture demo "))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start(folder: Path) -> Iterator[Command]:
    """Start ``suture …`` in the folder; whatever still runs at the end is interrupted, and must end."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "suture", *arguments],
            cwd=folder,
            env={**clean_environment(), "COLUMNS": "120", **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.send_signal(2)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def suture(start: Command, folder: Path) -> Callable[..., tuple[int, str]]:
    """Run ``suture …`` to its end; answers exit status and output."""

    def to_its_end(*arguments: str, **settings: str) -> tuple[int, str]:
        if not arguments or arguments[0] not in ("demo", "chaos", "up"):
            return run(folder, {**clean_environment(), "COLUMNS": "120", **settings}, *arguments, seconds=240)
        process = start(*arguments, **settings)
        output, _ = process.communicate(timeout=240)
        return process.returncode, output

    return to_its_end
