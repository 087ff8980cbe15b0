"""The stream that every recorded event goes to, and a connection that comes back by itself."""

import nats
from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig

STREAM = "SUTURE"
SUBJECTS = "suture.>"
_DUPLICATES_WINDOW = 3600.0

BACKBONE_AWAY = (Error, OSError, TimeoutError)
"""What nats-py raises when the backbone is away or too slow; the event stays unpublished and is tried again."""


async def connect(url: str, name: str) -> Client:
    """A connection that reconnects for ever. Raises one of `BACKBONE_AWAY` when the server can't be reached now."""

    async def quiet(_: Exception) -> None:
        """nats-py would print each reconnect attempt's traceback; the relay says once that the backbone is away."""

    return await nats.connect(
        url, name=name, connect_timeout=5, max_reconnect_attempts=-1, reconnect_time_wait=1, error_cb=quiet
    )


async def ensure_stream(client: Client) -> JetStreamContext:
    """The JetStream context, with our stream in place."""
    jetstream = client.jetstream(timeout=5)
    await jetstream.add_stream(
        StreamConfig(name=STREAM, subjects=[SUBJECTS], storage=StorageType.FILE, duplicate_window=_DUPLICATES_WINDOW)
    )
    return jetstream
