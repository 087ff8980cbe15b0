"""Commands that run the platform: all roles at once, or one role a process."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version

import msgspec
import uvloop
from rich.console import Console
from starlette.types import ASGIApp

from suture.backbone.credentials import WORKER
from suture.bootstrap.composition import check_master_key, missing_secrets
from suture.bootstrap.logs import configure_logs
from suture.bootstrap.memory import collect_rarely
from suture.bootstrap.servers import embedded_servers, settle_master_key, sole_supervisor
from suture.bootstrap.settings import Secrets, Settings, current
from suture.bootstrap.supervise import RoleProcess, role_command, stop_all
from suture.catalogue import Catalogue, load
from suture.cli.trouble import UserError
from suture.store.embedded import free_port
from suture.telemetry import tracing

out = Console(highlight=False)
_PATIENCE_SECONDS = 60.0
_MARGIN_BYTES = 64 * 1024
"""So that an application's own, better answer to a large body comes first."""


def up() -> None:
    """Run the whole platform: embedded servers where no URL is set, gateway, workers and console. Ctrl-C stops it."""
    settings, secrets = current()
    settings = _with_ports(settings)
    with sole_supervisor(settings.data_dir):
        _check_before_start(settings, secrets)
        stopping = _stop_on_signals()
        with embedded_servers(settings) as servers:
            for line in servers.notes:
                out.print(line, markup=False, soft_wrap=True)
            environment = settings.as_environment() | servers.as_environment()
            _migrate(environment)
            uvloop.run(check_master_key(servers.database_url, secrets))
            roles = platform_roles(settings, environment, servers.reading_url)
            try:
                for role in roles:
                    role.start()
                _say_where(settings)
                while not stopping.wait(1.0):
                    for line in (*servers.revive(), *revive(roles)):
                        out.print(line, markup=False)
            finally:
                _hear_no_more()
                stop_all(roles)
    out.print("Stopped; nothing is lost. Started again, it goes on.")


def _with_ports(settings: Settings) -> Settings:
    """Ports of 0 made free ones now, so that they can be told before the roles have them."""
    return msgspec.structs.replace(
        settings,
        gateway_port=settings.gateway_port or free_port(),
        console_port=settings.console_port or free_port(),
    )


def _migrate(environment: dict[str, str]) -> None:
    if subprocess.run(role_command("migrate"), env=environment_with(environment), check=False).returncode:
        raise UserError("the schema could not be brought up to date; the reason stands above")


def _say_where(settings: Settings) -> None:
    out.print(f"Gateway   http://{settings.host}:{settings.gateway_port}/v1/hooks/<interface>")
    out.print(f"Console   http://{settings.host}:{settings.console_port}/")
    if settings.metrics_port:
        out.print(f"Metrics   http://{settings.host}:{settings.metrics_port}/metrics, and the ports after it")
    out.print(f"Logs      {settings.data_dir / 'log'}    (Ctrl-C stops)", markup=False)


def revive(roles: Sequence[RoleProcess]) -> list[str]:
    """Start again the roles that ended; answers what happened, a line for each."""
    return [f"{role.name} had stopped and was restarted; see its log" for role in roles if role.revive()]


def _check_before_start(settings: Settings, secrets: Secrets) -> None:
    """What would make every role fail is told once, before any is started."""
    catalogue = load(settings.catalogue)
    settle_master_key(settings, secrets)
    if missing := missing_secrets(catalogue, secrets):
        where = settings.data_dir / "secrets"
        raise UserError(f"secrets are missing: {', '.join(missing)}; set the variables, or write files into {where}")
    for port in (settings.gateway_port, settings.console_port):
        if port:
            _check_free(settings.host, port)


def _check_free(host: str, port: int) -> None:
    """Two processes of one user may share a port: the second one must ask first. Raises `UserError`."""
    if not _is_free(host, port):
        raise UserError(
            f"port {port} is taken, perhaps by a Suture that still runs; end it, or choose another by "
            "SUTURE_GATEWAY_PORT or SUTURE_CONSOLE_PORT (0 takes a free one)"
        )


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def environment_with(extra: dict[str, str]) -> dict[str, str]:
    """This process's environment, with `extra` on top."""
    return {**os.environ, **extra}


def platform_roles(settings: Settings, environment: dict[str, str], reading_url: str) -> list[RoleProcess]:
    """Gateway, console and as many workers as the settings say. All but workers enter NATS as readers."""
    logs = settings.data_dir.resolve() / "log"
    gateways = [f"gateway-{number}" for number in range(2, settings.gateways + 1)]
    names = ["gateway", *gateways, "console", *(f"worker-{number}" for number in range(1, settings.workers + 1))]
    return [
        RoleProcess(
            name,
            role_command(name.partition("-")[0]),
            environment | _door(settings, names, name) | _backbone(name, reading_url),
            logs / f"{name}.log",
        )
        for name in names
    ]


def _backbone(name: str, reading_url: str) -> dict[str, str]:
    return {} if name.startswith("worker") else {"SUTURE_NATS_URL": reading_url}


def _door(settings: Settings, names: Sequence[str], name: str) -> dict[str, str]:
    """Each role shows its metrics on a port of its own: the gateway, the console, other gateways, the workers."""
    if not settings.metrics_port:
        return {}
    order = sorted(names, key=lambda one: (one != "gateway", one != "console", names.index(one)))
    return {"SUTURE_METRICS_PORT": str(settings.metrics_port + order.index(name))}


def _hear_no_more() -> None:
    """Stopping is under way and bounded: who asks again must not cut it off, nor what comes after it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def gateway() -> None:
    """Run the gateway alone: takes webhooks and commits them."""
    from suture.gateway.app import create_app, largest_body

    _serve("gateway", create_app, largest_body, most=4)


def console() -> None:
    """Run the web page alone."""
    from suture.console.app import create_app
    from suture.console.request import LARGEST_FORM

    settings, _ = current()
    if settings.console_port:
        _check_free(settings.host, settings.console_port)
    _serve("console", create_app, lambda _: LARGEST_FORM, most=4)


def worker() -> None:
    """Run one worker: ingest, processes, relay and projection. Any number may share a database."""
    import asyncio

    from suture.bootstrap.composition import check_database, foundation
    from suture.bootstrap.monitor import monitored
    from suture.bootstrap.presence import present
    from suture.bootstrap.worker import work

    settings, secrets = _begin("worker")

    async def run() -> None:
        async with (
            foundation(settings, secrets, patience=_PATIENCE_SECONDS, client=WORKER) as base,
            monitored(base, "worker"),
        ):
            await check_database(base)
            task = asyncio.ensure_future(work(base))
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with suppress(asyncio.CancelledError):
                async with present(base, "worker"):
                    await task

    uvloop.run(run())


def _begin(role: str) -> tuple[Settings, Secrets]:
    settings, secrets = current()
    collect_rarely()
    configure_logs(settings.log_level, role)
    if settings.otlp_endpoint:
        tracing.configure(settings.otlp_endpoint, settings.trace_ratio, role, version("suture"))
        atexit.register(tracing.shutdown)
    return settings, secrets


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that processes may share: the kernel spreads connections over several gateways.

    The protocol is named, or asyncio would leave Nagle's algorithm on and answers would wait 40 ms.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UserError(f"can't listen on {host}:{port}: {error.strerror}") from error
    listener.listen(1024)
    return listener


def _serve(
    role: str, create_app: Callable[..., ASGIApp], largest_body: Callable[[Catalogue], int], *, most: int
) -> None:
    from suture.bootstrap.bounds import Bounds
    from suture.bootstrap.composition import check_database, foundation
    from suture.bootstrap.monitor import monitored
    from suture.bootstrap.presence import present
    from suture.bootstrap.serving import DoorServer
    from suture.store.sealing import WrongMasterKey

    settings, secrets = _begin(role)
    settings = _with_ports(settings)
    port: int = getattr(settings, f"{role}_port")

    async def run() -> None:
        async with foundation(settings, secrets, most=most, patience=_PATIENCE_SECONDS) as base, monitored(base, role):
            try:
                await check_database(base)
            except WrongMasterKey as error:
                if role != "gateway":
                    raise
                out.print(str(error), markup=False)  # and every sender is told to come again: 503, not ready
            bounds = Bounds(body_bytes=largest_body(base.catalogue) + _MARGIN_BYTES)
            with _listen(settings.host, port) as listener:
                if role == "console":
                    out.print(f"Console   http://{settings.host}:{listener.getsockname()[1]}/")
                async with present(base, role):
                    await DoorServer(create_app(base), bounds).serve(sockets=[listener])

    uvloop.run(run())
    sys.exit(0)
