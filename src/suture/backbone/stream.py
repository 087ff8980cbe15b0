"""The stream that every recorded event goes to, and a connection that comes back by itself."""

import asyncio
import ssl
import time
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from suture.backbone.names import STREAM, SUBJECTS

DUPLICATES_WINDOW = 3600.0
_ELECTION_SECONDS = 20.0
_ELECTION_PAUSE = 0.5
_CALL_SECONDS = 5
_CONNECT_SECONDS = 8.0

BACKBONE_AWAY = (Error, OSError, TimeoutError)
"""What nats-py raises when the backbone is away or too slow; the event stays unpublished and is tried again."""


def going_on() -> bool:
    """True, or `asyncio.CancelledError` where this task was cancelled before: nats-py swallows that now and then, and
    a loop that didn't ask would never end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True


class NoLeader(Error):
    """The backbone's cluster is choosing who leads the stream."""


async def connect(url: str, name: str) -> Client:
    """A connection that reconnects for ever, to any of the addresses in `url`.

    Raises one of `BACKBONE_AWAY` when none can be reached within seconds. A server that is silent for a while counts as
    gone. With ``tls://`` the server proves who it is, or is not spoken to: nothing is sent in the clear.
    """
    told = [one.strip() for one in url.split(",")]
    addresses = [urlsplit(one if "://" in one else f"nats://{one}") for one in told]
    encrypted = any(one.scheme == "tls" for one in addresses)

    reasons: list[Exception] = []

    async def quiet(reason: Exception) -> None:
        """nats-py would print each reconnect attempt's traceback; the relay says once that the backbone is away."""
        if isinstance(reason, BACKBONE_AWAY):
            reasons[:] = [reason]

    options: dict[str, Any] = _who(addresses[0]) | {
        "name": name,
        "tls": ssl.create_default_context() if encrypted else None,
        "connect_timeout": 5,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.5,
        "ping_interval": 3,
        "max_outstanding_pings": 2,
        "error_cb": quiet,
    }
    servers = [f"{one.scheme}://{one.netloc.rpartition('@')[2]}" for one in addresses]
    client = _Encrypted() if encrypted else Client()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await client.connect(servers, **options)
    except BaseException as error:
        await client.close()
        if isinstance(error, TimeoutError) and reasons:  # it would try for ever: why it didn't succeed says more
            raise reasons[0] from error
        raise
    return client


class Unencrypted(Error):
    """The server that a ``tls://`` address names offers no TLS."""


class _Encrypted(Client):
    """Goes on only where the server begins TLS: nats-py itself would send its credentials in the clear."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and not info.get("tls_required"):
            raise Unencrypted
        await super()._process_info(info, initial_connection)


def _who(address: SplitResult) -> dict[str, str]:
    """Credentials apart from the address: servers that are found by way of another one are spoken to by them too."""
    if address.username and address.password is not None:
        return {"user": unquote(address.username), "password": unquote(address.password)}
    return {"token": unquote(address.username)} if address.username else {}


async def ensure_stream(client: Client, replicas: int = 1) -> JetStreamContext:
    """The JetStream context, with our stream in place, kept in at least `replicas` copies.

    A cluster that is electing its leaders is given time. Raises one of `BACKBONE_AWAY` when it doesn't come to that.
    """
    jetstream = client.jetstream(timeout=_CALL_SECONDS)
    deadline = time.monotonic() + _ELECTION_SECONDS
    while True:
        try:
            await _put_in_place(jetstream, replicas)
            return jetstream
        except BACKBONE_AWAY:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_ELECTION_PAUSE)


async def _put_in_place(jetstream: JetStreamContext, replicas: int) -> None:
    """Copies are only ever added: that there are fewer than before is an operator's decision, not a setting's."""
    try:
        info = await jetstream.stream_info(STREAM)
    except NotFoundError:
        info = await jetstream.add_stream(_config(replicas))
    if (info.config.num_replicas or 1) < replicas:
        info = await jetstream.update_stream(info.config.evolve(num_replicas=replicas))
    if not _led(info):
        raise NoLeader


def _led(info: StreamInfo) -> bool:
    """A server that stands alone names no cluster's leader."""
    return info.cluster is None or info.cluster.name is None or bool(info.cluster.leader)


def _config(replicas: int) -> StreamConfig:
    return StreamConfig(
        name=STREAM,
        subjects=[SUBJECTS],
        storage=StorageType.FILE,
        duplicate_window=DUPLICATES_WINDOW,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
    )
