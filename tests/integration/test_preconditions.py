"""What must be so before something is done holds at every door: a reason, not oneself, not the last administrator, a
second person."""

import html
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.integration.test_close_figures import foundation
from tests.integration.test_console_states import Console, console

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import REASONED, Actor, NeedsApproval, NotAllowed, NotPossible
from suture.acting.context import CommandContext, RepairContext
from suture.bootstrap.composition import command_context
from suture.catalogue import Catalogue
from suture.commands import accounts, approvals
from suture.commands.table import COMMANDS, AddPerson, Named, SetRoles, perform
from suture.core.clock import ManualClock
from suture.store import audit
from suture.store.data_keys import Vault
from suture.store.database import Database

__all__ = ["console"]

ADA = Actor("ada", "a test", (ADMINISTRATOR,), signed_in=True)
SILENT = msgspec.structs.replace(ADA, reason="")
NEED_A_REASON = [name for name, command in COMMANDS.items() if REASONED.keys() & set(command.acts)]


@pytest.fixture
def at(tmp_path: Path, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue) -> CommandContext:
    away: Any = None
    known = command_context(foundation(tmp_path, database, vault, clock, catalogue))
    return RepairContext(
        **vars(known), ledger=away, scheduling=away, billing=away, inbox=away, reconciler=away
    )  # nothing is asked of any system: it is refused before


def watched(context: CommandContext, *acts: str) -> CommandContext:
    """The same, where these acts need a second person."""
    catalogue = msgspec.structs.replace(context.catalogue, four_eyes=acts)
    return type(context)(**{**vars(context), "catalogue": catalogue})


def arguments(name: str) -> Any:
    """Something that a command takes; what it names there needn't be."""
    takes = COMMANDS[name].takes
    samples = {int: 1, str: "x", bool: True, UUID: UUID(int=0)}
    told: dict[str, Any] = {}
    for field in msgspec.structs.fields(takes):
        if field.required:
            one = 1 if "int" in str(field.type) else samples.get(field.type, "x")
            told[field.name] = (one,) if "tuple" in str(field.type) else one
    return takes(**told)


def several(name: str) -> set[str]:
    """The fields that name what a command is done to."""
    return {"numbers", "keys"} & {*COMMANDS[name].takes.__struct_fields__}


async def acts(context: CommandContext) -> list[str]:
    async with context.database.connection() as connection:
        return [entry.action for entry in await audit.newest(connection)]


@pytest.mark.parametrize("name", NEED_A_REASON)
async def test_what_needs_a_reason_is_not_done_without(at: CommandContext, name: str) -> None:
    with pytest.raises(NotPossible) as refused:
        await perform(at, SILENT, name, arguments(name))
    assert str(refused.value) in REASONED.values()
    assert await acts(at) == []


@pytest.mark.parametrize("act", REASONED)
async def test_no_act_that_needs_a_reason_comes_into_the_trail_without(at: CommandContext, act: str) -> None:
    async with at.database.transaction() as connection:
        with pytest.raises(NotPossible, match=REASONED[act].partition(":")[0]):
            await SILENT.sign(connection, at, act, "Thing/1")
    assert await acts(at) == []


@pytest.mark.parametrize("name", COMMANDS)
async def test_what_needs_a_second_person_is_not_done_by_one(at: CommandContext, name: str) -> None:
    for act in COMMANDS[name].acts:
        with pytest.raises(NeedsApproval) as refused:
            await perform(watched(at, act), ADA, name, arguments(name))
        assert refused.value.act == act
    assert await acts(at) == []


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.form])
async def test_what_a_form_asks_for_is_kept_until_a_second_person_approves_it(at: CommandContext, name: str) -> None:
    done = await approvals.perform(watched(at, *COMMANDS[name].acts), ADA, name, arguments(name))
    assert "waits as no. 1 until another approves it" in done.words
    assert await acts(at) == ["approval.ask"]


@pytest.mark.parametrize("name", COMMANDS)
async def test_who_only_reads_does_nothing(at: CommandContext, name: str) -> None:
    with pytest.raises(NotAllowed):
        await perform(at, Actor("eve", "a test", ("auditor",)), name, arguments(name))
    assert await acts(at) == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if several(name)])
async def test_what_is_done_to_several_is_not_done_to_none(at: CommandContext, name: str) -> None:
    nothing = msgspec.structs.replace(arguments(name), **{field: () for field in several(name)})
    with pytest.raises(NotPossible, match="choose first"):
        await perform(at, ADA, name, nothing)


@pytest.mark.parametrize("name", [name for name in NEED_A_REASON if COMMANDS[name].form])
async def test_the_console_does_nothing_without_a_reason(console: Console, name: str) -> None:
    before = await acts(console.desk)
    told = msgspec.to_builtins(arguments(name))
    text = await console.sends(f"/do/{name}", **{field: str(_first(value)) for field, value in told.items() if value})
    assert any(html.escape(words.capitalize()[:20], quote=False) in text for words in REASONED.values()), text[-900:]
    assert await acts(console.desk) == before


async def test_the_console_ends_nobody_s_own_access(console: Console) -> None:
    assert "You would lock yourself out" in await console.sends("/do/people.disable", name="ada", reason="a test")


def _first(value: object) -> object:
    return value[0] if isinstance(value, list | tuple) else value


async def test_nobody_ends_their_own_access(at: CommandContext) -> None:
    for name in ("ada", "ben"):
        await perform(at, ADA, "people.add", AddPerson(name=name, roles=(ADMINISTRATOR,)))
    with pytest.raises(NotPossible, match="you would lock yourself out"):
        await perform(at, ADA, "people.disable", Named(name="ada"))
    with pytest.raises(NotPossible, match="you would lock yourself out"):
        await accounts.disable(at, ADA, "ada")
    await perform(at, ADA, "people.disable", Named(name="ben"))


async def test_an_administrator_is_left(at: CommandContext) -> None:
    machine = Actor("operator", "a test", (ADMINISTRATOR,))
    await perform(at, machine, "people.add", AddPerson(name="ada", roles=(ADMINISTRATOR,)))
    await perform(at, machine, "people.add", AddPerson(name="ben", roles=("finance",)))
    before = await acts(at)
    for name, one in (
        ("people.disable", Named(name="ada")),
        ("people.roles", SetRoles(name="ada", roles=("finance",))),
    ):
        with pytest.raises(NotPossible, match="ada is the last administrator: make another person one first"):
            await perform(at, machine, name, one)
    assert await acts(at) == before
    await perform(at, machine, "people.roles", SetRoles(name="ben", roles=(ADMINISTRATOR,)))
    await perform(at, machine, "people.disable", Named(name="ada"))
