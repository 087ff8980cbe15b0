"""Heads of the audit trail, kept outside the database: what its administrator can't change along with it.

A file that is only ever added to, a line an act: the entry's number, its hash, and when. It stands in the data folder
of the machine on which the act was done.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import structlog

log = structlog.get_logger()


class Anchor:
    """The file of one data folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, number: int, digest: bytes) -> None:
        """Add a head. An act that was done stands, also where this can't be written: the next one's line covers it."""
        line = f"{number} {digest.hex()} {datetime.now(UTC).isoformat(timespec='seconds')}\n"
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            log.error("audit_head_not_kept", error_type=type(error).__name__)

    def heads(self) -> dict[int, str]:
        """The hash of each entry that was kept, in hexadecimal. The first that was kept of a number counts: who adds a
        line later proves nothing."""
        found: dict[int, str] = {}
        try:
            lines = self.path.read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return found
        for line in lines:
            number, _, rest = line.partition(" ")
            if number.isdigit():
                found.setdefault(int(number), rest.partition(" ")[0])
        return found
