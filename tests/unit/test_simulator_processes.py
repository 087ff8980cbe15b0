"""``python -m suture_lab.simulators``: says when it is ready, keeps quiet, ends when asked to."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import date
from pathlib import Path

import pytest

from suture_lab.simulators.clinic.day import write_day
from suture_lab.simulators.clinic.generate import generate

ENVIRONMENT = os.environ | {"SIM_TOKEN": "t", "SIM_SECRET": "whsec_c2VjcmV0c2VjcmV0"}


def command(tmp_path: Path, system: str) -> list[str]:
    write_day(generate(seed=1, appointments=3, day=date(2025, 3, 3)), tmp_path / "day.json")
    options = {
        "--day": str(tmp_path / "day.json"),
        "--webhook-url": "http://127.0.0.1:1/",
        "--webhook-secret-env": "SIM_SECRET",
        "--token-env": "SIM_TOKEN",
    }
    return [sys.executable, "-m", "suture_lab.simulators", system, *(part for pair in options.items() for part in pair)]


@pytest.mark.parametrize("system", ["scheduling", "billing", "odoo"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_simulator_runs_until_it_is_told(tmp_path: Path, system: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        command(tmp_path, system), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"{ready['url']}/control/faults", timeout=10) as response:
            assert json.load(response)["injected"] == {}
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, rest, errors) == (0, b"", b"")


def test_a_missing_secret_is_said(tmp_path: Path) -> None:
    bare = {name: value for name, value in ENVIRONMENT.items() if name != "SIM_TOKEN"}
    done = subprocess.run(command(tmp_path, "billing"), env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the environment has no SIM_TOKEN" in done.stderr
