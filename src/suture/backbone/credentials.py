"""Who may do what in the embedded NATS. Each of its clients has a name and a password; nobody gets in without.

Passwords stand in the data folder, in files that only their owner can read: whoever may read those is that machine's
administrator, or Suture itself. No client that Suture runs may delete or purge anything; one that only reads may not
publish, nor touch what other readers confirm.
"""

import os
import secrets
from pathlib import Path

import msgspec

from suture.backbone.names import STREAM, SUBJECTS

_FILE = "nats.credentials"
_API = "$JS.API"
_INBOX = "_INBOX.>"
_DURABLE = ("journeys", "webhooks")
"""Subscribers whose place in the stream the backbone remembers."""

WORKER, READER, OPERATOR, ROUTES = "worker", "reader", "operator", "routes"

_LOOK = (f"{_API}.INFO", f"{_API}.STREAM.INFO.{STREAM}", f"{_API}.STREAM.CREATE.{STREAM}", f"{_API}.STREAM.NAMES")
_CONSUME = (
    f"{_API}.CONSUMER.CREATE.{STREAM}",
    f"{_API}.CONSUMER.CREATE.{STREAM}.>",
    f"{_API}.CONSUMER.DURABLE.CREATE.{STREAM}.*",
    f"{_API}.CONSUMER.INFO.{STREAM}.*",
    f"{_API}.CONSUMER.DELETE.{STREAM}.*",
    f"{_API}.CONSUMER.MSG.NEXT.{STREAM}.*",
)
_WORKER = (
    *(SUBJECTS, *_LOOK, *_CONSUME),
    f"{_API}.STREAM.UPDATE.{STREAM}",  # more copies
    f"{_API}.STREAM.MSG.GET.{STREAM}",
    f"$JS.ACK.{STREAM}.>",
)
_READER_NEVER = tuple(
    f"{_API}.CONSUMER.{verb}.{STREAM}.{name}"
    for name in _DURABLE
    for verb in ("CREATE", "DURABLE.CREATE", "DELETE", "MSG.NEXT")
) + tuple(f"{_API}.CONSUMER.CREATE.{STREAM}.{name}.>" for name in _DURABLE)


class Credentials(msgspec.Struct, frozen=True):
    """Passwords of the embedded NATS's clients, and of its nodes among themselves."""

    worker: str
    reader: str
    operator: str
    routes: str

    @classmethod
    def of(cls, folder: Path) -> "Credentials | None":
        """Those of a data folder; None where its server was never started by a version that has them."""
        try:
            return msgspec.json.decode((folder / _FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            return None

    @classmethod
    def settled(cls, folder: Path) -> "Credentials":
        """Those of a data folder, made at the first start."""
        found = cls.of(folder)
        if found is None:
            found = cls(*(secrets.token_urlsafe(24) for _ in cls.__struct_fields__))
            write_secret(folder / _FILE, msgspec.json.encode(found))
        return found

    def of_client(self, name: str) -> str:
        """What stands before the address in a client's URL."""
        return f"{name}:{getattr(self, name)}@"

    def configuration(self) -> dict[str, object]:
        """The part of the server's configuration that says who may do what."""
        hear = {"allow": [_INBOX]}
        return {
            "authorization": {
                "users": [
                    {
                        "user": WORKER,
                        "password": self.worker,
                        "permissions": {"publish": {"allow": _WORKER}, "subscribe": hear},
                    },
                    {
                        "user": READER,
                        "password": self.reader,
                        "permissions": {
                            "publish": {"allow": (*_LOOK, *_CONSUME), "deny": _READER_NEVER},
                            "subscribe": hear,
                        },
                    },
                    {"user": OPERATOR, "password": self.operator},
                ]
            }
        }


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from the first moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
