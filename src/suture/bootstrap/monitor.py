"""A role's own small door for whoever watches it: metrics, and whether it lives and is ready. Bound to the host that
the settings name, on a port of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from aiohttp import web

from suture.bootstrap.composition import Foundation, check_database
from suture.store.database import DATABASE_AWAY
from suture.store.sealing import WrongMasterKey
from suture.store.version import SchemaOutdated
from suture.telemetry import metrics
from suture.views.metering import Meter

log = structlog.get_logger()

_PATIENCE_SECONDS = 1.0


async def missing(base: Foundation) -> dict[str, str]:
    """What a role needs and hasn't, by part; asked for at most a second."""
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await check_database(base)
    except SchemaOutdated as error:
        found["schema"] = str(error)
    except WrongMasterKey as error:
        found["master key"] = str(error)
    except (*DATABASE_AWAY, TimeoutError) as error:
        found["database"] = type(error).__name__
    return found


async def readiness(base: Foundation, role: str) -> dict[str, object]:
    """Whether a role can do its work, as it says it of itself."""
    lacking = await missing(base)
    return {"role": role, "ready": not lacking, "missing": lacking}


@asynccontextmanager
async def monitored(base: Foundation, role: str) -> AsyncIterator[None]:
    """Serve the door, where the settings give it a port."""
    if not base.settings.metrics_port:
        yield
        return
    runner = web.AppRunner(_application(base, role), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, base.settings.host, base.settings.metrics_port)
    try:
        await site.start()
    except OSError as error:  # whoever watches sees that it is gone; the work goes on
        log.error("monitor_not_served", port=base.settings.metrics_port, error_type=type(error).__name__)
    try:
        yield
    finally:
        await runner.cleanup()


def _application(base: Foundation, role: str) -> web.Application:
    meter = Meter(base.database, base.catalogue, base.clock) if role == "worker" else None

    async def expose(_: web.Request) -> web.Response:
        if meter is not None:
            with suppress(*DATABASE_AWAY, TimeoutError):  # what is counted here is told all the same
                async with asyncio.timeout(5):
                    await meter.refresh()
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def live(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(_: web.Request) -> web.Response:
        told = await readiness(base, role)
        return web.json_response(told, status=200 if told["ready"] else 503)

    application = web.Application()
    application.add_routes(
        [web.get("/metrics", expose), web.get("/health/live", live), web.get("/health/ready", ready)]
    )
    return application
