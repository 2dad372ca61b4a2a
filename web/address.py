"""Where a request comes from: whom limits count that are not about a user.

What a proxy of ours says about its client is believed, and nobody else: anybody can send an
`X-Forwarded-For`. Each proxy appends whom it heard, so the header is read from its end, for as long
as who says so is one of ours.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import hdrs, web

from ticketing.settings_values import Network

__all__ = ["client_of", "neighbourhood"]

# What a provider gives one customer, who may use any address in it; RFC 6177.
_IPV6_CUSTOMER_BITS: Final = 64

_UNKNOWN: Final = "unknown"
"""Who comes over something that has no addresses; they are counted as one."""


def client_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """Whom to count for *request*, given the networks of our own proxies."""
    forwarded = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ()))
    return neighbourhood(request.remote or "", forwarded, trusted)


def neighbourhood(remote: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The client's address; of an IPv6 address the network, which is one customer's."""
    address = _parsed(remote)
    for said in reversed(forwarded.split(",")):
        if address is None or not any(address in network for network in trusted):
            break
        before = _parsed(said)
        if before is None:
            break  # Our own proxy is as far as we can see.
        address = before
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _IPV6_CUSTOMER_BITS), strict=False))
    return _UNKNOWN if address is None else str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    host = text.strip()
    if host.startswith("["):  # [2001:db8::1]:443
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:  # 192.0.2.1:443
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    # A socket that hears both families shows IPv4 addresses as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
