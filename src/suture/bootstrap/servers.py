"""Where the database and the backbone are: existing ones by URL, or embedded ones in the data folder."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suture.backbone.credentials import READER
from suture.backbone.embedded import EmbeddedNats
from suture.bootstrap.settings import MASTER_KEY, Secrets, Settings, SettingsError
from suture.store.embedded import EmbeddedPostgres
from suture.store.logfiles import rotate
from suture.store.places import EmbeddedFailed

_LOCK_FILE = "suture.lock"


class FolderInUse(SettingsError):
    """Another Suture supervises this data folder. The message says which and what to do."""


def database_address(settings: Settings) -> str:
    """Postgres's URL. Raises `EmbeddedFailed` where it should be embedded and doesn't run."""
    return settings.database_url or EmbeddedPostgres(settings.data_dir).url


def backbone_address(settings: Settings, client: str = READER) -> str:
    """NATS's URL. Where the embedded one doesn't run, where it would: the ledger moves on without it."""
    return settings.nats_url or EmbeddedNats(settings.data_dir, settings.nats_nodes).expected_url(client)


def settle_master_key(settings: Settings, secrets: Secrets) -> None:
    """Have a master key before anything starts. One is made only together with the embedded database itself: in place
    of a key that was lost, a new one would seal what the old one can't open. Raises `SettingsError`."""
    if not secrets.has(MASTER_KEY):
        where = secrets.where(MASTER_KEY)
        if settings.database_url:
            raise SettingsError(
                f"{MASTER_KEY} is not set, and with SUTURE_DATABASE_URL no key is created: set the variable, or write"
                f" {where}, to the key that this database was created with. For a new, empty database, create one:"
                " openssl rand -hex 32"
            )
        if EmbeddedPostgres(settings.data_dir).exists:
            raise SettingsError(
                f"the master key of the database in {settings.data_dir} is missing: restore it to {where}, or set"
                f" {MASTER_KEY}. Without this key the sealed data in the database can't be opened; a new key won't help"
            )
        secrets.make_master_key()
    secrets.master_key()


@contextmanager
def sole_supervisor(folder: Path) -> Iterator[None]:
    """Hold a data folder, so that two supervisors never start servers over the same files.

    The kernel lets go of the lock when its holder ends, however it ends. Raises `FolderInUse`.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip()
            raise FolderInUse(
                f"another Suture runs in {folder} (process {who or 'unknown'}); stop it, or choose another folder"
                " with SUTURE_DATA_DIR"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def wipe(folder: Path) -> None:
    """Empty a data folder that this process supervises; servers that a killed supervisor left end first."""
    EmbeddedPostgres(folder).wipe()
    for nodes in (1, 3):
        EmbeddedNats(folder, nodes).stop_any()
    for path in folder.iterdir():
        if path.name != _LOCK_FILE:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class Servers:
    """The servers that no URL names, embedded in the data folder, whose only supervisor this process is."""

    def __init__(self, settings: Settings) -> None:
        self.postgres = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
        self.nats = None if settings.nats_url else EmbeddedNats(settings.data_dir, settings.nats_nodes)
        self._logs = settings.data_dir / "log"
        self.database_url = settings.database_url or ""
        self.nats_url = settings.nats_url or ""
        self.reading_url = self.nats_url
        self._failing: set[str] = set()

    def start(self) -> None:
        """Start what isn't running."""
        if self.postgres is not None:
            self.database_url = self.postgres.start()
        if self.nats is not None:
            self.nats_url = self.nats.start()
            self.reading_url = self.nats.url_for(READER)

    @property
    def notes(self) -> list[str]:
        """What whoever started them should know, a line each."""
        return [self.postgres.note] if self.postgres is not None and self.postgres.note else []

    def as_environment(self) -> dict[str, str]:
        """The variables that tell roles where the servers are."""
        return {"SUTURE_DATABASE_URL": self.database_url, "SUTURE_NATS_URL": self.nats_url}

    @property
    def pids(self) -> dict[str, int]:
        """The embedded servers that run, by name."""
        found = {} if self.postgres is None else {"postgres": self.postgres.pid}
        nodes = [] if self.nats is None else self.nats.nodes
        found |= {node.name if len(nodes) > 1 else "nats-server": node.pid for node in nodes}
        return {name: pid for name, pid in found.items() if pid is not None}

    def revive(self) -> list[str]:
        """Start again what died; answers what happened, a line for each. What won't start is tried again next time.
        Logs that have grown large are put aside on the way."""
        rotate(self._logs)
        said = []
        if self.postgres is not None:
            try:
                if self.postgres.revive():
                    said.append("PostgreSQL had stopped and was restarted")
                    self._failing.discard("postgres")
            except EmbeddedFailed as error:
                said += self._once("postgres", error)
        if self.nats is not None:
            try:
                names = self.nats.revive()
                said += [f"{name} had stopped and was restarted" for name in names]
                self._failing.discard("nats")
            except EmbeddedFailed as error:
                said += self._once("nats", error)
        return said

    def stop(self) -> None:
        """Stop them, also such as a supervisor that was killed had left behind and this one took over."""
        if self.nats is not None:
            self.nats.stop_any()
        if self.postgres is not None:
            self.postgres.stop_any()

    def _once(self, name: str, error: Exception) -> list[str]:
        known, self._failing = name in self._failing, self._failing | {name}
        return [] if known else [str(error)]


@contextmanager
def embedded_servers(settings: Settings) -> Iterator[Servers]:
    """Start the servers that no URL names, in a folder that this process supervises; stopped on the way out."""
    servers = Servers(settings)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
