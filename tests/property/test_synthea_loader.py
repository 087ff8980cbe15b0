"""Whatever a folder holds, loading it never raises, and the day it gives can be stored."""

import json
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from suture_lab.simulators.clinic.day import read_day, write_day
from suture_lab.simulators.clinic.synthea import load
from suture_lab.simulators.clinic.synthea.resources import KINDS

DAY = date(2025, 3, 3)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))
references = st.sampled_from(["urn:uuid:a", "Patient/a", "Claim/b", "Practitioner?identifier=x|a", ""])
amounts = st.floats() | st.integers() | st.sampled_from(["NaN", "-Infinity", "1e999999", "1E-99999", "12.5", "sNaN"])


def or_odd(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda luck: anything if luck == 0 else usual)


def record_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: or_odd(usual) for name, usual in fields.items()})


reference = record_of(reference=references, display=st.sampled_from(["private", "no_insurance", "??", ""]))
concept = record_of(coding=st.lists(record_of(system=st.sampled_from("st"), code=st.sampled_from("xy"))))
money = record_of(value=amounts, currency=st.sampled_from(["USD", "EUR", "usd"]))
moments = st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2020-01-01", "2020", "soon"])
item = record_of(productOrService=concept, net=money, encounter=st.lists(reference, max_size=2))
resources = record_of(
    resourceType=st.sampled_from([*KINDS, "Observation", "Bundle"]),
    id=st.sampled_from("ab"),
    name=st.lists(record_of(family=st.text(max_size=3), given=st.lists(st.text(max_size=3)))) | st.text(min_size=1),
    identifier=st.lists(record_of(value=st.sampled_from("ax"), system=st.text(max_size=3))),
    birthDate=moments,
    status=st.just("finished"),
    subject=reference,
    participant=st.lists(record_of(individual=reference), max_size=2),
    serviceProvider=reference,
    period=record_of(start=moments, end=moments),
    type=concept,
    item=st.lists(item, max_size=3),
    insurance=st.lists(record_of(coverage=reference), max_size=2),
    total=money,
    claim=reference,
    payment=record_of(amount=money),
    entry=st.lists(record_of(resource=anything)),
)


SOUND: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p", "name": [{"family": "Doe"}], "birthDate": "1980-01-01"},
    {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Roe", "given": ["A"]}]},
    {"resourceType": "Organization", "id": "o", "name": "Main"},
    {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "subject": {"reference": "urn:uuid:p"},
        "participant": [{"individual": {"reference": "urn:uuid:d"}}],
        "serviceProvider": {"reference": "urn:uuid:o"},
        "period": {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T10:30:00Z"},
    },
    {
        "resourceType": "Claim",
        "id": "c",
        "type": {"coding": [{"code": "institutional"}]},
        "insurance": [{"coverage": {"display": "private"}}],
        "item": [
            {"productOrService": {"coding": [{"code": "1"}]}, "encounter": [{"reference": "urn:uuid:e"}]},
            {"productOrService": {"coding": [{"code": "2"}]}, "net": {"value": 10.1, "currency": "USD"}},
        ],
        "total": {"value": 99.9, "currency": "USD"},
    },
    {
        "resourceType": "ExplanationOfBenefit",
        "id": "b",
        "claim": {"reference": "urn:uuid:c"},
        "payment": {"amount": {"value": 50.0, "currency": "USD"}},
    },
]


def paths(tree: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield (*here, key)
        yield from paths(value, (*here, key))


def spoilt(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """`tree` with another value at `path`."""
    copy = deepcopy(tree)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def loads(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        day = load(folder, day=DAY).day
        write_day(day, folder / "day")
        assert read_day(folder / "day") == day


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(list(paths(SOUND))), anything | amounts | moments)
def test_one_spoilt_value_never_raises(path: tuple[Any, ...], value: Any) -> None:
    loads({"a.ndjson": "\n".join(map(json.dumps, spoilt(SOUND, path, value))).encode()})


@settings(max_examples=80, deadline=None)
@given(st.lists(resources, max_size=12))
def test_almost_fhir_never_raises(records: list[Any]) -> None:
    loads({"a.ndjson": "\n".join(map(json.dumps, records)).encode()})


@settings(max_examples=50, deadline=None)
@given(anything, st.binary(max_size=60))
def test_arbitrary_files_never_raise(tree: Any, noise: bytes) -> None:
    content = json.dumps(tree).encode()
    loads({"a.json": content, "b.ndjson": content, "c.ndjson": noise, "d.json.gz": noise, "e.ndjson.gz": noise})
