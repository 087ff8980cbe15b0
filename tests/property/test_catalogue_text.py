"""Whatever stands in a catalogue's file: it is a catalogue, or its problems are said by line."""

from hypothesis import given
from hypothesis import strategies as st

from suture.catalogue import CatalogueError, CatalogueProblem, parse
from suture.catalogue.write import template

LINES = template().splitlines()
YAMLISH = st.text(st.sampled_from("ab1 \n:-[]{}&*!|>'\"#%@`,?~.\t\x00é"), max_size=60)
SCRAPS = st.sampled_from(
    [
        *("~", "[]", "{}", "[a]", "1", "-1", "0.5", ".nan", ".inf", "2001-01-01", "2001-99-99", "yes", "''", "a: b"),
        *("&a [*a]", "*a", "!!set {a}", "!x y", "|", ">", "'", '"', "{", "[", "<<: *a", "0x1", "1e400", "é", "\t"),
    ]
)


def problems(text: str) -> list[CatalogueProblem]:
    try:
        parse(text, "c.yaml")
    except CatalogueError as error:
        return error.problems
    return []


def judged(text: str) -> None:
    for problem in problems(text):
        assert 1 <= problem.line <= text.count("\n") + 2
        assert problem.message


@given(YAMLISH | st.text(max_size=40))
def test_any_text(text: str) -> None:
    judged(text)


@given(place=st.integers(0, len(LINES) - 1), scrap=SCRAPS | YAMLISH)
def test_the_template_with_a_value_spoilt(place: int, scrap: str) -> None:
    key, colon, _ = LINES[place].partition(":")
    judged("\n".join([*LINES[:place], f"{key}{colon} {scrap}", *LINES[place + 1 :]]))


@given(place=st.integers(0, len(LINES) - 1), scrap=SCRAPS)
def test_the_template_with_a_key_spoilt(place: int, scrap: str) -> None:
    key, colon, value = LINES[place].partition(":")
    indent = key[: len(key) - len(key.lstrip(" -"))]
    judged("\n".join([*LINES[:place], f"{indent}{scrap}{colon}{value}", *LINES[place + 1 :]]))


@given(first=st.integers(0, len(LINES)), last=st.integers(0, len(LINES)))
def test_the_template_with_lines_missing(first: int, last: int) -> None:
    judged("\n".join(LINES[: min(first, last)] + LINES[max(first, last) :]))
