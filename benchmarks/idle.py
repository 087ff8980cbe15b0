"""What all roles together use while nothing happens: resident memory, and share of a core."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

WARM_UP_SECONDS = 10.0
SECONDS = 30.0
SECRET = "whsec_" + "c3V0dXJl" * 4
SECRETS = {
    **dict.fromkeys(("SUTURE_SCHEDULING_SIGNING_KEY", "SUTURE_BILLING_SIGNING_KEY"), SECRET),
    **dict.fromkeys(("SUTURE_SCHEDULING_TOKEN", "SUTURE_BILLING_TOKEN", "SUTURE_ODOO_API_KEY"), "t"),
}
PORTS = {"SUTURE_GATEWAY_PORT": "18610", "SUTURE_CONSOLE_PORT": "18611"}


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="suture-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        command = [sys.executable, "-m", "suture"]
        subprocess.run([*command, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        environment = {**os.environ, **SECRETS, **PORTS}
        platform = subprocess.Popen([*command, "up"], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        try:
            time.sleep(WARM_UP_SECONDS)
            return _look(psutil.Process(platform.pid))
        finally:
            platform.send_signal(2)
            platform.wait(60)


def _look(supervisor: psutil.Process) -> dict[str, object]:
    roles = {"supervisor": supervisor}
    for child in supervisor.children():
        if "suture" in child.cmdline():
            roles[child.cmdline()[-1]] = child
    before = {name: sum(role.cpu_times()[:2]) for name, role in roles.items()}
    time.sleep(SECONDS)
    used = {name: sum(role.cpu_times()[:2]) - before[name] for name, role in roles.items()}
    memory = {name: round(role.memory_info().rss / 2**20) for name, role in roles.items()}
    return {
        "resident_mb": {**memory, "together": sum(memory.values())},
        "core_percent": {name: round(seconds / SECONDS * 100, 2) for name, seconds in used.items()},
        "core_percent_together": round(sum(used.values()) / SECONDS * 100, 2),
    }
