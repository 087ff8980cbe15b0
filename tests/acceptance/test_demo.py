"""The demo as a newcomer runs it: it ends by itself, and both sides agree."""

import itertools
import json
import subprocess
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.timeout(300)

FAST = ("--once", "--duration", "2", "--port", "0", "--report", "report.json")


def report_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def assert_sound(report: dict) -> None:
    assert (report["lost"], report["duplicated"], report["unexplained"]) == (0, 0, [])
    assert report["settled"]
    ours, billing, odoo = report["suture"], report["billing"], report["odoo"]
    assert ours["charges"] == billing["charges"] == ours["invoices_posted"] == odoo["invoices_posted"] > 0
    assert ours["charge_total"] == billing["charge_total"] == ours["invoice_total"] == odoo["invoice_total"]
    assert ours["payments"] == billing["payments"] == odoo["payments"] > 0
    assert ours["payment_total"] == billing["payment_total"] == odoo["payment_total"]
    assert ours["stock_moves"] == odoo["stock_moves"]
    assert ours["accruals"] == odoo["accruals"]


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
def test_every_completed_appointment_is_billed_once(suture, folder, transport):
    status, output = suture("demo", "--appointments", "60", "--transport", transport, *FAST)
    assert status == 0, output
    report = report_of(folder)
    assert_sound(report)
    told = report["appointments"]
    assert told["booked"] == 60
    assert told["completed"] + told["cancelled"] + told["no_show"] == 60
    assert report["billing"]["charges"] == told["completed"] - len(report["exceptions"])
    assert set(report["latency_ms"]["end_to_end"]) == {"p50", "p95", "p99"}
    assert {"gateway", "worker-1", "console", "postgres", "nats-server"} <= set(report["cpu_s"])
    assert "Every completed appointment is accounted for" in output


def test_failing_systems_cost_time_and_nothing_else(suture, folder):
    status, output = suture("demo", "--appointments", "80", "--faults", "light", *FAST)
    assert status == 0, output
    report = report_of(folder)
    assert (report["lost"], report["duplicated"], report["unexplained"]) == (0, 0, [])


def test_records_that_others_made(suture, folder, fixtures):
    data = fixtures / "fhir" / "synthea_r4"
    status, output = suture("demo", "--data", str(data), "--appointments", "150", *FAST)
    assert status == 0, output
    report = report_of(folder)
    assert_sound(report)
    assert report["appointments"]["completed"] == 150
    assert report["skipped"], "the population holds encounters without a practitioner, which are reported"


def test_a_killed_worker_leaves_nothing_undone(start, folder):
    demo = start(
        "demo", "--appointments", "150", "--workers", "2", "--once", "--duration", "6", "--port", "0",
        "--report", "report.json", SUTURE_LEASE_SECONDS="3",
    )  # fmt: skip
    victim = worker_of(demo.pid)
    time.sleep(3)
    victim.kill()
    output, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, output
    assert_sound(report_of(folder))


def test_the_way_to_the_running_demo_works_as_it_is_told(start, folder):
    demo = start("demo", "--appointments", "3", "--duration", "1", "--port", "0")
    lines = iter(demo.stdout.readline, "")
    (way,) = itertools.islice((line for line in lines if line.startswith("From a second terminal: ")), 1)
    said = subprocess.run(way.partition(": ")[2], shell=True, capture_output=True, text=True, check=False)
    assert (said.returncode, "Traceback" in said.stderr) == (0, False), said.stderr


def worker_of(pid: int) -> psutil.Process:
    """A worker among the demo's children, once it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        workers = [child for child in psutil.Process(pid).children() if child.cmdline()[-1:] == ["worker"]]
        if len(workers) == 2:
            return workers[0]
        time.sleep(0.1)
    raise AssertionError("the demo started no two workers")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "nowhere"), "nowhere"),
        (("--odoo-url", "http://127.0.0.1:9"), "--odoo-db and --odoo-api-key"),
        (("--appointments", "0"), "appointments"),
    ],
)
def test_bad_options_end_with_one_clear_message(suture, arguments, says):
    status, output = suture("demo", "--once", *arguments)
    assert status != 0
    assert says in output
    assert "Traceback" not in output


def test_a_folder_without_records_is_refused(suture, folder):
    (folder / "empty").mkdir()
    status, output = suture("demo", "--once", "--data", "empty")
    assert status == 2
    assert "no encounters that can be used" in output
    assert "Traceback" not in output
