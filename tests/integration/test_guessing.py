"""Guessing is stopped by one count before each check, for all consoles together; nobody is locked out elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest

from suture.access import passwords
from suture.access.oidc import Identity
from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.catalogue import Catalogue
from suture.commands import accounts
from suture.commands.guessing import Locked
from suture.core.clock import ManualClock
from suture.processes.definitions import ROUTES
from suture.store import audit
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.recorder import Recorder

ROOT = Actor("root", "a test", (ADMINISTRATOR,))
PASSWORD = "a few words that do well"
HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture
async def desk(database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> CommandContext:
    await vault.check()
    return CommandContext(database, vault, Recorder(ROUTES), catalogue, clock)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were really compared with a hash."""
    seen: list[str] = []
    real = passwords.verify

    def verify(password: str, known: str | None) -> bool:
        seen.append(password)
        return real(password, known)

    monkeypatch.setattr(passwords, "verify", verify)
    return seen


async def ada(desk: CommandContext) -> str:
    token = await accounts.add(desk, ROOT, "ada", full_name="Ada", email="", roles=["finance"])
    return await accounts.accept(desk, token, PASSWORD)


async def acts(desk: CommandContext, subject: str = "Person/ada") -> list[str]:
    async with desk.database.connection() as connection:
        return [entry.action for entry in await audit.newest(connection, subject)]


async def many(count: int, attempt: Callable[[int], Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*(attempt(number) for number in range(count)), return_exceptions=True))


async def test_of_a_hundred_wrong_passwords_at_once_five_are_evaluated(
    desk: CommandContext, evaluated: list[str]
) -> None:
    await ada(desk)
    told = await many(100, lambda number: accounts.sign_in(desk, "ada", f"wrong {number}", HERE))
    assert len(evaluated) == 5
    assert sum(isinstance(one, Locked) for one in told) == 95
    assert (await acts(desk)).count("person.locked") == 1
    async with desk.database.connection() as connection:
        (locked,) = await audit.select(connection, audit.AuditSelection(action="person.locked"), None, 10)
    assert locked.actor == "unknown", "ada is who was guessed at, not who did it"
    with pytest.raises(Locked):
        await accounts.sign_in(desk, "ada", PASSWORD, HERE)


async def test_who_guesses_elsewhere_locks_nobody_out_here(desk: CommandContext) -> None:
    await ada(desk)
    await many(40, lambda number: accounts.sign_in(desk, "ada", f"wrong {number}", THERE))
    assert await accounts.sign_in(desk, "ada", PASSWORD, HERE)


async def test_many_addresses_together_have_a_bound(
    desk: CommandContext, evaluated: list[str], clock: ManualClock
) -> None:
    await ada(desk)
    for number in range(80):
        with pytest.raises(NotPossible):
            await accounts.sign_in(desk, "ada", "wrong", f"203.0.113.{number}")
    assert len(evaluated) == 60
    clock.advance(timedelta(minutes=16))
    assert await accounts.sign_in(desk, "ada", PASSWORD, HERE)


async def test_the_pause_doubles_and_a_right_password_ends_it(desk: CommandContext, clock: ManualClock) -> None:
    await ada(desk)
    for pause in (1, 2, 4):
        await many(5, lambda number: accounts.sign_in(desk, "ada", f"wrong {number}", HERE))
        clock.advance(timedelta(minutes=pause) - timedelta(seconds=1))
        with pytest.raises(Locked):
            await accounts.sign_in(desk, "ada", PASSWORD, HERE)
        clock.advance(timedelta(seconds=2))
    assert await accounts.sign_in(desk, "ada", PASSWORD, HERE)
    told = await many(4, lambda number: accounts.sign_in(desk, "ada", f"wrong {number}", HERE))
    assert not [one for one in told if isinstance(one, Locked)], "the count begins anew"


async def test_a_name_that_nobody_has_is_counted_alike_and_kept_nowhere(
    desk: CommandContext, evaluated: list[str]
) -> None:
    told = await many(20, lambda number: accounts.sign_in(desk, "hunter2 typed as a name", f"wrong {number}", HERE))
    assert len(evaluated) == 5
    assert sum(isinstance(one, Locked) for one in told) == 15
    async with desk.database.connection() as connection:
        everything = str([dict(row) for row in await connection.fetch("SELECT * FROM guess, audit")])
    assert "hunter2" not in everything


async def test_codes_are_counted_as_passwords_are_and_none_is_good_twice(
    desk: CommandContext, clock: ManualClock
) -> None:
    await ada(desk)
    secret = pyotp.TOTP(await accounts.begin_factor(desk, "ada"))
    await accounts.confirm_factor(desk, "ada", secret.at(clock.now()), HERE)
    with pytest.raises(accounts.SignInRefused):
        await accounts.give_code(desk, "ada", secret.at(clock.now()), HERE)  # it was used when it was confirmed
    clock.advance(timedelta(minutes=2))
    right = secret.at(clock.now())
    told = await many(400, lambda number: accounts.give_code(desk, "ada", f"{number:06}", HERE))
    assert sum(isinstance(one, accounts.SignInRefused) and not isinstance(one, Locked) for one in told) <= 4
    with pytest.raises(Locked):
        await accounts.give_code(desk, "ada", right, HERE)
    once = await many(5, lambda _: accounts.give_code(desk, "ada", right, THERE))
    assert sum(isinstance(one, str) for one in once) == 1


async def test_a_session_that_was_left_open_does_not_serve_to_guess(desk: CommandContext, evaluated: list[str]) -> None:
    session = await ada(desk)

    async def change(number: int) -> None:
        await accounts.change_password(
            desk, "ada", f"wrong {number}", "quite another few words", keep=session, address=HERE
        )

    await many(50, change)
    assert len(evaluated) == 5
    with pytest.raises(Locked):
        await accounts.end_factor(desk, "ada", PASSWORD, HERE)


async def test_an_invitation_is_used_once_however_many_try(desk: CommandContext) -> None:
    token = await accounts.add(desk, ROOT, "ben", full_name="Ben", email="", roles=["finance"])
    told = await many(12, lambda number: accounts.accept(desk, token, f"{PASSWORD} {number}", HERE))
    assert sum(isinstance(one, str) for one in told) == 1
    assert (await acts(desk, "Person/ben")).count("person.password") == 1


@pytest.mark.parametrize("roles", [(), ("odd",), ("client",)])
async def test_a_provider_that_tells_no_role_takes_the_former_ones(
    desk: CommandContext, roles: tuple[str, ...]
) -> None:
    def told(*named: str) -> Identity:
        return Identity(subject="s-1", name="cleo", full_name="Cleo", email="", roles=named)

    session = await accounts.sign_in_by_provider(desk, "https://id.example", told("finance"))
    with pytest.raises(accounts.SignInRefused, match="no role"):
        await accounts.sign_in_by_provider(desk, "https://id.example", told(*roles))
    assert await accounts.visitor(desk, session) is None
    assert (await accounts.me(desk, "cleo")).roles == []
    assert "person.roles" in await acts(desk, "Person/cleo")
