"""One way to command: every door goes through the table, and what may be done is said by what does it."""

import ast
from pathlib import Path

import pytest

import suture
import suture_lab

SOURCE, LAB = Path(suture.__file__).parent, Path(suture_lab.__file__).parent
DOORS = sorted(path for room in ("cli", "console", "gateway") for path in (SOURCE / room).rglob("*.py"))
DOORS += sorted(LAB.rglob("*.py"))

LOOKING = {("accounts", "listed"), ("exception_queue", "preview_payload")}
"""They change nothing: an actor is named for the sake of what their roles let them see."""
FOUR_EYES = {("approvals", "perform"), ("approvals", "approve"), ("approvals", "refuse")}
"""The table as who is signed in uses it: what needs a second person is kept for one."""


def commanding() -> set[tuple[str, str]]:
    """The functions by which somebody acts, by module and name."""
    return {
        (path.stem, one.name)
        for path in (SOURCE / "commands").glob("*.py")
        for one in ast.parse(path.read_text()).body
        if isinstance(one, ast.AsyncFunctionDef) and not one.name.startswith("_")
        for argument in one.args.args
        if argument.annotation is not None and ast.unparse(argument.annotation) == "Actor"
    }


def used(source: str) -> set[tuple[str, str]]:
    """What a source text uses of the room of commands, by module and name."""
    modules: dict[str, str] = {}
    found: set[tuple[str, str]] = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "suture.commands":
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("suture.commands."):
            found |= {(str(node.module).rpartition(".")[2], alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add((modules[node.value.id], node.attr))
    return found


@pytest.mark.parametrize("path", DOORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_door_has_things_done_by_the_table_alone(path: Path) -> None:
    past = commanding() - {("table", "perform")} - LOOKING - FOUR_EYES
    assert {("clients", "revoke"), ("month_end", "reopen"), ("subscriptions", "switch")} <= past
    assert used(path.read_text()) & past == set(), "have it done by its name: commands.table.perform"
