"""The page on architecture shows the house as it is, and the house has no circle."""

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def layers(contract: str = "layers") -> list[set[str]]:
    """The rooms that stand beside each other, from the ground up, as a contract of layers has them."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    told = contracts[f"importlinter:contract:{contract}"]["layers"].split("\n")
    return [set(re.findall(r"\w+", layer)) for layer in reversed(told) if layer.strip()]


def test_its_table_has_every_room_from_the_ground_up() -> None:
    table = PAGE.partition("## Rooms")[2].partition("\n## ")[0]
    shown = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines() if row.startswith("| `")]
    rooms = [room for row in shown for room in row]
    floor = {room: number for number, layer in enumerate(layers()) for room in layer}
    there = {path.name for path in (ROOT / "src" / "suture").iterdir() if (path / "__init__.py").is_file()}
    assert set(rooms) == there
    assert [floor[room] for room in rooms] == sorted(floor[room] for room in rooms)


def test_the_page_has_every_room_of_the_lab() -> None:
    table = PAGE.partition("## The lab")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    rooms = {room: re.findall(r"`([\w/.]+)`", row[3]) for row in rows for room in re.findall(r"`(\w+)`", row[1])}
    lab = ROOT / "lab" / "src" / "suture_lab"
    assert {*rooms} == {path.name for path in lab.iterdir() if (path / "__init__.py").is_file()}
    assert [room for room, files in rooms.items() if not all((lab / room / name).is_file() for name in files)] == []


def test_the_page_on_odoo_has_every_room_of_its_connector_from_its_port_down() -> None:
    section = (
        (ROOT / "docs" / "odoo.md").read_text(encoding="utf-8").partition("## A call's way")[2].partition("\n## ")[0]
    )
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|(.*)\|$", section, re.MULTILINE)
    house = ROOT / "src" / "suture" / "connectors" / "odoo"
    floor = {room: number for number, layer in enumerate(layers("odoo")) for room in layer}
    assert {room for room, _ in rows} == {path.name for path in house.iterdir() if (path / "__init__.py").is_file()}
    assert [floor[room] for room, _ in rows] == sorted((floor[room] for room, _ in rows), reverse=True)
    named = [(room, name) for room, told in rows for name in re.findall(r"`([\w.]+)`", told)]
    assert [(room, name) for room, name in named if not (house / room / name).is_file()] == []


def test_its_walks_lead_from_file_to_file_that_there_are() -> None:
    walks = PAGE.partition("## Four walks")[2].partition("\n## ")[0].split("\n**")[1:]
    assert len(walks) == 4
    for walk in walks:
        stops = re.findall(r"^\d+\. `([\w/.]+)`", walk, re.MULTILINE)
        assert 5 <= len(stops) <= 8
        assert [stop for stop in stops if not (ROOT / "src" / "suture" / stop).is_file()] == []


def modules() -> dict[str, Path]:
    """Every module by its dotted name; a package's is its `__init__`."""
    sources = (ROOT / "src", ROOT / "lab" / "src")
    found = {path: path.relative_to(top).with_suffix("").parts for top in sources for path in top.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in found.items()}


def imported(source: str, known: Mapping[str, object]) -> Iterator[str]:
    """Which known modules a module imports, wherever it does: at its top, in a function, or for its types alone."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            named = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name if name in known else node.module for name in named)


_STANDARDS_NAMES = frozenset({"suture.codecs.fhir.resources", "suture_lab.simulators.clinic.synthea.resources"})
"""Whose classes are called as FHIR calls its resources and types: our own record is a `Patient` besides."""


def shared_names(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Public classes that several modules have by one name."""
    found: dict[str, list[str]] = {}
    for module, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    return {name: places for name, places in found.items() if len(places) > 1}


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, each of which imports the one before; none where there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return [*error.args[1]]
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = modules()
    imports = {name: {*imported(path.read_text(encoding="utf-8"), known)} - {name} for name, path in known.items()}
    assert sum(map(len, imports.values())) > len(imports)
    assert circle(imports) == []


def test_a_circle_is_seen_wherever_its_imports_stand() -> None:
    sources = {
        "house.a": "from house import b",
        "house.b": "def late():\n    from house.c import thing",
        "house.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.a import Thing",
        "house": "",
    }
    imports = {name: {*imported(source, sources)} - {name} for name, source in sources.items()}
    assert sorted({*circle(imports)}) == ["house.a", "house.b", "house.c"]


def test_no_two_public_classes_share_a_name() -> None:
    ours = {name: path.read_text(encoding="utf-8") for name, path in modules().items() if name not in _STANDARDS_NAMES}
    assert shared_names(ours) == {}
    assert shared_names({"a": "class One: ...", "b": "class One: ...", "c": "class _Two: ..."}) == {"One": ["a", "b"]}
