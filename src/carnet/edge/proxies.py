"""Which proxies are believed. A server behind a proxy takes its word for who asks, and that it was over TLS: so it
listens at loopback, or lets in nobody but the proxies that are named."""

import ipaddress
from collections.abc import Iterable

from carnet.errors import UsageError

LOOPBACK = frozenset({"127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def believed(named: Iterable[str], *, behind_proxy: bool, hosts: Iterable[str]) -> frozenset[str]:
    """The addresses that are let in; none are named where anybody is.

    `hosts`: where the server listens. Raises UsageError where it could be told lies.
    """
    proxies = frozenset(_written(each) for each in named)
    if not behind_proxy:
        if proxies:
            raise UsageError("A proxy is named, but the server is not behind one.", "Leave --proxy out.")
        return frozenset()
    for host in hosts:
        if not proxies and not is_loopback(host):
            raise UsageError(
                f"At {host} any machine could pass for the proxy.",
                "Listen at 127.0.0.1; or name the proxy's address: --proxy ADDRESS. No other machine is let in then.",
            )
    return proxies or LOOPBACK


def plain(host: str) -> str:
    """An address of IPv4 that comes in the clothes of IPv6, as it is."""
    found = ipaddress.ip_address(host.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _written(address: str) -> str:
    try:
        return plain(address)
    except ValueError:
        raise UsageError(f"“{address}” is not an IP address.", "Write one, such as 10.0.0.5.") from None
