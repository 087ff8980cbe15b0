"""Whose name an act on the command line carries."""

import os
import pwd

import pytest

from suture.cli.acting import me


def test_an_act_on_the_command_line_carries_the_true_account_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    monkeypatch.setenv("SUDO_UID", "1")
    actor = me("why")
    assert (actor.name, actor.signed_in) == (pwd.getpwuid(os.getuid()).pw_name, False)


def test_an_account_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_123)
    assert me().name == "uid-4000123"
