"""The master key: never made in place of another, and known by the database that was begun with it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from suture.bootstrap.servers import settle_master_key
from suture.bootstrap.settings import MASTER_KEY, Secrets, Settings, SettingsError
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.sealing import MasterKey, SealBroken, WrongMasterKey

from .recovery import rows

NOW = datetime(2026, 3, 2, tzinfo=UTC)
OURS, OTHER = MasterKey(b"k" * 32), MasterKey(b"x" * 32)


def vault_of(database: Database, master: MasterKey) -> Vault:
    return Vault(database, master, "test-clinics")


class TestOneIsMade:
    def test_with_the_embedded_database_itself(self, tmp_path: Path) -> None:
        secrets = Secrets({}, tmp_path)
        settle_master_key(Settings(data_dir=tmp_path), secrets)
        assert len(secrets.master_key()) == 32
        kept = secrets.master_key()
        settle_master_key(Settings(data_dir=tmp_path), secrets)
        assert secrets.master_key() == kept

    def test_never_where_that_database_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "postgres").mkdir()
        (tmp_path / "postgres" / "PG_VERSION").write_text("18")
        with pytest.raises(SettingsError, match=r"is missing: restore it to .*secrets/SUTURE_MASTER_KEY"):
            settle_master_key(Settings(data_dir=tmp_path), Secrets({}, tmp_path))
        assert not (tmp_path / "secrets").exists()

    def test_never_where_a_database_is_given(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, database_url="postgresql://db/x")
        with pytest.raises(SettingsError, match="openssl rand -hex 32"):
            settle_master_key(settings, Secrets({}, tmp_path))
        assert not (tmp_path / "secrets").exists()
        settle_master_key(settings, Secrets({MASTER_KEY: "ab" * 32}, tmp_path))

    def test_never_by_who_merely_needs_it(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="SUTURE_MASTER_KEY is not set"):
            Secrets({}, tmp_path).master_key()
        assert not (tmp_path / "secrets").exists()


class TestAnotherKey:
    async def test_seals_and_opens_nothing(self, database: Database) -> None:
        key = await vault_of(database, OURS).key_for(NOW)
        sealed = key.seal(b"content", "here")
        stranger = vault_of(database, OTHER)
        with pytest.raises(WrongMasterKey, match="Restore the right key"):
            await stranger.key_for(NOW.replace(month=4))
        with pytest.raises(SealBroken):
            await stranger.open(sealed, "here")
        assert await rows(database, "SELECT period FROM data_key") == [("2026-03",)]

    async def test_is_found_out_before_anything_was_sealed(self, database: Database) -> None:
        await vault_of(database, OURS).check()
        with pytest.raises(WrongMasterKey):
            await vault_of(database, OTHER).check()

    async def test_cannot_claim_a_database_of_an_earlier_version(self, database: Database) -> None:
        """Such a database has sealed payloads, and no mark yet."""
        await vault_of(database, OURS).key_for(NOW)
        await rows(database, "DELETE FROM key_check")
        with pytest.raises(WrongMasterKey):
            await vault_of(database, OTHER).check()
        assert await rows(database, "SELECT * FROM key_check") == []
        await vault_of(database, OURS).check()
        assert await rows(database, "SELECT value FROM key_check") == [(OURS.mark,)]

    async def test_that_sealed_a_month_once_is_told_by_that_month(self, database: Database) -> None:
        vault = vault_of(database, OURS)
        await vault.key_for(NOW)
        await rows(
            database,
            "INSERT INTO data_key (organisation, period, wrapped) VALUES ('test-clinics', '2026-04', $1)",
            OTHER.new_wrapped(),
        )
        assert await vault.strangers() == ["2026-04"]
