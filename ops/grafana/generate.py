"""Writes the Grafana dashboard: rows of panels, said once. `python ops/grafana/generate.py` after a change."""

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("suture.json")
_VARIABLE = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
_SOURCE = {"type": "prometheus", "uid": "${source}"}

Panel = tuple[str, str, str, str]
"""Title, unit (Grafana's), expression, legend."""

ROWS: dict[str, list[Panel]] = {
    "Money": [
        ("Not where it should be yet", "none", "suture_money", "{{state}} ({{currency}})"),
        ("Completed visits that got so far, today", "percentunit", "suture_completion_ratio", "{{milestone}}"),
        ("Completed visits without a charge", "none", "suture_unbilled_appointments", "unbilled"),
        ("Differences between the sides", "none", "suture_open_discrepancies", "{{rule}}"),
    ],
    "Flow": [
        (
            "Deliveries",
            "reqps",
            "sum by (interface, result) (rate(suture_deliveries_total[5m]))",
            "{{interface}} {{result}}",
        ),
        ("What waits", "none", "suture_backlog", "{{queue}}"),
        ("For how long", "s", "suture_backlog_age_seconds", "{{queue}}"),
        ("Events published", "ops", "sum(rate(suture_events_published_total[5m]))", "events"),
    ],
    "Trouble": [
        ("Waits for a person", "none", "suture_open_exceptions", "{{class}} ({{owner}})"),
        ("Not decided in time", "none", "suture_overdue_exceptions", "overdue"),
        ("Shut interfaces", "none", "suture_interface_shut", "{{interface}} {{why}}"),
        (
            "Deliveries not understood",
            "ops",
            "sum by (interface, code) (rate(suture_transformation_errors_total[15m]))",
            "{{interface}} {{code}}",
        ),
        (
            "Deliveries turned away",
            "ops",
            "sum by (interface, reason) (rate(suture_webhook_failures_total[15m]))",
            "{{interface}} {{reason}}",
        ),
        (
            "Requests that passed a bound",
            "ops",
            "sum by (reason) (rate(suture_requests_refused_total[15m]))",
            "{{reason}}",
        ),
        (
            "Deliveries that were understood, or not",
            "ops",
            "sum by (interface, result) (rate(suture_ingested_total[5m]))",
            "{{interface}} {{result}}",
        ),
    ],
    "Speed": [
        (
            "Calls to outside systems, 95 of 100 within",
            "s",
            "histogram_quantile(0.95, sum by (le, system) (rate(suture_call_seconds_bucket[5m])))",
            "{{system}}",
        ),
        (
            "Calls that fail",
            "ops",
            'sum by (system, outcome) (rate(suture_call_seconds_count{outcome!="ok"}[5m]))',
            "{{system}} {{outcome}}",
        ),
        (
            "Steps, 95 of 100 within",
            "s",
            "histogram_quantile(0.95, sum by (le, step) (rate(suture_step_seconds_bucket[5m])))",
            "{{step}}",
        ),
        (
            "API, 95 of 100 within",
            "s",
            "histogram_quantile(0.95, sum by (le, route) (rate(suture_api_request_seconds_bucket[5m])))",
            "{{route}}",
        ),
        ("Webhooks to subscribers", "ops", "sum by (outcome) (rate(suture_webhooks_sent_total[5m]))", "{{outcome}}"),
        (
            "Messages to people",
            "ops",
            "sum by (channel, outcome) (rate(suture_notifications_total[5m]))",
            "{{channel}} {{outcome}}",
        ),
    ],
    "Objectives": [
        ("Error budget left", "percentunit", "suture_slo_budget_left", "{{interface}}"),
        ("Burn rate", "none", "suture_slo_burn_rate", "{{interface}} {{window}}"),
        ("Since both sides were compared", "s", "suture_reconciliation_age_seconds", "since"),
    ],
}


def dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    top = 0
    for row, told in ROWS.items():
        panels.append({"type": "row", "title": row, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}, "panels": []})
        for place, panel in enumerate(told):
            panels.append(_panel(panel, x=place % 3 * 8, y=top + 1 + place // 3 * 8))
        top += 1 + (len(told) + 2) // 3 * 8
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "title": "Suture",
        "uid": "suture",
        "tags": ["suture"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": panels,
    }


def _panel(told: Panel, *, x: int, y: int) -> dict[str, Any]:
    title, unit, expression, legend = told
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "custom": {"fillOpacity": 8}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [{"refId": "A", "datasource": _SOURCE, "expr": expression, "legendFormat": legend}],
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    _FILE.write_text(text(), encoding="utf-8")
