"""A short day of chaos, as an engineer runs it: all is brought back, and nothing is lost or doubled."""

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

SHORT = ("--rate", "5", "--lease", "3", "--report", "report.json")


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


def assert_clean(report: dict[str, Any]) -> None:
    assert report["settled"]
    verdict = report["verdict"]
    assert [verdict[name] for name in ("lost", "doubled", "half_done", "wrong", "out_of_order")] == [[]] * 5
    assert report["unexpected"] == []
    assert report["found"]["invoices"] == report["expected"]["invoices"] > 100
    assert report["found"]["payments_entered"] == report["found"]["payments"] > 100
    assert report["backbone"]["events recorded"] == report["backbone"]["messages in the stream"]
    assert not any(row["never"] for row in report["recovery"])


@pytest.mark.parametrize(("nodes", "seed", "minutes"), [("1", "2", "0.65"), ("3", "5", "0.5")])
def test_a_day_of_injuries_ends_clean(suture, folder, nodes, seed, minutes):
    status, output = suture("chaos", "--minutes", minutes, "--seed", seed, "--nats-nodes", nodes, *SHORT)
    assert status == 0, output
    assert "0 lost, 0 doubled, 0 half done without an exception, order kept" in output
    assert f"--seed {seed}" in output
    report = report_of(folder)
    assert_clean(report)
    assert len(report["injuries"]) >= 6
    assert all(injury["hit"] for injury in report["injuries"])


def test_help_teaches(suture):
    status, output = suture("chaos", "--help")
    assert status == 0
    for word in ("--seed", "--rate", "--nats-nodes", "--report", "--lease", "(JSON)"):
        assert word in output


def test_bad_options_end_with_one_clear_message(suture):
    status, output = suture("chaos", "--minutes", "0")
    assert status != 0
    assert "minutes" in output
    assert "Traceback" not in output
