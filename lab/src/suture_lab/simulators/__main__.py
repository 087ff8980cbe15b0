"""``python -m suture_lab.simulators {scheduling|billing|odoo}``: one simulated system in its own process.

Prints one line of JSON with the port once it is ready, then nothing. SIGTERM or Ctrl-C ends it.
Secrets come from the environment variables that the options name, never from the command line.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop
from starlette.types import ASGIApp

from suture_lab.simulators.billing.app import ADJUDICATION_DELAY_S
from suture_lab.simulators.clinic.day import ClinicDay, read_day
from suture_lab.simulators.faults import PRESETS, FaultInjection, Faults
from suture_lab.simulators.serving import serving
from suture_lab.simulators.webhooks import WebhookTarget


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    faults = Faults(PRESETS[options.faults], options.seed)
    app = FaultInjection(APPS[options.system](options, faults), faults)
    uvloop.run(_serve(app, options))


async def _serve(app: ASGIApp, options: argparse.Namespace) -> None:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    async with serving(app, host=options.host, port=options.port) as url:
        ready = {"system": options.system, "port": int(url.rpartition(":")[2]), "url": url, "pid": os.getpid()}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await asked_to_stop.wait()


def _scheduling(options: argparse.Namespace, faults: Faults) -> ASGIApp:
    from suture_lab.simulators.scheduling import create_app

    return create_app(_day(options), token=_secret(options.token_env), webhook=_webhook(options), faults=faults)


def _billing(options: argparse.Namespace, faults: Faults) -> ASGIApp:
    from suture_lab.simulators.billing import create_app

    return create_app(
        _day(options),
        token=_secret(options.token_env),
        webhook=_webhook(options),
        faults=faults,
        adjudication_delay=options.adjudication_delay,
    )


def _odoo(options: argparse.Namespace, _: Faults) -> ASGIApp:
    from suture_lab.simulators.odoo import create_app

    keys = {_secret(options.token_env): options.login}
    return create_app(database=options.database, version=options.odoo_version, api_keys=keys)


APPS: dict[str, Callable[[argparse.Namespace, Faults], ASGIApp]] = {
    "scheduling": _scheduling,
    "billing": _billing,
    "odoo": _odoo,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m suture_lab.simulators", description="Runs one simulated system.")
    parser.add_argument("system", choices=APPS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--faults", choices=PRESETS, default="none")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--token-env", required=True, help="variable that holds the bearer token or Odoo API key")
    parser.add_argument("--day", type=Path, help="the clinic's day (JSON); scheduling and billing need it")
    parser.add_argument("--webhook-url", help="where notices go; scheduling and billing need it")
    parser.add_argument("--webhook-secret-env", help="variable that holds the whsec_ secret")
    parser.add_argument("--adjudication-delay", type=float, default=ADJUDICATION_DELAY_S, help="seconds; billing")
    parser.add_argument("--database", default="suture", help="odoo")
    parser.add_argument("--odoo-version", type=int, choices=(17, 19), default=19, help="odoo")
    parser.add_argument("--login", default="suture", help="whose API key it is; odoo")
    return parser


def _day(options: argparse.Namespace) -> ClinicDay:
    if options.day is None:
        raise SystemExit(f"{options.system} needs --day")
    return read_day(options.day)


def _webhook(options: argparse.Namespace) -> WebhookTarget:
    if options.webhook_url is None or options.webhook_secret_env is None:
        raise SystemExit(f"{options.system} needs --webhook-url and --webhook-secret-env")
    return WebhookTarget(options.webhook_url, _secret(options.webhook_secret_env))


def _secret(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise SystemExit(f"the environment has no {name}") from None


if __name__ == "__main__":
    main()
