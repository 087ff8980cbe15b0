"""A role goes on by the catalogue that it read at its start; a change is told until it was started again."""

from datetime import timedelta
from pathlib import Path

from suture.bootstrap.composition import Foundation
from suture.bootstrap.presence import present
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.catalogue.load import fingerprint
from suture.core.clock import ManualClock
from suture.store import running
from suture.store.data_keys import Vault
from suture.store.database import Database


async def others(database: Database, read: str, clock: ManualClock) -> list[str]:
    async with database.connection() as connection:
        return [name.split()[0] for name in await running.by_another_catalogue(connection, read, clock.now())]


async def test_a_changed_catalogue_is_told_by_who_runs_by_the_former(
    database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock, tmp_path: Path, eventually
) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text("former")
    base = Foundation(Settings(), Secrets({}, tmp_path), catalogue, clock, database, vault, "", fingerprint(file))
    async with present(base, "gateway"):
        await eventually(lambda: others(database, "another", clock))
        assert await others(database, fingerprint(file), clock) == []
        file.write_text("changed")
        assert await others(database, fingerprint(file), clock) == ["gateway"]
    assert await others(database, fingerprint(file), clock) == []


async def test_a_role_that_died_is_not_told_of(database: Database, clock: ManualClock) -> None:
    async with database.connection() as connection:
        await running.beat(connection, "worker a:1", "worker", "former", clock.now())
    assert await others(database, "now", clock) == ["worker"]
    clock.advance(timedelta(minutes=1))
    assert await others(database, "now", clock) == []
