"""Every metric, as data: its name, kind, labels, and what it means. Nothing else is ever exposed, and no label has
values without bound."""

from typing import Literal

import msgspec


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is Prometheus's; counters end on ``_total``, times are seconds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_QUICK = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

METRICS: tuple[Metric, ...] = (
    Metric(
        name="suture_deliveries_total",
        kind="counter",
        help="Deliveries by what the gateway answered: accepted, duplicate, conflict, refused, not_taken",
        labels=("interface", "result"),
    ),
    Metric(
        name="suture_webhook_failures_total",
        kind="counter",
        help="Deliveries that were rejected, by reason",
        labels=("interface", "reason"),
    ),
    Metric(
        name="suture_requests_refused_total",
        kind="counter",
        help="Requests and connections that exceeded a global limit, by limit",
        labels=("reason",),
    ),
    Metric(
        name="suture_ingested_total",
        kind="counter",
        help="Deliveries by the outcome of ingest: ingested, excepted",
        labels=("interface", "result"),
    ),
    Metric(
        name="suture_transformation_errors_total",
        kind="counter",
        help="Deliveries that could not be decoded, by the exception's code",
        labels=("interface", "code"),
    ),
    Metric(
        name="suture_api_request_seconds",
        kind="histogram",
        help="Calls of the API, by route and status",
        labels=("method", "route", "status"),
        buckets=_QUICK,
    ),
    Metric(
        name="suture_call_seconds",
        kind="histogram",
        help="Calls to outside systems, by outcome: ok, or what kind of failure",
        labels=("system", "operation", "outcome"),
        buckets=_SLOW,
    ),
    Metric(
        name="suture_step_seconds",
        kind="histogram",
        help="Steps of business processes, by outcome: done, or what kind of failure",
        labels=("definition", "step", "outcome"),
        buckets=_SLOW,
    ),
    Metric(name="suture_events_published_total", kind="counter", help="Events that the backbone confirmed"),
    Metric(
        name="suture_webhooks_sent_total",
        kind="counter",
        help="Webhooks to subscribers, by outcome: delivered, failed",
        labels=("outcome",),
    ),
    Metric(
        name="suture_notifications_total",
        kind="counter",
        help="Notifications to people, by outcome: delivered, failed",
        labels=("channel", "outcome"),
    ),
    Metric(
        name="suture_backlog",
        kind="gauge",
        help="Waiting work: received deliveries, processes that are due, parked or stuck, events and webhooks to be"
        " sent",
        labels=("queue",),
    ),
    Metric(
        name="suture_backlog_age_seconds",
        kind="gauge",
        help="For how long the oldest of them has waited",
        labels=("queue",),
    ),
    Metric(
        name="suture_open_exceptions",
        kind="gauge",
        help="Exceptions that wait for a person, by class and owner",
        labels=("class", "owner"),
    ),
    Metric(
        name="suture_overdue_exceptions",
        kind="gauge",
        help="Exceptions past their deadline",
    ),
    Metric(
        name="suture_interface_shut",
        kind="gauge",
        help="1 if an interface is unavailable, by reason: breaker, paused",
        labels=("interface", "why"),
    ),
    Metric(
        name="suture_completion_ratio",
        kind="gauge",
        help="Of today's completed appointments, the share that reached each stage: charged, posted, paid",
        labels=("milestone",),
    ),
    Metric(
        name="suture_money",
        kind="gauge",
        help="Money not yet settled: unposted, unpaid, unreconciled",
        labels=("state", "currency"),
    ),
    Metric(
        name="suture_unbilled_appointments",
        kind="gauge",
        help="Today's completed appointments that have not produced a charge",
    ),
    Metric(
        name="suture_open_discrepancies",
        kind="gauge",
        help="Differences between the sides that are open, by rule",
        labels=("rule",),
    ),
    Metric(
        name="suture_reconciliation_age_seconds",
        kind="gauge",
        help="Time of the last comparison of both sides",
    ),
    Metric(
        name="suture_slo_burn_rate",
        kind="gauge",
        help="How fast an interface uses up its error budget: 1 is exactly the allowed rate",
        labels=("interface", "window"),
    ),
    Metric(
        name="suture_slo_budget_left",
        kind="gauge",
        help="What is left of an interface's error budget, from 1 (all) to below 0 (used up)",
        labels=("interface",),
    ),
)
"""In the order in which `docs/observability.md` lists them."""
