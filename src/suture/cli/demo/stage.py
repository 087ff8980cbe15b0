"""The demo's stage: servers, simulated systems and the platform's roles, each a process of its own."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import msgspec
import psutil
import uvloop
from rich.console import Console

from suture.backbone.stream import BACKBONE_AWAY, connect
from suture.bootstrap.servers import embedded_servers
from suture.bootstrap.settings import Secrets, Settings
from suture.bootstrap.supervise import Role, role_command, stop_all
from suture.bootstrap.wiring import connect_database, connect_systems, ledger_plan
from suture.catalogue import load
from suture.cli.demo.clinic import catalogue_text
from suture.cli.demo.options import DemoOptions
from suture.cli.roles import environment_with, platform_roles
from suture.cli.trouble import UserError
from suture.core.failure import Failure
from suture.simulators.clinic.day import ClinicDay
from suture.store import appointments

_READY_SECONDS = 60.0
_SIMULATOR_PACKAGE = "suture.simulators"


class Stage:
    """Sets the demo up, and strikes it on the way out: every process started here is ended here."""

    def __init__(self, options: DemoOptions, day: ClinicDay) -> None:
        self.options = options
        self.day = day
        self.processes: dict[str, int] = {}
        self._stack = ExitStack()
        self._roles: list[Role] = []
        self._tokens = _tokens(options)
        self._ctrl_c = threading.Event()
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._stack.__enter__()
        signal.signal(signal.SIGTERM, _as_ctrl_c)
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(self._roles)
        self._stack.close()

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def secrets(self) -> Secrets:
        return Secrets({**os.environ, **self._tokens}, self.options.folder)

    @property
    def console_url(self) -> str:
        return f"http://{self._settings.host}:{self._settings.console_port}/"

    def set_up(self, out: Console) -> None:
        """Start everything, saying what starts; the day itself has not begun."""
        self._settings = self._make_settings()
        with out.status("Starting PostgreSQL and NATS …"):
            self._start_servers()
        with out.status("Starting the scheduling system, the billing platform and Odoo …"):
            self._start_simulators()
        with out.status("Preparing Odoo: products, accounts, facilities …"):
            created = self._prepare_ledger()
        which = "The simulated Odoo" if self.options.odoo is None else f"Odoo at {self.urls['odoo']}"
        out.print(f"{which} is prepared: {len(created)} products, accounts and facilities created", markup=False)
        with out.status("Starting gateway, worker and web page …"):
            self._start_platform()
        out.print(f"Web page [link]{self.console_url}[/]")

    def start_day(self) -> None:
        """Open the clinic; from now on the outside systems fail as asked."""
        self.set_faults(self.options.faults)
        self.began = time.monotonic()
        self.control("scheduling", "/control/start", {"duration_s": self.options.duration})

    def control(self, system: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        """Ask a simulated system about its own progress; this is the demo's business, the platform's never."""
        try:
            return msgspec.json.decode(_call(self.urls[system] + path, body) or b"{}", type=dict[str, object])
        except (OSError, HTTPException, msgspec.DecodeError) as error:
            raise UserError(f"the simulated {system} does not answer; see {self.options.folder / 'log'}") from error

    def set_faults(self, preset: str) -> None:
        """Have the simulated systems fail so from now on."""
        for name in self.urls:
            if f"simulated {name}" in self.processes:
                self.control(name, "/control/faults", {"plan": preset})

    def revive(self) -> None:
        """Start again what died."""
        for role in self._roles:
            if role.revive() and role.process is not None:
                self.processes[role.name] = role.process.pid

    def wait_for_ctrl_c(self) -> None:
        signal.signal(signal.SIGINT, lambda *_: self._ctrl_c.set())
        signal.signal(signal.SIGTERM, lambda *_: self._ctrl_c.set())
        while not self._ctrl_c.wait(1.0):
            self.revive()

    def _make_settings(self) -> Settings:
        folder = self.options.folder
        folder.mkdir(parents=True, exist_ok=True)
        told = Settings.read(os.environ, Path.cwd())
        return msgspec.structs.replace(
            told,
            data_dir=folder,
            catalogue=folder / "catalogue.yaml",
            gateway_port=_free_port(),
            console_port=_port_or_free(self.options.port),
            workers=self.options.workers,
        )

    def _start_servers(self) -> None:
        database_url, nats_url = self._stack.enter_context(embedded_servers(self._settings))
        self._settings = msgspec.structs.replace(self._settings, database_url=database_url, nats_url=nats_url)
        done = subprocess.run(role_command("migrate"), env=self._environment(), capture_output=True, check=False)
        if done.returncode:
            raise UserError(f"the schema could not be made: {done.stderr.decode().strip()}")
        uvloop.run(self._check_servers(database_url, nats_url))
        for name in ("postgres", "nats-server"):
            for process in psutil.process_iter(["name", "cmdline"]):
                if process.info["name"] == name and str(self.options.folder) in " ".join(process.info["cmdline"] or ()):
                    self.processes[name] = process.pid

    async def _check_servers(self, database_url: str, nats_url: str) -> None:
        """Servers that were there before must answer, and mustn't have seen this very day: it would flow but once."""
        database = await connect_database(database_url, 1)
        try:
            async with database.connection() as connection:
                known = await appointments.known(
                    connection, [f"Appointment/{plan.id}" for plan in self.day.appointments]
                )
        finally:
            await database.close()
        if known:
            raise UserError(
                f"this database has seen {known} of the day's appointments already; choose another --seed, or an "
                "empty database by SUTURE_DATABASE_URL"
            )
        try:
            await (await connect(nats_url, "suture-demo")).close()
        except BACKBONE_AWAY as error:
            raise UserError(f"no NATS answers at {nats_url}: check SUTURE_NATS_URL") from error

    def _start_simulators(self) -> None:
        gateway = f"http://{self._settings.host}:{self._settings.gateway_port}/v1/hooks/"
        day_file = self.options.folder / "day.json"
        day_file.write_bytes(msgspec.json.encode(self.day))
        common = ["--day", str(day_file), "--seed", str(self.options.seed)]
        for name, interface in (("scheduling", "scheduling-appointments"), ("billing", "billing-payments")):
            hook = ["--webhook-url", gateway + interface]
            hook += ["--webhook-secret-env", f"SUTURE_{name.upper()}_SIGNING_KEY"]
            self._simulate(name, [*common, *hook, "--token-env", f"SUTURE_{name.upper()}_TOKEN"])
        if self.options.odoo is not None:
            self.urls["odoo"] = self.options.odoo.url.rstrip("/")
        else:
            version = "19" if self.options.transport == "json2" else "17"
            access = ["--token-env", "SUTURE_ODOO_API_KEY", "--login", "suture-bot", "--odoo-version", version]
            self._simulate("odoo", [*access, "--seed", str(self.options.seed)])

    def _simulate(self, name: str, options: list[str]) -> None:
        log = self.options.folder / "log" / f"simulated-{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", _SIMULATOR_PACKAGE, name, *options],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._stack.callback(_end, process)
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise UserError(f"the simulated {name} did not start; see {log}")
        self.urls[name] = str(msgspec.json.decode(line)["url"])
        self.processes[f"simulated {name}"] = process.pid

    def _prepare_ledger(self) -> list[str]:
        target = self.options.odoo
        odoo: dict[str, object] = {"url": self.urls["odoo"], "transport": self.options.transport}
        if target is not None:
            odoo = {"url": self.urls["odoo"], "database": target.database, "transport": "auto", "login": target.login}
        self._settings.catalogue.write_text(catalogue_text(self.day, self.urls, odoo), encoding="utf-8")
        catalogue = load(self._settings.catalogue)

        async def prepare() -> list[str]:
            systems = connect_systems(catalogue, self.secrets)
            try:
                return list(await _patiently(systems.ledger.prepare, ledger_plan(catalogue)))
            finally:
                await systems.close()

        return uvloop.run(prepare())

    def _start_platform(self) -> None:
        self._roles = platform_roles(self._settings, {**self._settings.as_environment(), **self._tokens})
        for role in self._roles:
            role.start()
            if role.process is not None:
                self.processes[role.name] = role.process.pid
        for port in (self._settings.gateway_port, self._settings.console_port):
            _await_http(f"http://{self._settings.host}:{port}/health/live", self.options.folder / "log")

    def _environment(self) -> dict[str, str]:
        return environment_with({**self._settings.as_environment(), **self._tokens})


def _tokens(options: DemoOptions) -> dict[str, str]:
    """The demo's secrets: made afresh, but for a real Odoo's key."""
    made = {f"SUTURE_{name}_TOKEN": secrets.token_hex(20) for name in ("SCHEDULING", "BILLING")}
    for name in ("SCHEDULING", "BILLING"):
        made[f"SUTURE_{name}_SIGNING_KEY"] = "whsec_" + secrets.token_hex(16)
    made["SUTURE_ODOO_API_KEY"] = options.odoo.api_key if options.odoo else secrets.token_hex(20)
    return made


async def _patiently(prepare: object, plan: object) -> list[str]:
    """Prepare Odoo although it may be told to fail now and then."""
    import asyncio

    for attempt in range(20):
        try:
            return await prepare(plan)  # type: ignore[operator, no-any-return]
        except Failure as failure:
            if failure.outcome in ("rejected", "fatal") or attempt == 19:
                raise
            await asyncio.sleep(0.5)
    return []


def _call(url: str, body: Mapping[str, object] | None = None) -> bytes:
    """One plain HTTP call: GET, or POST where there is a body. Raises `OSError` or `HTTPException`."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        if body is None:
            connection.request("GET", parts.path)
        else:
            connection.request("POST", parts.path, msgspec.json.encode(body), {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def _await_http(url: str, logs: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            _call(url)
            return
        except (OSError, HTTPException):
            time.sleep(0.1)
    raise UserError(f"a role did not start within {_READY_SECONDS:.0f} s; see {logs}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def _as_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def _free_port() -> int:
    return _port_or_free(0)


def _port_or_free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} is taken; choose another with --port (0 takes a free one)") from error
        free: int = probe.getsockname()[1]
        return free
