"""Logs carry references, never content: what isn't known to be safe is withheld."""

import pytest

from suture.core.redact import WITHHELD, redact, redact_processor


@pytest.mark.parametrize("field", ["event", "level", "process", "step", "interface", "receipt", "error_type", "count"])
def test_references_pass(field: str) -> None:
    assert redact({field: "value"}) == {field: "value"}


@pytest.mark.parametrize("field", ["family", "patient", "body", "error", "exc_info", "exception", "data", "Event", ""])
def test_anything_else_is_withheld(field: str) -> None:
    assert redact({field: "Erika Mustermann"}) == {field: WITHHELD}


def test_serves_as_a_log_processor() -> None:
    fields = {"event": "batch_broke", "count": 3, "payload": b"secret"}
    assert redact_processor(None, "error", fields) == {"event": "batch_broke", "count": 3, "payload": WITHHELD}
