"""Processes, books and pages know systems by their roles. A vendor's name stands in its connector's room alone."""

import re
from pathlib import Path

import pytest

from suture.catalogue.registry import manifests
from suture.processes.definitions import DEFINITIONS

SOURCE = Path(__file__).parents[2] / "src" / "suture"
ROOMS = (
    "connectors/odoo/",
    "store/migrations/",  # what was so once
    "views/runbooks/",  # documents
    "catalogue/template.yaml",  # the installation that `suture init` writes
)
PUBLISHED = re.compile(
    r"(deleted|changed|cancelled|twin|not)_in_odoo|refused_by_odoo|odoo_error|not_odoo"  # codes of exceptions
    r'|no Odoo answers at its address|name="odoo"'  # and a command's first name
)


SOURCES = re.compile(r"Odoo:.*")
"""Where a method of a port has its counterpart: in a standard's segment or element, or in a ledger's model."""


def lines_with_a_vendor() -> list[str]:
    found = []
    for path in sorted(SOURCE.rglob("*")):
        name = path.relative_to(SOURCE).as_posix()
        if path.suffix not in (".py", ".sql", ".html", ".css", ".js", ".yaml") or name.startswith(ROOMS):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            told = SOURCES.sub("", line) if name.startswith("connectors/port/") else line
            if "odoo" in PUBLISHED.sub("", told).lower():
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def test_no_room_but_its_own_knows_a_vendor() -> None:
    assert lines_with_a_vendor() == []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_every_step_works_with_a_role_that_some_connector_plays(definition: object) -> None:
    roles = {role for manifest in manifests().values() for role in manifest.roles}
    assert {step.role for step in definition.steps if step.role} <= roles  # type: ignore[attr-defined]
