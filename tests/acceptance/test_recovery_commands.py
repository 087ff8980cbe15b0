"""Recovery as an operator does it by hand: every command over a real platform, and what each says.

One platform serves all tests; each brings visits of its own.
"""

import asyncio
import copy
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.commands import run

from suture.access.signatures import decode_secret, sign
from suture.store.embedded import EmbeddedPostgres, free_port
from suture.views.runbook import CLASSES

pytestmark = pytest.mark.timeout(240)

SECRET = "whsec_" + "c3V0dXJl" * 4
SECRETS = {
    "SUTURE_SCHEDULING_SIGNING_KEY": SECRET,
    "SUTURE_BILLING_SIGNING_KEY": SECRET,
    "SUTURE_SCHEDULING_TOKEN": "t",
    "SUTURE_BILLING_TOKEN": "t",
    "SUTURE_ODOO_API_KEY": "k",
}
PATIENT = "Quimby"


class Operator:
    """Someone at the command line of a running platform."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gateway = free_port()
        self._numbers = itertools.count(1)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")},
            **SECRETS,
            "SUTURE_DATA_DIR": str(folder / "data"),
            "SUTURE_GATEWAY_PORT": str(self.gateway),
            "SUTURE_CONSOLE_PORT": str(free_port()),
            "COLUMNS": "160",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "suture", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: object) -> tuple[int, str]:
        """Exit status and all that was said; never a traceback."""
        status, said = run(self.folder, self.environment, *map(str, arguments))
        assert "Traceback" not in said, said
        return status, said

    def does(self, *arguments: object) -> str:
        """What is said by a command that works."""
        status, said = self.run(*arguments)
        assert status == 0, said
        return said

    def may_not(self, *arguments: object) -> str:
        """What is said by a command that can't be done as asked: briefly, by exit status 2."""
        status, said = self.run(*arguments)
        assert status == 2, said
        return " ".join(said.split())

    def deliver(self, body: bytes | dict[str, Any]) -> str:
        """Send a delivery as the scheduling system; answers its id."""
        name = f"msg-{next(self._numbers)}"
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        timestamp = str(int(datetime.now(UTC).timestamp()))
        headers = {
            "webhook-id": name,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(decode_secret(SECRET), name, timestamp, raw),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway, timeout=10)
        connection.request("POST", "/v1/hooks/scheduling-appointments", raw, headers)
        assert connection.getresponse().status == 202
        connection.close()
        return name

    def number_of(self, about: str) -> int:
        """The number of the open exception about something, once it is there."""
        return int(until(lambda: self._line_of(about)).split()[0])

    def _line_of(self, about: str) -> str:
        return next((line for line in self.run("exceptions", "list")[1].splitlines() if about in line), "")

    def state_of(self, key: str) -> str:
        listed = self.run("processes", "list", "--journey", key.partition(":")[2])[1]
        line = next((line for line in listed.splitlines() if line.startswith(key)), "")
        return line.removeprefix(key).strip()


def until(question: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    folder = Path(tempfile.mkdtemp(prefix="suture recovery "))
    folder.chmod(0o755)
    operator = Operator(folder)
    operator.does("init")
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(catalogue.read_text().replace("127.0.0.1:9102", f"127.0.0.1:{free_port()}"))
    platform = operator.start("up")
    try:
        until(lambda: _accepts(operator.gateway))
        yield operator
    finally:
        platform.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            platform.communicate(timeout=60)
        platform.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def visit(notice) -> Callable[..., dict[str, Any]]:
    """A completed visit; `code` is its service's code (None: no service at all)."""

    def make(appointment: str, *, code: str | None = "OV-EST", version: int = 4) -> dict[str, Any]:
        told = copy.deepcopy(notice("completed", appointment=appointment, version=version, family=PATIENT))
        entries = told["data"]["entry"]
        if code is None:
            entries.pop()
        else:
            entries[-1]["resource"]["code"]["coding"][0]["code"] = code
        return told

    return make


class TestACodeThatNoTableHas:
    def test_is_found_understood_mapped_and_retried(self, operator: Operator, visit) -> None:
        operator.deliver(visit("M1", code="XRAY"))
        number = operator.number_of("Appointment/M1")

        listed = operator.does("exceptions", "list", "--class", "mapping")
        assert "code_unmapped" in listed
        assert "Appointment/M1" in listed

        shown = operator.does("exceptions", "show", number)
        assert f"Exception {number} (open)" in shown
        assert "has no row for urn:harbour:services|XRAY" in shown
        assert "suture runbook mapping" in shown
        assert "scheduling-appointments" in shown
        assert PATIENT not in shown

        assert "still not understood" in operator.may_not("exceptions", "retry", number)
        assert "no mapping" in operator.may_not("exceptions", "edit", number, "--reason", "r", "--map", "XRAY")
        refused = operator.may_not("exceptions", "edit", number, "--reason", "r", "--map", "XRAY=NOPE")
        assert "the catalogue has no service NOPE; it has OV-EST" in refused

        mapping = "urn:harbour:services|XRAY=OV-EST"
        edited = operator.does("exceptions", "edit", number, "--reason", "new code", "--map", mapping)
        assert "Corrected. What came before is kept." in edited
        assert "would take effect" in edited
        assert "1 delivery will be read again" in operator.does("exceptions", "retry", number)
        until(lambda: f"Exception {number} (resolved)" in operator.run("exceptions", "show", number)[1])
        assert operator.state_of("completed_appointment:M1")
        assert "closed already" not in operator.does("exceptions", "list", "--state", "resolved")

        trail = operator.does("audit", "--verify", "--subject", f"Exception/{number}")
        assert "codes.correct" in trail
        assert "new code" in trail
        assert "The audit trail is intact: " in trail

    def test_is_mapped_for_several_codes_at_once(self, operator: Operator, visit) -> None:
        operator.deliver(visit("M2", code="LAB1"))
        number = operator.number_of("Appointment/M2")
        rows = [word for code in ("LAB1", "LAB2") for word in ("--map", f"urn:harbour:services|{code}=OV-EST")]
        operator.does("exceptions", "edit", number, "--reason", "two codes", *rows, "--retry")
        until(lambda: operator.state_of("completed_appointment:M2"))
        operator.deliver(visit("M3", code="LAB2"))
        until(lambda: operator.state_of("completed_appointment:M3"))


class TestAPayloadThatIsNotUnderstood:
    def test_is_read_with_a_reason_and_corrected(self, operator: Operator, visit, notice) -> None:
        broken = visit("P1")
        broken["data"]["entry"][3]["resource"]["identifier"] = [{"value": "NOWHERE"}]
        name = operator.deliver(broken)
        number = until(
            lambda: next(
                (
                    int(line.split()[0])
                    for line in operator.run("exceptions", "list", "--code", "facility_unknown")[1].splitlines()
                    if "facility_unknown" in line
                ),
                0,
            )
        )
        assert name in operator.does("exceptions", "show", number)

        assert "give your reason for reading it" in operator.may_not("exceptions", "show", number, "--payload")
        told = operator.does("exceptions", "show", number, "--payload", "--reason", "the sender can't say")
        content = told[told.index('{"') :]
        assert json.loads(content) == broken
        assert PATIENT in told

        file = operator.folder / "better.json"
        assert "can't be read" in operator.may_not("exceptions", "edit", number, "--reason", "r", "--payload", file)
        file.write_text("{}")
        refused = operator.may_not("exceptions", "edit", number, "--reason", "r", "--payload", file)
        assert "would not be understood either" in refused
        file.write_text(json.dumps(visit("P1")))
        operator.does("exceptions", "edit", number, "--reason", "told by phone", "--payload", file, "--retry")
        until(lambda: operator.state_of("completed_appointment:P1"))
        refused = operator.may_not("exceptions", "edit", number, "--reason", "r", "--payload", file)
        assert "can't be changed now" in refused
        trail = operator.does("audit", "--subject", f"Exception/{number}")
        assert "payload.read" in trail
        assert "payload.correct" in trail

    def test_is_corrected_by_one_thing_at_a_time(self, operator: Operator) -> None:
        assert "--map" in operator.may_not("exceptions", "edit", 1, "--reason", "r")
        assert "--map" in operator.may_not("exceptions", "edit", 1, "--reason", "r", "--map", "a=b", "--payload", "-")


class TestAProcessThatIsStuck:
    def test_is_assigned_given_something_else_and_goes_on(self, operator: Operator, visit) -> None:
        operator.deliver(visit("S1", code=None))
        number = operator.number_of("Appointment/S1")
        assert "suture runbook payload" in operator.does("exceptions", "show", number)

        operator.does("people", "add", "bob", "--role", "operations")
        assert "1 exception is with bob" in operator.does("exceptions", "assign", number, "--to", "bob")
        assert "Appointment/S1" in operator.does("exceptions", "list", "--assignee", "bob")
        assert "bob works on it" in operator.does("exceptions", "show", number)

        told = operator.does("exceptions", "show", number, "--payload", "--reason", "to correct it")
        given = json.loads(told[told.index('{"') :])
        given["lines"] = [{"service": "OV-EST"}]
        file = operator.folder / "visit.json"
        file.write_text(json.dumps(given))
        operator.does("exceptions", "edit", number, "--reason", "as noted", "--payload", file)
        assert "1 process goes on." in operator.does("exceptions", "retry", number)
        until(lambda: f"Exception {number} (resolved)" in operator.run("exceptions", "show", number)[1])

    def test_is_shown_with_all_that_happened(self, operator: Operator, visit) -> None:
        operator.deliver(visit("S2", code=None))
        number, key = operator.number_of("Appointment/S2"), "completed_appointment:S2"
        shown = operator.does("processes", "show", key)
        assert f"{key} is stuck" in shown
        assert f"exception {number} (open): the completed visit names no service" in shown
        assert f"{key} goes on" in operator.does("processes", "resume", key, "--reason", "once more")
        until(lambda: operator.state_of(key).startswith("stuck"))
        shown = operator.does("processes", "show", key)
        assert "process.resume once more" in shown
        assert "Appointment/S2" in operator.does("exceptions", "list", "--code", "nothing_to_bill")

    def test_is_cancelled_and_its_exception_closes(self, operator: Operator, visit) -> None:
        operator.deliver(visit("S3", code=None))
        number, key = operator.number_of("Appointment/S3"), "completed_appointment:S3"
        assert f"{key} was ended." in operator.does("processes", "cancel", key, "--reason", "a test visit")
        assert f"Exception {number} (resolved)" in operator.does("exceptions", "show", number)
        assert operator.state_of(key).startswith("cancelled")
        assert "it is cancelled" in operator.may_not("processes", "resume", key)

    def test_is_compensated(self, operator: Operator, visit) -> None:
        operator.deliver(visit("S4", code=None))
        operator.number_of("Appointment/S4")
        key = "completed_appointment:S4"
        assert f"{key} is being undone." in operator.does("processes", "compensate", key, "--reason", "r")
        until(lambda: operator.state_of(key).startswith("compensated"))

    def test_is_discarded_with_the_reason(self, operator: Operator, visit) -> None:
        operator.deliver(visit("S5", code=None))
        number = operator.number_of("Appointment/S5")
        assert "not both" in operator.may_not("exceptions", "discard", number, "--reason", "r", "--undo", "--leave")
        said = operator.does("exceptions", "discard", number, "--reason", "a courtesy visit")
        assert f"1 exception discarded; no. {number}: completed_appointment:S5 was ended where it stood." in said
        assert f"exception {number} is discarded already" in operator.may_not(
            "exceptions", "discard", number, "--reason", "r"
        )
        assert "a courtesy visit" in operator.does("audit", "--subject", f"Exception/{number}")
        assert "Appointment/S5" in operator.does("exceptions", "list", "--state", "discarded")

    def test_is_retried_with_others_only_when_that_is_said(self, operator: Operator, visit) -> None:
        for name in ("S6", "S7"):
            operator.deliver(visit(name, code=None))
        for name in ("S6", "S7"):
            operator.number_of(f"Appointment/{name}")
        chosen = ("exceptions", "retry", "--code", "nothing_to_bill", "--since", "1h")
        assert "say --yes" in operator.may_not(*chosen)
        assert "processes go on" in operator.does(*chosen, "--yes", "--rate", 10)


class TestAnInterface:
    def test_is_paused_what_comes_waits_and_goes_on_when_it_is_resumed(self, operator: Operator, visit) -> None:
        listed = operator.does("interfaces")
        assert "scheduling-appointments" in listed
        assert "flowing" in listed

        said = operator.does("pause", "scheduling-read", "--reason", "maintenance [/until 5]")
        assert "scheduling-read is paused. `suture resume scheduling-read` lets it flow again" in " ".join(said.split())
        operator.deliver(visit("I1"))
        until(lambda: operator.state_of("completed_appointment:I1").startswith("parked at scheduling-read"))
        listed = operator.does("interfaces")
        assert "maintenance [/until 5]" in listed
        assert "maintenance [/until 5]" in operator.does("audit", "--subject", "Interface/scheduling-read")
        assert "paused already" in operator.may_not("pause", "scheduling-read", "--reason", "again")
        assert "is parked" in operator.may_not("processes", "resume", "completed_appointment:I1")

        assert "scheduling-read flows again" in operator.does("resume", "scheduling-read")
        until(lambda: "scheduling-read" not in operator.state_of("completed_appointment:I1"))
        assert "nothing holds scheduling-read up" in operator.may_not("resume", "scheduling-read")

    def test_that_takes_deliveries_takes_them_while_it_is_paused(self, operator: Operator, visit) -> None:
        operator.does("pause", "scheduling-appointments", "--reason", "r")
        try:
            time.sleep(2.5)  # every worker has heard of it by its own timer
            operator.deliver(visit("I2", code=None))
            until(lambda: "1" in operator.does("interfaces").split("scheduling-appointments")[1].splitlines()[0])
            assert operator.state_of("completed_appointment:I2") == ""
        finally:
            operator.does("resume", "scheduling-appointments", "--reason", "r")
        until(lambda: operator.state_of("completed_appointment:I2"))


class TestReplay:
    def test_says_what_would_come_of_it_before_it_does_anything(self, operator: Operator, visit) -> None:
        operator.deliver(visit("R1", code="CAST"))
        number = operator.number_of("Appointment/R1")
        name = operator.deliver(visit("R2"))
        until(lambda: operator.state_of("completed_appointment:R2"))

        looked = operator.does("replay", "--key", name, "--dry-run")
        assert "1 delivery taken already" in looked
        assert "Nothing was changed." in looked
        assert "nothing was done" in operator.does("replay", "--key", name, "--yes")
        assert "still not understood" in operator.does("replay", "--key", "Appointment/R1", "--dry-run")

        operator.does("exceptions", "edit", number, "--reason", "r", "--map", "urn:harbour:services|CAST=OV-EST")
        chosen = ("replay", "--key", "Appointment/R1")
        assert "1 delivery would take effect" in operator.does(*chosen, "--dry-run")
        assert "say --yes" in operator.may_not(*chosen)
        assert "1 delivery read; 0 not understood." in operator.does(*chosen, "--yes", "--reason", "mapped")
        until(lambda: operator.state_of("completed_appointment:R1"))
        assert f"Exception {number} (resolved)" in operator.does("exceptions", "show", number)
        assert "mapped" in operator.does("audit", "--subject", "Inbox")

    def test_of_a_whole_day_changes_nothing_that_took_effect(self, operator: Operator, visit) -> None:
        operator.deliver(visit("R3"))
        until(lambda: operator.state_of("completed_appointment:R3"))
        said = operator.does("replay", "--since", "1d", "--state", "ingested", "--yes")
        assert "nothing was done" in said


class TestWrongWords:
    """What isn't there, or can't be, gets one clear sentence."""

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (
                ("exceptions", "show", "9999"),
                "there is no exception 9999; `suture exceptions list` shows all of them",
            ),
            (("exceptions", "show", "99999999999999999999"), "Invalid value"),
            (("exceptions", "retry", "9999"), "no open exception is chosen by that"),
            (("exceptions", "retry"), "name exceptions by number"),
            (("exceptions", "retry", "1", "--rate", "0"), "rate"),
            (("exceptions", "assign", "9999", "--to", ""), "not open: 9999"),
            (("exceptions", "assign", "1", "--to", "carl"), "there is no person carl who may sign in"),
            (("exceptions", "assign", "--to", "bob"), "number"),
            (("exceptions", "discard", "9999", "--reason", "r"), "there is no exception 9999"),
            (("exceptions", "edit", "9999", "--reason", "r", "--map", "a=OV-EST"), "there is no exception 9999"),
            (("exceptions", "list", "--class", "weather"), "there is no class 'weather'; there are mapping, payload"),
            (("exceptions", "list", "--since", "yesterday"), "'yesterday' is no time; write 2026-03-02"),
            (("exceptions", "list", "--since", "infd"), "'infd' is no time"),
            (("exceptions", "list", "--most", "-5"), "most"),
            (("processes", "show", "nobody"), "there is no process nobody; `suture processes list`"),
            (("processes", "resume", "nobody"), "nobody: there is no such process"),
            (("processes", "cancel", "nobody", "--reason", "r"), "nobody: there is no such process"),
            (("processes", "compensate", "nobody", "--reason", "r"), "nobody: there is no such process"),
            (("processes", "resume"), "key"),
            (("pause", "oddo", "--reason", "r"), "the catalogue has no interface 'oddo'; it has billing-api"),
            (("resume", "oddo"), "the catalogue has no interface 'oddo'"),
            (("replay",), "choose deliveries"),
            (("replay", "99999"), "no delivery is chosen by that"),
            (("replay", "--since", "1d", "--rate", "0"), "rate"),
            (("runbook", "weather"), "there is no class 'weather'"),
        ],
        ids=lambda told: " ".join(told) if isinstance(told, tuple) else "says",
    )
    def test_end_with_one_sentence(self, operator: Operator, arguments: tuple[str, ...], says: str) -> None:
        status, said = operator.run(*arguments)
        assert status != 0, said
        assert says in " ".join(said.replace("│", " ").split())

    def test_of_an_empty_list_say_so(self, operator: Operator) -> None:
        assert "Nothing waits for a person." in operator.does("exceptions", "list", "--assignee", "nobody")
        assert "There is none." in operator.does("processes", "list", "--journey", "nobody")
        assert "There is none." in operator.does("audit", "--subject", "Exception/9999")


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_a_page(operator: Operator, name: str) -> None:
    assert len(operator.does("runbook", name).split()) > 50


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("exceptions",), ("list", "show", "retry", "edit", "assign", "discard")),
        (("exceptions", "edit"), ("--map", "--payload", "--reason", "--retry")),
        (("processes",), ("list", "show", "resume", "cancel", "compensate")),
        (("replay",), ("--dry-run", "--since", "--rate", "--key")),
    ],
    ids=" ".join,
)
def test_help_teaches(operator: Operator, command: tuple[str, ...], words: tuple[str, ...]) -> None:
    said = operator.does(*command, "--help")
    assert all(word in said for word in words)


def test_a_changed_entry_of_the_trail_is_found(operator: Operator) -> None:
    operator.does("pause", "odoo-ledger", "--reason", "r")
    operator.does("resume", "odoo-ledger", "--reason", "r")
    assert "The audit trail is intact: " in operator.does("audit", "--verify")
    asyncio.run(_execute(operator, "UPDATE audit SET reason = reason || '!' WHERE id = 2"))
    try:
        assert "The trail is broken at entry 2" in operator.may_not("audit", "--verify")
    finally:
        asyncio.run(_execute(operator, "UPDATE audit SET reason = rtrim(reason, '!') WHERE id = 2"))
    assert "The audit trail is intact: " in operator.does("audit", "--verify")


async def _execute(operator: Operator, statement: str) -> None:
    connection = await asyncpg.connect(EmbeddedPostgres(operator.folder / "data").url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
