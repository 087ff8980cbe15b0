"""A payload is corrected field by field, and nothing else of it changes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from suture.console import payload
from suture.console.payload import Changed, PayloadField

TOLD = '{"type": "x", "data": {"entry": [{"price": 10.10, "paid": false}, {"code": "007", "none": null}], "more": []}}'

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_its_leaves_stand_in_its_order_as_they_were_written() -> None:
    assert payload.fields(TOLD) == [
        PayloadField("type", "x"),
        PayloadField("data.entry[0].price", "10.10"),
        PayloadField("data.entry[0].paid", "false"),
        PayloadField("data.entry[1].code", "007"),
        PayloadField("data.entry[1].none", "null"),
        PayloadField("data.more", "[]"),
    ]


def test_a_number_stays_one_to_its_last_digit_and_a_text_a_text() -> None:
    after = payload.corrected(TOLD, {"data.entry[0].price": "12.50", "data.entry[1].code": "8"})
    assert '"price": 12.50' in after
    assert '"code": "8"' in after
    assert '"paid": false' in after
    assert payload.changes(TOLD, after) == [
        Changed("data.entry[0].price", "10.10", "12.50"),
        Changed("data.entry[1].code", "007", "8"),
    ]


def test_what_is_no_json_has_no_fields() -> None:
    assert payload.fields("not JSON") == payload.fields("") == payload.fields("[" * 100_000) == []


def test_more_than_a_person_reads_is_edited_as_a_whole() -> None:
    assert payload.fields(json.dumps(list(range(1000)))) == []


@given(JSON)
def test_nothing_changes_where_nothing_is_corrected(value: object) -> None:
    text = json.dumps(value)
    same = {field.place: field.value for field in payload.fields(text)}
    assert json.loads(payload.corrected(text, same)) == value
