"""``suture people`` as an administrator runs it."""

from pathlib import Path

import pytest
from tests.commands import arun, clean_environment

from suture.access.roles import OF_PEOPLE
from suture.cli.acting import account

pytestmark = pytest.mark.timeout(120)


async def suture(folder: Path, database_url: str, *arguments: str) -> tuple[int, str]:
    environment = {
        **clean_environment(),
        "SUTURE_DATABASE_URL": database_url,
        "SUTURE_MASTER_KEY": "00" * 32,
        "COLUMNS": "220",
        **dict.fromkeys(("LOGNAME", "USER", "SUDO_USER"), "mallory"),
    }
    status, output = await arun(folder, environment, *arguments, seconds=60)
    assert "Traceback" not in output, output
    return status, output


async def test_what_must_be_so_before_something_is_done_holds_here_too(tmp_path: Path, database_url: str) -> None:
    async def refused(*arguments: str) -> str:
        status, told = await suture(tmp_path, database_url, *arguments)
        assert status == 2, told
        return told

    assert (await suture(tmp_path, database_url, "init"))[0] == 0
    assert (await suture(tmp_path, database_url, "people", "add", "ada", "--role", "administrator"))[0] == 0
    assert "ada is the last administrator" in await refused("people", "disable", "ada", "--reason", "left")
    assert "ada is the last administrator" in await refused("people", "role", "ada", "--role", "finance")
    assert "give your reason" in await refused("people", "disable", "ada", "--reason", "")
    assert "give your reason" in await refused("close", "reopen", "2026-01", "--reason", "")
    assert "you would lock yourself out" in await refused("people", "disable", account(), "--reason", "left")


async def test_people_are_added_listed_given_roles_and_disabled(tmp_path: Path, database_url: str) -> None:
    async def run(*arguments: str) -> tuple[int, str]:
        return await suture(tmp_path, database_url, *arguments)

    assert (await run("init"))[0] == 0
    assert "Nobody may sign in yet" in (await run("people", "list"))[1]
    status, told = await run("people", "add", "ada", "--role", "finance", "--full-name", "Ada Lovelace")
    assert status == 0, told
    assert "http://127.0.0.1:8601/invitations/" in told
    assert "there is a person ada already" in (await run("people", "add", "ada", "--role", "finance"))[1]
    status, told = await run("people", "add", "ben", "--role", "king")
    assert (status, "there is no role king; there are operations" in told) == (2, True), told
    assert "steward" in (await run("people", "role", "ada", "--role", "finance", "--role", "steward"))[1]
    told = (await run("people", "list"))[1]
    assert "Ada Lovelace" in told
    assert "an invitation, not used yet" in told
    assert "ada is written to at ada@example.org" in (await run("people", "email", "ada", "ada@example.org"))[1]
    status, told = await run("people", "email", "ada", "ada")
    assert (status, "that is no e-mail address" in told) == (2, True), told
    assert "may not sign in any more" in (await run("people", "disable", "ada", "--reason", "left"))[1]
    assert "disabled" in (await run("people", "list"))[1]
    assert "to: finance, steward" in (await run("audit"))[1]
    told = (await run("people", "roles"))[1]
    assert all(role in told for role in OF_PEOPLE)
    told = (await run("audit"))[1]
    assert all(act in told for act in ("person.add", "person.roles", "person.email", "person.disable"))
    assert (account() in told, "mallory" in told) == (True, False), "the environment names nobody"
