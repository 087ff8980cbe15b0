"""What watching costs: a hook for traces, off and on, and a count, beside a bare call in the same run."""

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext

from suture.telemetry import metrics, tracing

TIMES = 100_000
ROUNDS = 7
A_FLOW_NS = 4_700_000
"""CPU in Suture's processes a flow (docs/performance.md)."""
HOOKS = 20
"""Spans, counts and durations in a flow: deliveries, ingest, steps and calls."""


def measure() -> dict[str, object]:
    bare = _each(_bare)
    off, counted = _each(_traced), _each(_counted)
    tracing.configure("http://127.0.0.1:9", 0.0, "bench", "1")  # nobody is there, and nothing is sampled
    try:
        unsampled = _each(_traced, 10_000)
    finally:
        tracing.shutdown()
    return {
        "bare_ns": round(bare),
        "trace_off_ns": round(off - bare),
        "trace_on_unsampled_ns": round(unsampled - bare),
        "count_ns": round(counted - bare),
        "off_share_of_a_flow": round(HOOKS * (off - bare) / A_FLOW_NS, 5),
        "counts_share_of_a_flow": round(HOOKS * (counted - bare) / A_FLOW_NS, 5),
    }


def _each(act: Callable[[], None], times: int = TIMES) -> float:
    """Nanoseconds of one, by the median of some rounds."""

    def once() -> float:
        began = time.perf_counter_ns()
        for _ in range(times):
            act()
        return (time.perf_counter_ns() - began) / times

    return statistics.median(once() for _ in range(ROUNDS))


def _bare() -> None:
    with nullcontext():
        pass


def _traced() -> None:
    with tracing.span("step", "A4711", process="completed_appointment:A4711", attempt=1):
        pass


def _counted() -> None:
    metrics.observe("suture_step_seconds", 0.01, "completed_appointment", "post_invoice", "done")
