"""A process under way goes on by whatever definition a worker has: none may be changed so that it couldn't."""

from typing import Any

import msgspec
import pytest
from tests.unit.definition_shapes import FieldShape, Shape, StepShape, broken_by, recorded, shape_of

from suture.engine.definition import Definition
from suture.processes.definitions import DEFINITIONS

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


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_a_definition_goes_on_with_what_every_earlier_version_began(definition: Definition[Any]) -> None:
    now = shape_of(definition)
    for version, before in KNOWN.get(definition.name, {}).items():
        broken = broken_by(before, now)
        assert not broken, (
            f"processes that began by {definition.name} version {version} may be under way, and could not go on: "
            f"{'; '.join(broken)}. Make the change so that they can, or give the new process another name and keep the "
            "old definition until none of its processes is under way (`suture processes list`)."
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
