"""Suture and its lab are two distributions: what is installed to run holds nothing to try it with, and needs no more
than is locked for it."""

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
SUTURE, LAB = ROOT / "src" / "suture", ROOT / "lab" / "src" / "suture_lab"
OF_THE_LAB = {"faker", "pytest", "hypothesis", "suture_lab"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(file: str) -> set[str]:
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    return {normal(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def imports(source: str) -> Iterator[str]:
    """The top-level packages that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def distributions() -> dict[str, set[str]]:
    """Which distributions have a package, by their names."""
    return {package: {normal(name) for name in names} for package, names in packages_distributions().items()}


def unlocked(source: str, ours: set[str], known: set[str]) -> list[str]:
    """The packages that a module imports: neither Python's nor ours, and from none of the distributions known."""
    foreign = {*imports(source)} - sys.stdlib_module_names - ours
    return sorted(package for package in foreign if not distributions().get(package, set()) & known)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is packed into Suture's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    return zipfile.ZipFile(next(WheelBuilder(str(ROOT)).build(directory=str(folder)))).namelist()


def test_what_is_installed_to_run_holds_nothing_of_the_lab(wheel: list[str]) -> None:
    modules = {name for name in wheel if name.endswith(".py")}
    assert {"suture/cli/main.py", "suture/gateway/app.py"} <= modules
    rooms = {part for name in modules for part in Path(name).with_suffix("").parts}
    assert (
        rooms & {"suture_lab", "simulators", "simulated", "demo", "chaos", "stage", "verdict", "conformance"} == set()
    )
    sources = {name: (ROOT / "src" / name).read_text(encoding="utf-8") for name in modules}
    assert {name: found for name, text in sources.items() if (found := {*imports(text)} & OF_THE_LAB)} == {}


def test_suture_imports_nothing_but_what_is_locked_to_run_it() -> None:
    known = locked("run.txt")
    sources = {path: path.read_text(encoding="utf-8") for path in SUTURE.rglob("*.py")}
    assert {path.name: found for path, text in sources.items() if (found := unlocked(text, {"suture"}, known))} == {}


IMPORT_ALL = """
import importlib, pkgutil, sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

lacking = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Lacking())
import suture
for module in pkgutil.walk_packages(suture.__path__, "suture."):
    if not module.name.endswith((".__main__", ".migrations.env")):  # which do what they do when they are imported
        importlib.import_module(module.name)
"""


def test_every_module_of_suture_is_imported_where_nothing_else_is_installed() -> None:
    """What a library needs in its turn, and would find here by chance, is missed too."""
    known = locked("run.txt")
    lacking = {package for package, owners in distributions().items() if not owners & known} - {"suture"}
    assert {"faker", "pytest"} <= lacking
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(lacking)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_lab_imports_nothing_but_what_is_locked_to_develop() -> None:
    known = locked("dev.txt")
    ours = {"suture", "suture_lab"}
    sources = {path: path.read_text(encoding="utf-8") for path in LAB.rglob("*.py")}
    assert {path.name: found for path, text in sources.items() if (found := unlocked(text, ours, known))} == {}


def test_a_package_that_is_not_locked_is_seen() -> None:
    source = "def late():\n    from faker import Faker\nimport suture.core, json, msgspec"
    assert unlocked(source, {"suture"}, locked("run.txt")) == ["faker"]


def test_what_runs_is_part_of_what_is_developed_with() -> None:
    def pins(file: str) -> set[str]:
        text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
        return set(re.findall(r"^[\w.-]+==\S+|--hash=\S+", text, re.MULTILINE))

    assert pins("run.txt") < pins("dev.txt")
    assert not locked("run.txt") & {"faker", "pytest", "hypothesis", "playwright", "ruff", "mypy", "aiosmtpd"}
    for file in ("run.txt", "dev.txt"):
        assert not re.search(r"://|--(extra-)?index-url|--find-links", (ROOT / "requirements" / file).read_text())
