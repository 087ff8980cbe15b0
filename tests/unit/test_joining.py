"""Other packages add commands by an entry point; the lab's are there where it is installed, and else it is named."""

import importlib
import sys
from importlib.metadata import EntryPoint

import pytest

from suture.cli import joining
from suture.cli.joining import JoinedCommand, joined_commands

FOREIGN = JoinedCommand("json:dumps", "Say hello to the clinic.")
BROKEN = "no command"


def a_point(name: str, what: str = "FOREIGN") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{what}", joining.GROUP)


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], installed: list[EntryPoint], *words: str
) -> tuple[int, str]:
    """Status and words of ``suture …`` where these entry points are installed."""
    monkeypatch.setattr(joining, "entry_points", lambda group: [one for one in installed if one.group == group])
    monkeypatch.setattr(sys, "argv", ["suture", *words])
    monkeypatch.delitem(sys.modules, "suture.cli.main", raising=False)
    status = 0
    try:
        importlib.import_module("suture.cli.main").main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    said = capsys.readouterr()
    return status, " ".join((said.out + said.err).split())


def test_without_the_lab_its_commands_are_not_listed_and_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = called(monkeypatch, capsys, [], "--help")
    assert status == 0
    assert "doctor" in said
    assert "demo" not in said
    assert "chaos" not in said
    for words in (["demo", "--once"], ["chaos", "--help"]):
        status, said = called(monkeypatch, capsys, [], *words)
        assert status == 2
        assert f"`suture {words[0]}` comes with suture-lab, which isn't installed here" in said


def test_with_the_lab_its_commands_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [EntryPoint(name, f"suture_lab.commands:{name.upper()}", joining.GROUP) for name in ("demo", "chaos")]
    _, said = called(monkeypatch, capsys, points, "--help")
    assert "Play a clinic's day" in said
    assert "New here? suture demo" in said


def test_a_command_of_another_package_is_found_and_takes_no_name_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = called(monkeypatch, capsys, [a_point("hello"), a_point("doctor")], "--help")
    assert said.count("Say hello to the clinic.") == 1
    assert "Look at everything Suture needs" in said


def test_a_broken_command_is_named_and_stops_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for point, why in ((a_point("hello", "BROKEN"), "is no `suture"), (a_point("hello", "NONE"), "can't be loaded")):
        status, said = called(monkeypatch, capsys, [point], "hello")
        assert status == 2
        assert f"the command hello of the package ? {why}" in said
        assert called(monkeypatch, capsys, [point], "runbook", "--help")[0] == 0


def test_the_lab_is_installed_here() -> None:
    assert {"demo", "chaos"} <= joined_commands().keys()
