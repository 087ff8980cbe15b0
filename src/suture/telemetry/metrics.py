"""This process's metrics. Counting costs about a microsecond; what is not declared can't be counted."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from suture.telemetry.declared import METRICS, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REGISTRY = CollectorRegistry(auto_describe=True)


def _made(metric: Metric) -> Counter | Gauge | Histogram:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=_REGISTRY)
        case "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=_REGISTRY)
        case "histogram":
            return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=_REGISTRY)


_BY_NAME = {metric.name: _made(metric) for metric in METRICS}


def count(name: str, *labels: str, by: float = 1) -> None:
    """Add to a counter; label values in the order declared."""
    metric = _BY_NAME[name]
    (metric.labels(*labels) if labels else metric).inc(by)  # type: ignore[union-attr]


def observe(name: str, seconds: float, *labels: str) -> None:
    """Note a duration."""
    metric = _BY_NAME[name]
    (metric.labels(*labels) if labels else metric).observe(seconds)  # type: ignore[union-attr]


def set_gauge(name: str, values: Mapping[tuple[str, ...], float]) -> None:
    """Set a gauge to these values by their labels; what isn't among them is gone."""
    metric = _BY_NAME[name]
    if not isinstance(metric, Gauge):
        raise TypeError(f"{name} is not a gauge")
    if metric._labelnames:
        metric.clear()
    for labels, value in values.items():
        (metric.labels(*labels) if labels else metric).set(value)


def exposition() -> bytes:
    """All of it, as Prometheus reads it (text format 0.0.4)."""
    return generate_latest(_REGISTRY)


def samples() -> Iterable[tuple[str, dict[str, str], float]]:
    """What is exposed, for tests: name, labels, value."""
    for family in _REGISTRY.collect():
        for sample in family.samples:
            yield sample.name, dict(sample.labels), sample.value
