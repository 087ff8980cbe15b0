"""Alerts, dashboard and document speak of metrics that there are, and promtool accepts the rules."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from suture.telemetry import metrics
from suture.telemetry.declared import METRICS

ROOT = Path(__file__).resolve().parents[2]
RULES, TESTS = ROOT / "ops/prometheus/alerts.yml", ROOT / "ops/prometheus/alerts_test.yml"
NAME = re.compile(r"\bsuture_[a-z_]+")
ENDINGS = ("_bucket", "_count", "_sum")


def promtool(*arguments: str, told: bytes | None = None) -> None:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not here; Debian's package `prometheus` has it")
    done = subprocess.run([found, *arguments], input=told, capture_output=True, check=False, cwd=RULES.parent)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "ops/grafana/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(text: str) -> set[str]:
    found = {name.rstrip("_") for name in NAME.findall(text)}
    return {next((name.removesuffix(end) for end in ENDINGS if name.endswith(end)), name) for name in found}


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", str(RULES))


def test_the_rules_fire_when_they_should_and_not_else() -> None:
    promtool("test", "rules", str(TESTS))


def test_promtool_accepts_what_a_role_exposes() -> None:
    promtool("check", "metrics", told=metrics.exposition())


def test_alerts_and_dashboard_name_metrics_that_there_are_and_every_metric_is_looked_at() -> None:
    declared = {metric.name for metric in METRICS}
    alerts, board = named(RULES.read_text()), named((ROOT / "ops/grafana/suture.json").read_text())
    assert alerts <= declared
    assert board <= declared
    assert declared == alerts | board


def test_the_dashboard_is_what_its_generator_writes() -> None:
    assert (ROOT / "ops/grafana/suture.json").read_text() == generator().text()


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    text = RULES.read_text()
    assert text.count("- alert:") == text.count("summary:") == text.count("runbook: suture ") == text.count("severity:")


def test_the_document_lists_every_metric_as_declared() -> None:
    rows = [
        f"| `{m.name}` | {m.kind} | {', '.join(f'`{one}`' for one in m.labels) or '-'} | {m.help} |" for m in METRICS
    ]
    document = (ROOT / "docs/observability.md").read_text()
    assert [row for row in rows if row not in document] == []


def test_labels_are_few() -> None:
    assert all(len(metric.labels) <= 3 for metric in METRICS)
    assert not {label for metric in METRICS for label in metric.labels} & {"appointment", "patient", "subject", "key"}
