"""No command line on the console: every command in a remedy, a refusal or a runbook has words there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import suture
from suture.console import plainly
from suture.console.runbook_pages import read
from suture.views.runbook import CLASSES

SOURCE = Path(suture.__file__).parent
ELSEWHERE = {"cli", "bootstrap", "gateway"}
"""What these say is said on the command line, or to another system."""


def told() -> Iterator[str]:
    """Every text in the source that names a command in backquotes, f-strings with a number in their holes."""
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).parts[0] in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in documented | inside:
                continue
            text = ""
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            if "`suture " in text:
                yield text


TEXTS = sorted(set(told()))


def test_there_are_texts_to_look_at() -> None:
    assert len(TEXTS) > 20


@pytest.mark.parametrize("text", TEXTS)
def test_a_command_in_a_text_is_words_here(text: str) -> None:
    commands = re.findall(r"`(suture(?: [^`]*)?)`", text)
    assert [command for command in commands if plainly.place_of_command(command) is None] == []
    assert "suture " not in plainly.plainly(text).striptags().replace("starting Suture", "")


@pytest.mark.parametrize("name", CLASSES)
def test_a_runbook_shows_places_instead_of_commands(name: str) -> None:
    body = read(name).body
    assert not re.search(r"suture [a-z-]+", re.sub(r"<a [^>]*>", "", body)), body


def test_a_command_with_a_page_is_a_link_and_the_rest_is_escaped() -> None:
    text = plainly.plainly("<b>odd</b>: `suture exceptions list --code period_locked` first")
    assert text == (
        '&lt;b&gt;odd&lt;/b&gt;: <a href="/exceptions?code=period_locked">the exceptions with this code</a> first'
    )
