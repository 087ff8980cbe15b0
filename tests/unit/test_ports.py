"""A stranger can implement a port from what it says: every method, its key, and failures that there are."""

import inspect
import re
from pathlib import Path

import pytest

from suture.connectors.port import Billing, Connector, Ledger, Scheduling

PORTS = (Connector, Scheduling, Billing, Ledger)
SOURCE = "".join(
    path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "src" / "suture").rglob("*.py")
)
READING = re.compile(
    r"^(facts|facts_of|master_data|balances|open_items|running_low|receipts|changes|refetch|health|ping)$"
)
CHANGES_NOTHING = re.compile(r"^(of_company|document_of|how_to_lock|locked_until|close|check_\w+)$")
METHODS = [
    pytest.param(port, name, id=f"{port.__name__}.{name}")
    for port in PORTS
    for name, of in vars(port).items()
    if inspect.isfunction(of) and not name.startswith("_")
]


def said(port: type, name: str) -> str:
    return inspect.getdoc(getattr(port, name)) or ""


@pytest.mark.parametrize(("port", "name"), METHODS)
def test_every_method_says_what_it_does_and_by_which_key_it_is_done_once(port: type, name: str) -> None:
    text = said(port, name)
    assert len(text.split()) >= 5
    if not READING.match(name) and not CHANGES_NOTHING.match(name):
        assert "Key: " in text


@pytest.mark.parametrize(("port", "name"), [*METHODS, *((port, "__doc__") for port in PORTS)])
def test_failures_are_named_by_codes_that_there_are(port: type, name: str) -> None:
    text = (port.__doc__ or "") if name == "__doc__" else said(port, name)
    raised = "".join(re.findall(r"[Rr]aises[^.]*\.", text))
    codes = set(re.findall(r"``([a-z_]+)``", raised))
    assert [code for code in sorted(codes) if f'"{code}"' not in SOURCE] == []
