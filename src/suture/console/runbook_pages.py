"""The runbooks as pages: Markdown becomes HTML that needs no style or script of its own."""

from functools import cache

import msgspec
from markdown_it import MarkdownIt

from suture.console.plainly import markdown
from suture.views.runbook import page

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


class Chapter(msgspec.Struct, frozen=True):
    """A runbook: its title, and the rest as HTML."""

    title: str
    body: str


@cache
def read(name: str) -> Chapter:
    """The runbook of a class. Raises `KeyError` where there is no such class."""
    title, _, text = page(name).partition("\n")
    return Chapter(title.removeprefix("# "), render(markdown(text)))


def render(text: str) -> str:
    """Markdown as HTML that is safe to show: HTML in it stands as it is written. Wide tables may be scrolled."""
    html: str = _MARKDOWN.render(text)
    html = html.replace("<table>", '<div class="sheet" role="region" aria-label="Table" tabindex="0">\n<table>')
    return html.replace("</table>", "</table>\n</div>")
