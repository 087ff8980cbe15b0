"""Logs are their owner's alone and never grow without end; a message tells their last lines."""

from pathlib import Path

import pytest

from suture.store.logfiles import last_lines, log_file, rotate


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("there", [True, False])
def test_a_log_is_its_owners_alone_also_one_that_was_there(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "log" / "a.log"
    if there:
        path.parent.mkdir()
        path.write_text("old\n")
        path.chmod(0o644)
    with log_file(path) as log:
        log.write(b"new\n")
    assert mode(path) == 0o600
    assert path.read_text() == ("old\nnew\n" if there else "new\n")


def test_a_large_log_is_put_aside_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with log_file(path) as log:
        for number in range(1, 6):
            log.write(b"%d" % number * 20)
            log.flush()
            rotate(tmp_path, largest=10, kept=3)
            assert path.read_bytes() == b""
        log.write(b"small")
    rotate(tmp_path, largest=10, kept=3)
    kept = {file.name: file.read_text()[:1] for file in tmp_path.iterdir()}
    assert kept == {"a.log": "s", "a.log.1": "5", "a.log.2": "4", "a.log.3": "3"}
    assert {mode(file) for file in tmp_path.iterdir()} == {0o600}


def test_the_last_lines_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert last_lines(path) == ""
    path.write_text("".join(f"line {number}\n\n" for number in range(1, 2000)))
    assert last_lines(path) == "".join(f"\n  line {number}" for number in range(1994, 2000))
