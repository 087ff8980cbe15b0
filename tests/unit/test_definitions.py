"""A process under way goes on by the version it began with: none may vanish, or be changed under it."""

from typing import Any

import msgspec
import pytest
from tests.unit.definition_shapes import FieldShape, Shape, StepShape, broken_by, recorded, shape_of

from suture.engine.definition import Definition
from suture.processes.definitions import BY_VERSION, DEFINITIONS

KNOWN = recorded()


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_a_definition_is_as_its_version_was_recorded(definition: Definition[Any]) -> None:
    before = KNOWN.get(definition.name, {}).get(str(definition.version))
    assert before is not None, (
        f"{definition.name} version {definition.version} is new: run `python -m tests.unit.definition_shapes`, which "
        "records its shape, and commit that"
    )
    now = shape_of(definition)
    assert (now.steps, now.results) == (before.steps, before.results), (
        f"the steps of {definition.name} changed, and its version is still {definition.version}: raise `version` in "
        "its DEFINITION, then run `python -m tests.unit.definition_shapes`"
    )


RETIRED: frozenset[tuple[str, int]] = frozenset()
"""Versions of which no process can be under way any more, anywhere."""


@pytest.mark.parametrize(
    ("name", "version"), [(name, int(version)) for name, versions in KNOWN.items() for version in versions]
)
def test_a_process_under_way_finds_the_version_it_began_with(name: str, version: int) -> None:
    assert (name, version) in RETIRED or (name, version) in BY_VERSION, (
        f"processes that began by {name} version {version} may be under way: keep its definition beside the new one, "
        "or have the new one say that it `continues` it"
    )


@pytest.mark.parametrize(
    ("definition", "version"), [(one, version) for one in DEFINITIONS for version in one.continues], ids=str
)
def test_a_definition_can_go_on_with_what_the_versions_began_that_it_continues(
    definition: Definition[Any], version: int
) -> None:
    broken = broken_by(KNOWN[definition.name][str(version)], shape_of(definition))
    assert not broken, (
        f"{definition.name} version {definition.version} could not go on with processes that began by version "
        f"{version}: {'; '.join(broken)}. Keep that version's definition beside it until none of its processes is "
        "under way (`suture processes list`)."
    )


BEFORE = Shape(
    version=1,
    steps=(
        StepShape(name="look", role=None),
        StepShape(name="write", role="ledger", effect=True, undo=True),
        StepShape(name="wait", role=None, awaits="suture.invoice.posted.v1"),
    ),
    results={"write": "Entry"},
    fields={"Visit.payer": FieldShape(type='{"type":"string"}', required=True)},
)


def _steps(*names: str) -> Shape:
    known = {step.name: step for step in BEFORE.steps}
    more = {name: StepShape(name=name, role=None) for name in names}
    return msgspec.structs.replace(BEFORE, steps=tuple((more | known)[name] for name in names))


def _step(name: str, **told: Any) -> Shape:
    steps = (msgspec.structs.replace(s, **told) if s.name == name else s for s in BEFORE.steps)
    return msgspec.structs.replace(BEFORE, steps=tuple(steps))


def _fields(**told: FieldShape) -> Shape:
    fields = {f"Visit.{name}": field for name, field in told.items()}
    return msgspec.structs.replace(BEFORE, fields=BEFORE.fields | fields)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (_steps("look", "wait"), "the step write is gone"),
        (_steps("look", "note", "wait"), "the step write is gone"),
        (_steps("write", "look", "wait"), "another order"),
        (_steps("look", "write", "more", "wait"), "the step more stands before one that was there"),
        (_step("write", undo=False), "can't be undone any more"),
        (_step("wait", awaits="suture.payment.posted.v1"), "waits for another event"),
        (msgspec.structs.replace(BEFORE, results={"write": "Other"}), "was read as Entry, and is read as Other"),
        (_fields(payer=FieldShape(type='{"type":"integer"}', required=True)), "Visit.payer is another type"),
        (_fields(day=FieldShape(type='{"type":"string"}', required=True)), "Visit.day is new and required"),
    ],
)
def test_a_change_by_which_a_process_under_way_could_not_go_on_is_told(after: Shape, reason: str) -> None:
    assert any(reason in told for told in broken_by(BEFORE, after))


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        _steps("look", "write", "wait", "more"),
        _step("look", undo=True),
        _fields(day=FieldShape(type='{"type":"string"}', required=False)),
    ],
)
def test_a_change_by_which_it_can_go_on_is_fine(after: Shape) -> None:
    assert broken_by(BEFORE, after) == []
