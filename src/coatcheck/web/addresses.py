"""The address that a request comes from."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

from coatcheck.web.dependencies import config_of

#: Bits of an IPv6 address that name a network: the rest its owner chooses.
_NETWORK = 64


def address_of(request: Request) -> str:
    """An IPv4 address, or an IPv6 network; empty where nobody knows.

    Of X-Forwarded-For, which is believed only where the proxy is, the last: the proxy wrote it, the client the others.
    """
    peer = request.client.host if request.client else ""
    if config_of(request).forwarded_allow and (
        told := ",".join(request.headers.getlist("x-forwarded-for"))
    ):
        return _network(told.rpartition(",")[2].strip()) or _network(peer)
    return _network(peer)


def _network(text: str) -> str:
    try:
        address = ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, _NETWORK), strict=False))
    return str(address)
