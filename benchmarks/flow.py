"""Completed flows a second and CPU a flow, with every feature on and simulators that answer at once.

One flow is a completed appointment from its webhooks to the posted invoice, its payments applied. The split by role
comes from the operating system; the split by library from stack samples of the worker and the gateway.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

APPOINTMENTS = 4000
OURS = ("gateway", "worker-1", "console")


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        report = _run(folder)
    flows = report["odoo"]["invoices_posted"]
    cpu = {role: round(seconds * 1000 / flows, 2) for role, seconds in report["cpu_s"].items()}
    return {
        "flows": flows,
        "flows_per_s": report["flows_per_s"],
        "cpu_ms_per_flow": {**cpu, "suture": round(sum(cpu.get(role, 0) for role in OURS), 2)},
        "latency_ms": report["latency_ms"],
        "lost": report["lost"],
        "duplicated": report["duplicated"],
    }


def _run(folder: Path) -> dict[str, dict]:
    arguments = ["--appointments", str(APPOINTMENTS), "--duration", "0", "--once", "--port", "0"]
    subprocess.run(
        [sys.executable, "-m", "suture", "demo", *arguments, "--report", "report.json"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=600,
    )
    return json.loads((folder / "report.json").read_text())
