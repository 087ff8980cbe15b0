"""The platform as an operator runs it: set up, take a delivery, stop, start again, look."""

import http.client
import json
import re
import socket
import time
from datetime import UTC, datetime

import pytest

from suture.access.signatures import decode_secret, sign

pytestmark = pytest.mark.timeout(240)

SECRET = "whsec_" + "c3V0dXJl" * 4
SECRETS = {
    "SUTURE_SCHEDULING_SIGNING_KEY": SECRET,
    "SUTURE_BILLING_SIGNING_KEY": SECRET,
    "SUTURE_SCHEDULING_TOKEN": "t",
    "SUTURE_BILLING_TOKEN": "t",
    "SUTURE_ODOO_API_KEY": "k",
}


def notice(appointment: str) -> bytes:
    resources = [
        {
            "resourceType": "Appointment",
            "id": appointment,
            "status": "booked",
            "meta": {"versionId": "1", "lastUpdated": "2026-03-02T14:00:00Z"},
            "start": "2026-03-02T15:00:00Z",
            "participant": [{"actor": {"reference": "Patient/p1"}}, {"actor": {"reference": "Practitioner/d1"}}],
        },
        {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quimby", "given": ["Ada"]}]},
        {"resourceType": "Location", "id": "l1", "identifier": [{"value": "MAIN"}]},
    ]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}
    return json.dumps({"type": "appointment.booked", "timestamp": "2026-03-02T14:00:00Z", "data": bundle}).encode()


def deliver(port: int, delivery_id: str, body: bytes) -> int:
    timestamp = str(int(datetime.now(UTC).timestamp()))
    headers = {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(decode_secret(SECRET), delivery_id, timestamp, body),
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/hooks/scheduling-appointments", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def answer_to(port: int, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        return connection.recv(1000)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_what_was_accepted_survives_a_stop(start, suture):
    assert suture("init")[0] == 0
    settings = {**SECRETS, "SUTURE_GATEWAY_PORT": str(free_port()), "SUTURE_CONSOLE_PORT": str(free_port())}
    gateway = int(settings["SUTURE_GATEWAY_PORT"])

    platform = start("up", **settings)
    wait_for(lambda: accepts(gateway))
    for port in (gateway, int(settings["SUTURE_CONSOLE_PORT"])):
        wait_for(lambda port=port: accepts(port))
        assert answer_to(port, b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000).startswith(b"HTTP/1.1 431 "), "unbounded"
    assert deliver(gateway, "msg-1", notice("A-1")) == 202
    platform.send_signal(2)
    output, _ = platform.communicate(timeout=60)
    assert platform.returncode == 0, output
    assert "nothing is lost" in output
    assert not accepts(gateway)

    start("up", **settings)
    wait_for(lambda: accepts(gateway))
    wait_for(lambda: suture("journey", "A-1", **settings)[0] == 0)
    shown = suture("journey", "A-1", **settings)[1]
    assert "suture.appointment.booked.v1" in shown
    assert "msg-1" in shown
    assert "Quimby" not in shown, "a journey names no patient"


def test_init_never_overwrites_and_check_points_at_the_line(suture, folder):
    assert suture("init")[0] == 0
    status, output = suture("init")
    assert status == 2
    assert "--force" in output
    status, output = suture("check")
    assert status == 0
    assert "is fine: 3 systems, " in output
    assert ", 1 facility, " in output

    catalogue = folder / "catalogue.yaml"
    lines = catalogue.read_text().splitlines()
    number = next(index for index, line in enumerate(lines) if "system: odoo" in line)
    lines[number] = lines[number].replace("odoo", "oddo")
    catalogue.write_text("\n".join(lines))
    status, output = suture("check")
    assert status == 2
    assert f"catalogue.yaml:{number + 1}:" in output
    assert "Traceback" not in output


def test_doctor_says_what_to_mend(suture):
    status, output = suture("doctor")
    assert status == 1
    assert "suture init" in output
    suture("init")
    output = suture("doctor")[1]
    assert [name for name in SECRETS if name not in output] == [], "all that is missing is named at once"
    status, output = suture("doctor", **SECRETS)
    assert status == 1
    assert "suture up" in output
    assert "missing" not in output


def test_doctor_waits_for_nobody_who_does_not_answer(suture, folder):
    """Servers that take connections and never say a word; each would be waited for much longer otherwise."""
    suture("init")
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        port = silent.getsockname()[1]
        catalogue = folder / "catalogue.yaml"
        catalogue.write_text(re.sub(r"url: http\S+", f"url: http://127.0.0.1:{port}", catalogue.read_text()))
        urls = {
            "SUTURE_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{port}/d",
            "SUTURE_NATS_URL": f"nats://127.0.0.1:{port}",
            "SUTURE_MASTER_KEY": "00" * 32,
        }
        status, output = suture("doctor", **SECRETS, **urls)
    assert status == 1
    for subject in ("database", "backbone", "scheduling", "billing", "odoo"):
        assert f"mend {subject}: " in output
    assert output.count("no answer within 8 s") >= 4, output


def test_a_console_on_a_taken_port_says_so(suture):
    suture("init")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output = suture("console", **SECRETS, SUTURE_CONSOLE_PORT=str(port))
    assert status == 2
    assert f"port {port} is taken" in output
    assert "0 takes a free one" in output


@pytest.mark.parametrize("command", ["worker", "gateway", "console"])
def test_a_role_without_a_database_says_so(suture, command):
    suture("init")
    status, output = suture(command, **SECRETS)
    assert status == 2
    assert "no embedded Postgres runs here" in output
    assert "Traceback" not in output
