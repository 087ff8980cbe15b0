"""Starts and stops the tests' mail server, and reads what it heard and took."""

import email
import email.policy
import json
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from .certificates import Certificates

SERVER = Path(__file__).with_name("mail_server.py")


class MailServer:
    """A mail server's process."""

    def __init__(self, folder: Path, mode: str = "starttls") -> None:
        self.folder, self.mode = folder / "mail", mode
        self.folder.mkdir()
        self.certificates = Certificates(folder)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "MailServer":
        told = self.folder / "port"
        told.unlink(missing_ok=True)
        files = (str(self.certificates.certificate), str(self.certificates.key))
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self.folder), str(self.port), self.mode, *files]
        )
        deadline = time.monotonic() + 20
        while not told.exists() or not told.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.port = int(told.read_text())
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def orders(self, **answers: str) -> None:
        """Answer these to MAIL, RCPT or a message instead of what is right."""
        (self.folder / "orders").write_text(json.dumps(answers))

    def _lines(self, name: str) -> list[dict[str, Any]]:
        file = self.folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def taken(self) -> list[dict[str, Any]]:
        return self._lines("taken")

    @property
    def heard(self) -> list[dict[str, Any]]:
        return self._lines("heard")

    @property
    def mails(self) -> list[EmailMessage]:
        return [email.message_from_string(one["text"], policy=email.policy.default) for one in self.taken]  # type: ignore[misc]
