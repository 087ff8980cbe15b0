"""One signed webhook (Standard Webhooks), to an address that is looked at before and while it is resolved."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import aiohttp
import msgspec

from suture.access.signatures import sign
from suture.connectors.http import retry_after
from suture.outbound.addresses import AddressRefused, PublicResolver, check_url

_TIMEOUT_SECONDS = 15.0


class Answered(msgspec.Struct, frozen=True):
    """What a receiver answered: a status, or 0 where there was none. `wait` is how long it asks to be left alone."""

    status: int
    words: str
    wait: timedelta | None = None

    @property
    def took_it(self) -> bool:
        return 200 <= self.status < 300


@asynccontextmanager
async def calling_out(*, private: bool, abreast: int = 16) -> AsyncIterator[aiohttp.ClientSession]:
    """What webhooks are sent by. Names lead to public addresses only, unless `private`."""
    connector = aiohttp.TCPConnector(limit=abreast, resolver=None if private else PublicResolver())
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        yield http


async def post(
    http: aiohttp.ClientSession,
    url: str,
    keys: Sequence[bytes],
    *,
    number: str,
    body: bytes,
    kind: str,
    now: datetime,
    private: bool,
) -> Answered:
    """Send `body` under an id, signed by every key. Sent again, it has the same id, by which a receiver knows it."""
    stamp = f"{now.timestamp():.0f}"
    headers = {
        "content-type": kind,
        "user-agent": "Suture-Webhooks/1",
        "webhook-id": number,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(sign(key, number, stamp, body) for key in keys),
    }
    try:
        check_url(url, private=private)  # a literal address never comes to the resolver
        async with http.post(url, data=body, headers=headers, allow_redirects=False) as response:
            with suppress(aiohttp.ClientError):
                await response.content.read(1024)
            return Answered(response.status, str(response.status), retry_after(response.headers))
    except (AddressRefused, aiohttp.ClientError, TimeoutError, OSError) as error:
        return Answered(0, type(error).__name__)
