"""Stopping, and not colliding: Ctrl-C however often leaves nothing behind; a data folder has one Suture at a time."""

import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.timeout(240)

SECRETS = {
    f"SUTURE_{name}": "whsec_" + "c3V0dXJl" * 4
    for name in ("SCHEDULING_SIGNING_KEY", "BILLING_SIGNING_KEY", "SCHEDULING_TOKEN", "BILLING_TOKEN", "ODOO_API_KEY")
}
DEMO = ("demo", "--appointments", "200", "--duration", "20", "--port", "0")
CHAOS = ("chaos", "--minutes", "1", "--rate", "2")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ports() -> dict[str, str]:
    return {"SUTURE_GATEWAY_PORT": str(free_port()), "SUTURE_CONSOLE_PORT": str(free_port())}


def processes_in(folder: Path) -> list[str]:
    """Whatever runs in a folder or has its files there."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            line = " ".join(process.info["cmdline"] or ())
            if str(folder) in line or process.cwd().startswith(str(folder)):
                found.append(line)
    return found


def await_line(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended without saying {words!r}")


def interrupt(process: subprocess.Popen[str], times: int) -> str:
    for _ in range(times):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        time.sleep(0.4)
    output, _ = process.communicate(timeout=90)
    return output


@pytest.mark.parametrize("arguments", [DEMO, CHAOS], ids=["demo", "chaos"])
@pytest.mark.parametrize("after", ["is prepared", "Web page"])
def test_ctrl_c_again_and_again_leaves_nothing_behind(start, folder, arguments, after):
    process = start(*arguments)
    await_line(process, after)
    time.sleep(3 if after == "Web page" else 0)
    output = interrupt(process, times=3)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert processes_in(folder) == []


def test_up_brings_its_servers_back_and_stops_all_of_them(start, suture, folder):
    assert suture("init")[0] == 0
    up = start("up", **SECRETS, **ports())
    await_line(up, "Logs")
    for name in ("postgres", "nats-server"):
        victim = next(one for one in psutil.Process(up.pid).children() if one.name() == name)
        victim.kill()
    assert "PostgreSQL had stopped and was restarted" in await_line(up, "restarted")
    assert "nats had stopped and was restarted" in await_line(up, "restarted")
    assert suture("migrate", **SECRETS)[0] == 0
    output = interrupt(up, times=3)
    assert up.returncode == 0, output
    assert "nothing is lost" in output
    assert processes_in(folder) == []


def test_a_second_one_in_the_same_folder_is_refused(start, suture, folder):
    assert suture("init")[0] == 0
    first = start("up", **SECRETS, **ports())
    await_line(first, "Logs")
    status, output = suture("up", **SECRETS, **ports())
    assert status == 2
    assert f"process {first.pid}" in output
    assert "SUTURE_DATA_DIR" in output
    assert "Traceback" not in output
    status, _ = suture("doctor", **SECRETS)
    assert status == 1, "the outside systems are not there, and the first one's servers still are"
    assert first.poll() is None
