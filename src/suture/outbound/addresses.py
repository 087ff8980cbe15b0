"""Where webhooks may go: nowhere inside, unless the deployment allows it. An address is looked at when it is used, too:
a name may come to mean another one."""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_LONGEST = 2000


class AddressRefused(ValueError):
    """A webhook can't go there. The message says why."""


def check_url(url: str, *, private: bool) -> None:
    """Raises `AddressRefused` for what is no address for a webhook. With `private`, plain HTTP and addresses inside are
    allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused("it is no URL") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or len(url) > _LONGEST or not url.isascii():
        raise AddressRefused("it is no URL of a web server")
    if parts.username or parts.password or parts.fragment:
        raise AddressRefused("it holds a user name, a password or a fragment")
    if private:
        return
    if parts.scheme != "https" or port not in (None, 443, 8443):
        raise AddressRefused("it is not https on port 443 or 8443")
    if parts.hostname == "localhost" or _inside(parts.hostname):
        raise AddressRefused("it is inside")


def _inside(host: str) -> bool:
    """Whether a literal address is not a public one. A name is looked at when it is resolved."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: list[Any] = await self._resolver.resolve(host, port, family)
        if any(_inside(one["host"]) for one in found):
            raise OSError("the name leads inside")
        return found

    async def close(self) -> None:
        await self._resolver.close()
