"""The behaviour that every contract's decoder shows, as tests: a test module subclasses `DecoderConformance`."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suture.ingest.decoding import Context, NotUnderstood, Understood

MARK = "Zzyzxfamily"
"""The family name of whoever is named in an example: it is repeated nowhere."""
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(["NaN", "-Infinity", "1e999", "²", "0001-01-01T00:00:00+14:00", "Patient/", "/", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_drawn = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A contract: its decoder, where it decodes, and deliveries by it as JSON trees, in which people are called `MARK`:
    `examples` that are understood, and `others` with all that may stand beside."""

    decode: Callable[[bytes, Context], Understood]
    context: Context
    examples: tuple[Any, ...]
    others: tuple[Any, ...] = ()

    @property
    def every(self) -> tuple[Any, ...]:
        return (*self.examples, *self.others)

    def judge(self, body: bytes) -> None:
        """Whatever is delivered, it is understood, or it is `NotUnderstood`, in words that repeat nothing of a
        person."""
        understood = self._answer(body)
        if isinstance(understood, NotUnderstood):
            assert understood.code
            assert understood.remedy
            assert MARK not in understood.reason
            return
        assert all(MARK not in one.reason for one in understood.refusals)
        assert all(MARK.encode() not in bytes(event.data) for event in (*understood.events, *understood.beside))
        assert all(event.occurred_at.tzinfo for event in understood.events)
        assert all(event.payload() for event in understood.events)

    def _answer(self, body: bytes) -> Understood | NotUnderstood:
        try:
            return self.decode(body, self.context)
        except NotUnderstood as error:
            return error


class DecoderConformance:
    """Needs one fixture, `contract`: a `Contract`."""

    def test_its_examples_are_understood_and_told_again_they_are_the_same_events(self, contract: Contract) -> None:
        for example in contract.examples:
            first, again = (contract.decode(msgspec.json.encode(example), contract.context) for _ in range(2))
            events = [event for part in (first.parts or (first,)) for event in part.events]
            assert events
            assert not first.refusals
            assert [event.id for event in events] == [
                event.id for part in (again.parts or (again,)) for event in part.events
            ]

    @_drawn
    @given(body=st.binary(max_size=60) | JSON.map(msgspec.json.encode))
    def test_any_bytes(self, contract: Contract, body: bytes) -> None:
        contract.judge(body)

    @_drawn
    @given(data=st.data(), value=JSON)
    def test_an_example_with_a_value_spoilt(self, contract: Contract, data: st.DataObject, value: Any) -> None:
        example = data.draw(st.sampled_from(contract.every))
        place = data.draw(st.sampled_from(_places(example)))
        contract.judge(msgspec.json.encode(_spoilt(example, place, value)))

    @_drawn
    @given(data=st.data(), cut=st.integers(0, 5000), junk=st.binary(max_size=4))
    def test_an_example_cut_off_and_garbled(
        self, contract: Contract, data: st.DataObject, cut: int, junk: bytes
    ) -> None:
        body = msgspec.json.encode(data.draw(st.sampled_from(contract.every)))
        contract.judge(body[: cut % len(body)] + junk + body[cut % len(body) + len(junk) :])


def _places(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value in a tree."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for step, inner in steps for place in _places(inner, (*path, step)))]


def _spoilt(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    tree = copy.deepcopy(tree)
    node = tree
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return tree
