"""Log files of the processes that a supervisor starts: for their owner alone, and never without end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_LARGEST_BYTES = 50_000_000
_KEPT = 3
_TOLD_LINES = 6
_TOLD_BYTES = 4_000


@contextmanager
def log_file(path: Path) -> Iterator[BinaryIO]:
    """A log open for adding to, which only its owner can read; made with its folder where it isn't there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.fchmod(descriptor, 0o600)  # one that an earlier version made
    with os.fdopen(descriptor, "ab") as file:
        yield file


def last_lines(path: Path) -> str:
    """The last lines of a log, each on a line of its own below what is said before; nothing where there are none."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TOLD_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "".join(f"\n  {line}" for line in [line for line in lines if line.strip()][-_TOLD_LINES:])


def rotate(folder: Path, largest: int = _LARGEST_BYTES, kept: int = _KEPT) -> None:
    """Put aside the logs of a folder that have grown large, as ``name.log.1`` and so on; the oldest are removed.

    A log is copied and emptied, not renamed: whoever writes it (servers that aren't ours, too) goes on adding to it.
    """
    for path in folder.glob("*.log"):
        with suppress(OSError):
            if path.stat().st_size > largest:
                _put_aside(path, kept)


def _put_aside(path: Path, kept: int) -> None:
    for number in range(kept, 1, -1):
        with suppress(FileNotFoundError):
            Path(f"{path}.{number - 1}").replace(f"{path}.{number}")
    with path.open("rb") as source, log_file(Path(f"{path}.1")) as target:
        shutil.copyfileobj(source, target)
    os.truncate(path, 0)
