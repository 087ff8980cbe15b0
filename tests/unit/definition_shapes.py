"""The shape of each business process, as far as a process under way depends on it, and what may change of it.

A process goes on by the version that it began with, or by a later one that says it `continues` that version: then its
steps are found by name, and the later one must be able to go on with what the earlier began. The shapes of all versions
stand in `definition_shapes.json`; ``python -m tests.unit.definition_shapes`` adds those that are new.
"""

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec

from suture.engine.definition import AwaitEvent, Definition, Leaf, Step
from suture.processes.definitions import DEFINITIONS, completed_appointment, month_end_close, posted_payment

RECORD = Path(__file__).with_name("definition_shapes.json")
_MODULES = {module.DEFINITION.name: module for module in (completed_appointment, posted_payment, month_end_close)}


class StepShape(msgspec.Struct, frozen=True, kw_only=True):
    """`awaits` is an event type; `conditional`: the step may be left out."""

    name: str
    role: str | None
    awaits: str | None = None
    effect: bool = False
    undo: bool = False
    conditional: bool = False


class FieldShape(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    required: bool


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are those of the input and of the results that steps read again, by ``<type>.<field>``; `results` says
    of which type each step's is."""

    version: int
    steps: tuple[StepShape, ...]
    results: dict[str, str]
    fields: dict[str, FieldShape]


def shape_of(definition: Definition[Any]) -> Shape:
    results = _results(definition.name)
    known = [definition.input, *results.values()]
    fields = {name: field for record in known for name, field in _fields(record).items()}
    return Shape(
        version=definition.version,
        steps=tuple(_step(leaf) for leaf in definition.leaves()),
        results={step: record.__name__ for step, record in sorted(results.items())},
        fields=dict(sorted(fields.items())),
    )


def broken_by(before: Shape, after: Shape) -> list[str]:
    """Why a process that began by one shape can't go on by another; empty: it can."""
    return [*_steps_broken(before, after), *_records_broken(before, after)]


def _steps_broken(before: Shape, after: Shape) -> list[str]:
    old, new = [step.name for step in before.steps], [step.name for step in after.steps]
    told = [f"the step {name} is gone: what it did would never be undone" for name in old if name not in new]
    if [name for name in new if name in old] != [name for name in old if name in new]:
        told.append("the steps are in another order: a process would do them in a mixture of both")
    kept = [new.index(name) for name in old if name in new]
    told += [
        f"the step {name} stands before one that was there: a process past it would do it late, out of its order"
        for name in new[: max(kept, default=0)]
        if name not in old
    ]
    for step in before.steps:
        now = next((one for one in after.steps if one.name == step.name), None)
        if now is None:
            continue
        if step.undo and not now.undo:
            told.append(f"the step {step.name} can't be undone any more: what it did would stay for good")
        if step.awaits != now.awaits:
            told.append(f"the step {step.name} waits for another event: one that has it already couldn't read it")
    return told


def _records_broken(before: Shape, after: Shape) -> list[str]:
    told = [
        f"the result of {step} was read as {record}, and is read as {after.results[step]}"
        for step, record in before.results.items()
        if after.results.get(step, record) != record
    ]
    told += [
        f"{name} is another type: what is stored could not be read"
        for name, field in before.fields.items()
        if name in after.fields and after.fields[name].type != field.type
    ]
    records = {name.partition(".")[0] for name in before.fields}
    told += [
        f"{name} is new and required: what is stored has none; give it a default"
        for name, field in after.fields.items()
        if field.required and name.partition(".")[0] in records and not _was_required(before, name)
    ]
    return told


def _was_required(before: Shape, name: str) -> bool:
    return name in before.fields and before.fields[name].required


def recorded() -> dict[str, dict[str, Shape]]:
    """Every version's shape, by definition and version."""
    return msgspec.json.decode(RECORD.read_bytes(), type=dict[str, dict[str, Shape]]) if RECORD.exists() else {}


def record_new() -> None:
    """Add the shapes of versions that aren't recorded yet; what is recorded stays as it is."""
    known = recorded()
    for definition in DEFINITIONS:
        known.setdefault(definition.name, {}).setdefault(str(definition.version), shape_of(definition))
    RECORD.write_bytes(msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=1) + b"\n")


def _step(step: Leaf) -> StepShape:
    if isinstance(step, AwaitEvent):
        return StepShape(name=step.name, role=step.role, awaits=step.type)
    if not isinstance(step, Step):
        return StepShape(name=step.name, role=None, awaits=type(step).__name__.lower())
    return StepShape(
        name=step.name,
        role=step.role,
        effect=step.has_effect,
        undo=step.undo is not None,
        conditional=step.when is not None,
    )


def _results(definition: str) -> dict[str, type[msgspec.Struct]]:
    """Which type each step's result is read as, wherever a definition's page says ``run.result("step", Type)``."""
    module = _MODULES[definition]
    found: dict[str, type[msgspec.Struct]] = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        match node:
            case ast.Call(func=ast.Attribute(attr="result"), args=[ast.Constant(value=str(step)), ast.Name(id=name)]):
                found[step] = getattr(module, name)
    return found


def _fields(record: type[msgspec.Struct]) -> dict[str, FieldShape]:
    _, parts = msgspec.json.schema_components([record])
    return {
        f"{name}.{field}": FieldShape(type=_type(told), required=field in part.get("required", ()))
        for name, part in parts.items()
        for field, told in part.get("properties", {}).items()
    }


def _type(told: dict[str, Any]) -> str:
    """A field's JSON Schema without what decoding doesn't need."""
    return msgspec.json.encode({k: v for k, v in told.items() if k not in ("default", "description")}).decode()


if __name__ == "__main__":
    record_new()
    sys.stdout.write(f"recorded in {RECORD}\n")
