"""What stands in CONTRIBUTING.md works as it stands: a connector in a package of its own is found, checked and passes
the conformance suite of its role."""

import asyncio
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from suture.catalogue.write import tailored

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"
BLOCK = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder into which the package of the guide is installed."""
    for name, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _install(tmp_path, tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"])
    return tmp_path


def _install(folder: Path, project: dict[str, Any]) -> None:
    """What an installer writes of a package: its name, and its entry points."""
    facts = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts.mkdir()
    points = [
        f"[{group}]\n" + "".join(f"{name} = {reference}\n" for name, reference in of.items())
        for group, of in project["entry-points"].items()
    ]
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (facts / "entry_points.txt").write_text("".join(points))


async def run(folder: Path, *arguments: str) -> tuple[int, str]:
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": "", "NO_COLOR": "1", "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_the_connector_of_the_guide_passes_the_suite_of_its_role(package: Path) -> None:
    status, said = await run(package, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert (status, "7 passed" in said) == (0, True), said


async def test_a_catalogue_of_its_kind_is_checked_by_its_own_settings(package: Path) -> None:
    told = YAML(typ="safe").load((package / "acme.yaml").read_text())
    (package / "catalogue.yaml").write_text(tailored(told), encoding="utf-8")
    status, said = await run(package, "suture", "check")
    assert status == 0, said
    (package / "catalogue.yaml").write_text(tailored(told).replace("calendar: main", "calender: main"))
    status, said = await run(package, "suture", "check")
    assert (status, "systems.scheduling: Object contains unknown field `calender`" in said) == (2, True), said
