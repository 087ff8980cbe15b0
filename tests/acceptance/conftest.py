"""Commands as a user runs them, each in a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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

    def run(*arguments: str, **settings: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "suture", *arguments],
            cwd=folder,
            env={**clean, "COLUMNS": "120", **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
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
def suture(start: Command) -> Callable[..., tuple[int, str]]:
    """Run ``suture …`` to its end; answers exit status and output."""

    def run(*arguments: str, **settings: str) -> tuple[int, str]:
        process = start(*arguments, **settings)
        output, _ = process.communicate(timeout=240)
        return process.returncode, output

    return run
