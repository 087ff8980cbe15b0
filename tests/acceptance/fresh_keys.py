"""Schemathesis' hook: a key that fits the schema is made a fresh one, as each new request's is.

The tool reuses one value over many bodies, which the API, as promised, refuses; what doesn't fit is left as it is.
"""

from typing import Any
from uuid import UUID, uuid4

import schemathesis

_NAME = "Idempotency-Key"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    told = (case.headers or {}).get(_NAME)
    if told is None:
        return
    try:
        UUID(str(told))
    except ValueError:
        return
    case.headers[_NAME] = str(uuid4())
