"""Every exception has a page, and every page names only codes and commands that there are."""

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import suture
from suture.cli.main import app
from suture.core import failure
from suture.views.runbook import _FOLDER, CLASSES, OTHER, class_of, page

ROOT = Path(suture.__file__).parent
SOURCES = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("cli", "console")]
RAISED = {
    *(name for name, kind in vars(failure).items() if isinstance(kind, type) and issubclass(kind, failure.Failure)),
    *("NotUnderstood", "lost", "_Rule"),
}
"""What is called with a code as its first text: failures, what a delivery is not, and stand-ins for both."""

CODE = re.compile(r"[a-z]+(_[a-z]+)*")
SECTIONS = ["Impact", "Causes", "What to do", "How to confirm", "Never"]


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = {part.id for part in ast.walk(node.func) if isinstance(part, ast.Name)}
            if called & RAISED:
                yield from (_text(argument) for argument in node.args[:2])
            elif called & {"Trouble", "replace"} or ast.unparse(node.func).endswith("structs.replace"):
                yield from (_text(keyword.value) for keyword in node.keywords if keyword.arg == "code")
            elif ast.unparse(node.func) == "super().__init__" and node.args:
                yield _text(node.args[0])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_REMEDIES":
            assert isinstance(node.value, ast.Dict)
            yield from (_text(key) for key in node.value.keys if key is not None)


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


IN_SOURCE = {
    code for path in SOURCES for code in _codes(ast.parse(path.read_text(encoding="utf-8"))) if CODE.fullmatch(code)
}
COMMANDS = re.compile(r"`(suture [^`]+)`|^ {4}(suture .+)$", re.MULTILINE)


def _commands(name: str) -> list[str]:
    return [inline or block for inline, block in COMMANDS.findall(page(name))]


def test_the_source_raises_codes() -> None:
    known = {"period_locked", "code_unmapped", "told_again", "silent", "busy", "charge_paid", "step_broke", "no_answer"}
    assert known <= IN_SOURCE


@pytest.mark.parametrize("code", sorted(IN_SOURCE))
def test_every_code_belongs_to_exactly_one_class(code: str) -> None:
    assert [name for name, codes in CLASSES.items() if code in codes] == [class_of(code)]


def test_no_class_has_a_code_that_nobody_knows() -> None:
    texts = {
        _text(node) for path in SOURCES if path.stem != "runbook" for node in ast.walk(ast.parse(path.read_bytes()))
    }
    assert {code for codes in CLASSES.values() for code in codes} <= texts


def test_no_code_is_in_two_classes() -> None:
    counted = Counter(code for codes in CLASSES.values() for code in codes)
    assert [code for code, number in counted.items() if number > 1] == []


def test_what_a_system_made_up_is_of_a_class_too() -> None:
    assert class_of("refused_422") == OTHER
    assert OTHER in CLASSES


def test_there_is_a_page_for_every_class_and_no_other() -> None:
    assert {path.stem for path in _FOLDER.glob("*.md")} == set(CLASSES)
    with pytest.raises(KeyError):
        page("weather")


@pytest.mark.parametrize("name", CLASSES)
def test_a_page_says_all_that_someone_needs_on_one_screen(name: str) -> None:
    text = page(name)
    assert text.startswith("# ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert len(text.splitlines()) <= 55


@pytest.mark.parametrize("name", CLASSES)
def test_a_page_explains_each_code_of_its_class(name: str) -> None:
    causes = page(name).partition("## Causes")[2].partition("## What to do")[0]
    cells = [row.split("|")[1] for row in causes.splitlines() if row.startswith("|")]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == CLASSES[name]


@pytest.mark.parametrize("name", CLASSES)
def test_a_page_names_codes_and_runbooks_that_there_are(name: str) -> None:
    for command in _commands(name):
        words = shlex.split(command)
        named = dict(pairwise(words))
        assert named.get("--class", name) in CLASSES, command
        assert named.get("runbook", name) in CLASSES, command
        code = named.get("--code", "CODE")
        assert code == "CODE" or class_of(code) == name, command


@pytest.mark.parametrize("command", sorted({command for name in CLASSES for command in _commands(name)}))
def test_a_page_names_commands_and_options_that_there_are(command: str) -> None:
    words = ["12" if word == "N" else word for word in shlex.split(command)[1:]]
    parsed, *_ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert callable(parsed)


def test_a_command_that_there_is_not_would_be_found() -> None:
    from cyclopts import CycloptsError

    for command in ("exceptions mend 12", "exceptions list --colour red", "exceptions edit 12 --retry", "pause x"):
        with pytest.raises(CycloptsError):
            app.parse_args(command.split(), exit_on_error=False, print_error=False)


def test_the_index_names_every_class_with_its_page() -> None:
    index = (ROOT.parents[1] / "docs" / "runbooks.md").read_text(encoding="utf-8")
    linked = re.findall(r"\(\.\./(src/suture/views/runbooks/\w+\.md)\)", index)
    assert [Path(path).stem for path in linked] == list(CLASSES)
    assert all((ROOT.parents[1] / path).is_file() for path in linked)
