"""Where the database and the backbone are: existing ones by URL, or embedded ones in the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager

from suture.backbone.embedded import EmbeddedNats
from suture.bootstrap.settings import Settings
from suture.store.embedded import EmbeddedPostgres


def database_address(settings: Settings) -> str:
    """Postgres's URL. Raises `EmbeddedFailed` where it should be embedded and doesn't run."""
    return settings.database_url or EmbeddedPostgres(settings.data_dir).url


def backbone_address(settings: Settings) -> str:
    """NATS's URL. Where the embedded one doesn't run, where it would: the ledger moves on without it."""
    return settings.nats_url or EmbeddedNats(settings.data_dir).expected_url


@contextmanager
def embedded_servers(settings: Settings) -> Iterator[tuple[str, str]]:
    """Start the servers that no URL names; answers both URLs. Stopped again are those started here."""
    settings.data_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    postgres, nats = EmbeddedPostgres(settings.data_dir), EmbeddedNats(settings.data_dir)
    try:
        yield settings.database_url or postgres.start(), settings.nats_url or nats.start()
    finally:
        nats.stop()
        postgres.stop()
