"""Where webhooks may go: nowhere inside, unless the deployment allows it. An address is looked at when it is used, too:
a name may come to mean another one."""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_LONGEST = 2000
# What carries an IPv4 address, and how many bits stand behind it: NAT64 (RFC 6052), 6to4, IPv4-compatible.
_CARRIERS = tuple(
    (ipaddress.IPv6Network(network), behind)
    for network, behind in (("64:ff9b::/96", 0), ("2002::/16", 80), ("::/96", 0))
)
# What Python counts as global, or did in some release, and no webhook may reach: multicast, relays, link-local,
# site-local, Teredo, and the NAT64 of one's own network (RFC 8215), where the place of the IPv4 address is not known.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("224.0.0.0/4", "192.88.99.0/24", "169.254.0.0/16", "0.0.0.0/8"),
        *("ff00::/8", "fec0::/10", "fe80::/10", "2001::/32", "64:ff9b:1::/48"),
    )
)


class AddressRefused(ValueError):
    """A webhook can't go there. The message says why."""


def check_url(url: str, *, private: bool) -> None:
    """Raises `AddressRefused` for what is no address for a webhook. With `private`, plain HTTP and addresses inside are
    allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused("it is not a URL") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or len(url) > _LONGEST or not url.isascii():
        raise AddressRefused("it is not the URL of a web server")
    if parts.username or parts.password or parts.fragment:
        raise AddressRefused("it holds a user name, a password or a fragment")
    if private:
        return
    if parts.scheme != "https" or port not in (None, 443, 8443):
        raise AddressRefused("it is not https on port 443 or 8443")
    check_host(parts.hostname)


def check_host(host: str) -> None:
    """Raises `AddressRefused` for a host that is inside, however it is written. A name is looked at when resolved."""
    name = host.lower().rstrip(".")
    if not name or "%" in name or "\\" in name:
        raise AddressRefused("its host is written in a form that programs interpret differently")
    if name == "localhost" or name.endswith(".localhost"):
        raise AddressRefused("it is an internal address")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        if _is_odd_ipv4(name):
            raise AddressRefused("its IPv4 address is not written as four decimal numbers") from None
        return
    if _inside(address):
        raise AddressRefused("it is an internal address")


def _is_odd_ipv4(name: str) -> bool:
    """Whether the system's resolver would take this for an address: short, octal, hexadecimal, or one number."""
    try:
        socket.inet_aton(name)
    except (OSError, ValueError):
        return False
    return True


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address, or the IPv4 address it carries, is not a public one."""
    if isinstance(address, ipaddress.IPv6Address) and (carried := _carried(address)) is not None:
        return _inside(carried)
    return not address.is_global or any(address in network for network in _NEVER)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, behind in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address((int(address) >> behind) & 0xFFFFFFFF)
    return None


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only. The connection is made to what is answered here, so nothing can change
    between the look and the use."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: list[Any] = await self._resolver.resolve(host, port, family)
        if any(_inside(ipaddress.ip_address(one["host"])) for one in found):
            raise OSError("the name resolves to an internal address")
        return found

    async def close(self) -> None:
        await self._resolver.close()
