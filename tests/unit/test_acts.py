"""Every act that changes something can be put under four eyes, and an act that there is not is named with its line."""

import ast
from pathlib import Path

import pytest

import suture
from suture.access.roles import ROLES
from suture.catalogue import CatalogueError, parse
from suture.catalogue.acts import ACTS, UNASKED
from suture.catalogue.write import template
from suture.commands.table import COMMANDS

_LOOKING = {"audit.read", "people.read", "patient.read", "payload.read"}
_DECIDING = {"approval.ask", "approval.approve", "approval.refuse"}
_KINDS = {"process.": ("resume", "cancel", "compensate", "redo"), "subscription.": ("enable", "disable")}
"""Acts whose second part is put together where they are signed."""


def signed(source: str) -> set[str]:
    """The acts that a source text signs: ``actor.sign(connection, desk, act, …)``."""
    found: set[str] = set()
    for call in ast.walk(ast.parse(source)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "sign"):
            continue
        if len(call.args) < 4 or ast.unparse(call.func.value) != "actor":
            continue
        match call.args[2]:
            case ast.Constant(value=str(act)):
                found.add(act)
            case ast.JoinedStr(values=[ast.Constant(value=str(kind)), _]):
                found |= {kind + end for end in _KINDS[kind]}
            case other:
                raise AssertionError(f"an act that no test can read: {ast.unparse(other)}")
    return found


def test_every_act_that_is_signed_needed_or_a_role_s_can_be_put_under_four_eyes() -> None:
    acts = {act for command in COMMANDS.values() for act in command.acts}
    acts |= {act for role in ROLES.values() for act in role.acts} - {"*"}
    for path in Path(suture.__file__).parent.rglob("*.py"):
        acts |= signed(path.read_text())
    assert {"person.invite", "period.sign", "remittance.book"} <= acts
    assert acts - _LOOKING - _DECIDING == set(ACTS)
    text = template().replace("four_eyes: []", f"four_eyes: [{', '.join(ACTS)}]")
    assert parse(text, "catalogue.yaml").four_eyes == ACTS


def test_what_no_command_of_the_console_does_is_known_to_be_barred_by_four_eyes() -> None:
    within = {"process.correct", "process.redo"}  # done on the way by payload.correct and discrepancy.repair
    asked = {act for command in COMMANDS.values() if command.form for act in command.acts}
    assert set(ACTS) - asked - within == UNASKED


@pytest.mark.parametrize("act", ["period.sing", "approval.approve", ""])
def test_an_act_that_there_is_not_is_named_with_its_line(act: str) -> None:
    text = template().replace("four_eyes: []", f"four_eyes:\n  - period.sign\n  - '{act}'")
    with pytest.raises(CatalogueError) as caught:
        parse(text, "catalogue.yaml")
    line = text[: text.index(f"- '{act}'")].count("\n") + 1
    (problem,) = caught.value.problems
    assert problem.line == line
    assert problem.message.startswith(f"four_eyes.1: there is no '{act}' here; ")
