"""The stage on which days are played: servers, simulated systems and the platform's roles, each its own process."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Literal, Self, TypeVar

import msgspec
import uvloop
from rich.console import Console

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.backbone.credentials import write_secret
from suture.backbone.stream import BACKBONE_AWAY, connect
from suture.bootstrap.composition import (
    check_master_key,
    command_context,
    connect_database,
    connect_systems,
    foundation,
    ledger_plan,
)
from suture.bootstrap.servers import Servers, embedded_servers, settle_master_key, sole_supervisor, wipe
from suture.bootstrap.settings import SETTINGS_FILE, Secrets, Settings
from suture.bootstrap.supervise import RoleProcess, Supervisor, role_command, stop_all
from suture.catalogue import load
from suture.cli.roles import environment_with, platform_roles, revive
from suture.cli.trouble import UserError
from suture.commands import accounts
from suture.commands.table import AddPerson, Named, perform
from suture.connectors.port import Balance
from suture.core.failure import Failure
from suture.store import appointments
from suture.store.embedded import free_port
from suture_lab.clinic_catalogue import catalogue_text
from suture_lab.simulated import Simulated, call
from suture_lab.simulators.clinic.day import ClinicDay

_READY_SECONDS = 60.0
PERSON = "demo"
"""Who signs in at a stage's console."""

Given = TypeVar("Given")
Answer = TypeVar("Answer")


class OdooTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A real Odoo to use in place of the simulated one."""

    url: str
    database: str
    api_key: str
    login: str | None = None
    transport: str = "auto"


class StageOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a stage is set. What is None stands as the settings and the catalogue's template say.

    `embedded` leaves servers that the settings name alone. `timeout` is how many seconds a call to an outside system
    may take.
    """

    folder: Path
    seed: int
    workers: int
    port: int = 0
    transport: Literal["json2", "jsonrpc"] = "json2"
    odoo: OdooTarget | None = None
    embedded: bool = False
    nats_nodes: Literal[1, 3] | None = None
    lease_seconds: float | None = None
    timeout: float | None = None


class Stage:
    """Sets everything up in an emptied folder, and strikes it on the way out: what is started here is ended here."""

    def __init__(self, options: StageOptions, day: ClinicDay) -> None:
        self.options = options
        self.day = day
        self.processes: dict[str, int] = {}
        self.roles: list[RoleProcess] = []
        self.balances: Sequence[Balance] = ()  # Odoo's trial balance before the day
        self.simulated = Simulated(options.folder / "log")
        self.revived: list[str] = []
        self._stack = ExitStack()
        self._tokens = _tokens(options)
        self._supervisor = Supervisor(self._revive, self.revived.append)
        self._ctrl_c = threading.Event()

    def __enter__(self) -> Self:
        self._stack.__enter__()
        signal.signal(signal.SIGTERM, _as_ctrl_c)
        try:
            self._stack.enter_context(sole_supervisor(self.options.folder))
            wipe(self.options.folder)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must not leave half of it running
            signal.signal(number, signal.SIG_IGN)
        self._supervisor.stop()
        stop_all(self.roles)
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
        for line in self.servers.notes:
            out.print(line, markup=False, soft_wrap=True)
        with out.status("Starting the scheduling system, the billing platform and Odoo …"):
            self._start_simulators()
        with out.status("Preparing Odoo: products, accounts, facilities …"):
            created = self._prepare_ledger()
        which = "The simulated Odoo" if self.options.odoo is None else f"Odoo at {self._odoo_url}"
        out.print(f"{which} is prepared: {len(created)} products, accounts and facilities created", markup=False)
        with out.status("Starting gateway, worker and web page …"):
            self._start_platform()
        self._leave_settings()
        password = uvloop.run(self._add_person())
        out.print(f"Web page [link]{self.console_url}[/]  sign in as [b]{PERSON}[/] with [b]{password}[/]")

    def _leave_settings(self) -> None:
        """Have the command line find this stage: in its folder stand its settings and its secrets, its owner's alone,
        until the next stage empties it. A real Odoo's key is not written down."""
        embedded = {"database_url": self.servers.postgres, "nats_url": self.servers.nats}
        unsaid = {name: None for name, server in embedded.items() if server is not None}
        write_secret(
            self.options.folder / SETTINGS_FILE, msgspec.structs.replace(self._settings, **unsaid).as_file().encode()
        )
        for name, token in self._tokens.items():
            if self.options.odoo is None or token != self.options.odoo.api_key:
                self.secrets.put(name, token)

    async def _add_person(self) -> str:
        """Somebody who may look and try everything, for as long as the stage stands; answers the password."""
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        async with foundation(self._settings, self.secrets, most=1) as base:
            acting, actor = command_context(base), Actor("stage", "a stage was set up", (ADMINISTRATOR,))
            try:
                wanted = AddPerson(name=PERSON, full_name="Somebody at the demo", roles=(ADMINISTRATOR,))
                invited = await perform(acting, actor, "people.add", wanted)
            except NotPossible:  # a database that saw a stage before
                invited = await perform(acting, actor, "people.invite", Named(name=PERSON))
            await accounts.accept(acting, invited.secret, password)
        return password

    def start_day(self, seconds: float) -> None:
        """Open the clinic: the day's steps happen within `seconds` (0: as fast as it goes)."""
        self.began = time.monotonic()
        self.simulated.control("scheduling", "/control/start", {"duration_s": seconds})

    def wait_for_ctrl_c(self) -> None:
        signal.signal(signal.SIGINT, lambda *_: self._ctrl_c.set())
        signal.signal(signal.SIGTERM, lambda *_: self._ctrl_c.set())
        self._ctrl_c.wait()

    def _revive(self) -> list[str]:
        """Start again what died."""
        said = self.servers.revive() + revive(self.roles)
        if said:
            self._note_processes()
        return said

    def _note_processes(self) -> None:
        self.processes |= self.servers.pids
        self.processes |= {role.name: role.process.pid for role in self.roles if role.process is not None}

    def _make_settings(self) -> Settings:
        options = self.options
        told = Settings.read(os.environ, Path.cwd())
        if options.embedded:
            told = msgspec.structs.replace(told, database_url=None, nats_url=None, nats_replicas=None)
        return msgspec.structs.replace(
            told,
            data_dir=options.folder,
            catalogue=options.folder / "catalogue.yaml",
            gateway_port=free_port(),
            console_port=_port_or_free(options.port),
            workers=options.workers,
            nats_nodes=options.nats_nodes or told.nats_nodes,
            lease_seconds=options.lease_seconds or told.lease_seconds,
        )

    def _start_servers(self) -> None:
        settle_master_key(self._settings, self.secrets)
        self.servers: Servers = self._stack.enter_context(embedded_servers(self._settings))
        self._settings = msgspec.structs.replace(
            self._settings, database_url=self.servers.database_url, nats_url=self.servers.nats_url
        )
        done = subprocess.run(role_command("migrate"), env=self._environment(), capture_output=True, check=False)
        if done.returncode:
            raise UserError(f"the schema could not be made: {done.stderr.decode().strip()}")
        uvloop.run(check_master_key(self.servers.database_url, self.secrets))
        uvloop.run(self._check_servers(self.servers.database_url, self.servers.nats_url))

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
            await (await connect(nats_url, "suture-stage")).close()
        except BACKBONE_AWAY as error:
            raise UserError("no NATS answers at SUTURE_NATS_URL: check it, and that the server runs") from error

    def _start_simulators(self) -> None:
        self._stack.callback(self.simulated.stop)
        gateway = f"http://{self._settings.host}:{self._settings.gateway_port}/v1/hooks/"
        day_file = self.options.folder / "day.json"
        day_file.write_bytes(msgspec.json.encode(self.day))
        common = ["--day", str(day_file), "--seed", str(self.options.seed)]
        for name, interface in (("scheduling", "scheduling-appointments"), ("billing", "billing-payments")):
            hook = ["--webhook-url", gateway + interface]
            hook += ["--webhook-secret-env", f"SUTURE_{name.upper()}_SIGNING_KEY"]
            self._simulate(name, [*common, *hook, "--token-env", f"SUTURE_{name.upper()}_TOKEN"])
        if self.options.odoo is None:
            version = "19" if self.options.transport == "json2" else "17"
            access = ["--token-env", "SUTURE_ODOO_API_KEY", "--login", "suture-bot", "--odoo-version", version]
            self._simulate("odoo", [*access, "--seed", str(self.options.seed)])

    def _simulate(self, name: str, options: list[str]) -> None:
        self.processes[f"simulated {name}"] = self.simulated.start(name, options, self._environment())

    @property
    def _odoo_url(self) -> str:
        target = self.options.odoo
        return self.simulated.urls["odoo"] if target is None else target.url.rstrip("/")

    def _prepare_ledger(self) -> list[str]:
        target = self.options.odoo
        odoo: dict[str, object] = {"url": self._odoo_url, "transport": self.options.transport}
        if target is not None:
            odoo |= {"database": target.database, "transport": "auto", "login": target.login}
        text = catalogue_text(self.day, self.simulated.urls, odoo, self.options.timeout)
        self._settings.catalogue.write_text(text, encoding="utf-8")
        catalogue = load(self._settings.catalogue)

        async def prepare() -> list[str]:
            systems = connect_systems(catalogue, self.secrets)
            try:
                created = list(await _patiently(systems.ledger.prepare, ledger_plan(catalogue)))
                self.balances = await _patiently(systems.ledger.balances, far_ahead())
                return created
            finally:
                await systems.close()

        return uvloop.run(prepare())

    def _start_platform(self) -> None:
        self.roles = platform_roles(
            self._settings, {**self._settings.as_environment(), **self._tokens}, self.servers.reading_url
        )
        for role in self.roles:
            role.start()
        self._note_processes()
        for port in (self._settings.gateway_port, self._settings.console_port):
            await_http(f"http://{self._settings.host}:{port}/health/live", self.options.folder / "log")
        self._supervisor.start()

    def _environment(self) -> dict[str, str]:
        return environment_with({**self._settings.as_environment(), **self._tokens})


def _tokens(options: StageOptions) -> dict[str, str]:
    """The stage's secrets: made afresh, but for a real Odoo's key."""
    made = {f"SUTURE_{name}_TOKEN": secrets.token_hex(20) for name in ("SCHEDULING", "BILLING")}
    for name in ("SCHEDULING", "BILLING"):
        made[f"SUTURE_{name}_SIGNING_KEY"] = "whsec_" + secrets.token_hex(16)
    made["SUTURE_ODOO_API_KEY"] = options.odoo.api_key if options.odoo else secrets.token_hex(20)
    return made


def far_ahead() -> date:
    """A day by which all that a played day books is dated."""
    return datetime.now(UTC).date() + timedelta(days=400)


async def _patiently(call: Callable[[Given], Awaitable[Answer]], given: Given) -> Answer:
    """Ask Odoo although it may be told to fail now and then."""
    for attempt in range(20):
        try:
            return await call(given)
        except Failure as failure:
            if failure.outcome in ("rejected", "fatal") or attempt == 19:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError("the last attempt answers or raises")


def await_http(url: str, logs: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            call(url)
            return
        except (OSError, HTTPException):
            time.sleep(0.1)
    raise UserError(f"a role did not start within {_READY_SECONDS:.0f} s; see {logs}")


def _as_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def _port_or_free(port: int) -> int:
    if not port:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} is taken; choose another with --port (0 takes a free one)") from error
        return port
