"""A message tried field by field."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import Notice

from suture.catalogue import Catalogue
from suture.views.message_preview import FieldOutcome, Trial, explain

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
INTERFACE = "scheduling-appointments"


@pytest.fixture(scope="module")
def trial(catalogue: Catalogue, notice: Notice) -> Trial:
    return explain(catalogue, INTERFACE, msgspec.json.encode(notice()), NOW)


def way(trial: Trial, path: str) -> FieldOutcome:
    return next(one for one in trial.ways if one.path.endswith(path))


def test_it_says_what_the_message_would_become(trial: Trial) -> None:
    ((event, fields),) = trial.events
    assert event == "suture.appointment.completed.v1"
    assert dict(fields)["visit.lines[0].service"] == "OV-EST"


@pytest.mark.parametrize(
    ("path", "becomes"),
    [
        ("resource.period.end", "appointment.completed.visit.ended_at"),
        ("resource.meta.versionId", "appointment.completed:version"),
        ("resource.name[0].family", "patient.family"),
    ],
)
def test_each_field_leads_to_what_it_decides(trial: Trial, path: str, becomes: str) -> None:
    assert any(name.startswith(becomes) for name in way(trial, path).becomes)


def test_a_code_goes_through_its_table(trial: Trial) -> None:
    code = way(trial, "code.coding[0].code")
    assert (code.effect, code.table) == ("maps", "services")
    assert code.becomes == ("appointment.completed.visit.lines[0].service",)


def test_what_must_be_as_it_is_says_why(trial: Trial) -> None:
    status = way(trial, "entry[0].resource.status")
    assert status.effect == "required"
    assert status.why


def test_what_is_not_understood_says_why(catalogue: Catalogue) -> None:
    refused = explain(catalogue, INTERFACE, b"not JSON", NOW)
    assert refused.refusal is not None
    assert refused.refusal.code == "invalid_payload"
    assert refused.ways == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(extra=_JSON)
@example(extra="²")  # a digit that is no number
def test_whatever_else_a_message_says_is_unused_or_refused(catalogue: Catalogue, notice: Notice, extra: Any) -> None:
    told = notice()
    told["data"]["entry"][0]["resource"]["note"] = extra
    found = explain(catalogue, INTERFACE, msgspec.json.encode(told), NOW)
    assert found.refusal is not None or all(
        one.effect == "unused" for one in found.ways if ".resource.note" in one.path
    )
