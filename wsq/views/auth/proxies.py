"""Who sent a request: its connection's peer or, if that is a trusted proxy, the client that the proxy reports."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from wsq.settings import VARIABLES

log = logging.getLogger(__name__)

REPORTED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto")
"""Headers in which a proxy reports what it was asked for; other names for the same are never believed."""

NOT_BELIEVED = (*REPORTED, "X-Real-Ip", "X-Scheme", "Forwarded")


class Sender(NamedTuple):
    """The client of a request: its address, and the scheme that its browser uses, ``http`` or ``https``."""

    address: str
    scheme: str


class Proxies:
    """The networks whose reports are believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ip_network(each) for each in networks]
        self._is_noted = False

    def trusts(self, address: str) -> bool:
        """Whether an address belongs to a trusted proxy."""
        known = _parsed(address)
        return known is not None and any(known in network for network in self._networks)

    def sender(self, peer: str, headers: MutableMapping[str, str]) -> Sender:
        """Return the client of a request, and remove reports that are not believed from its headers.

        Of the addresses in ``X-Forwarded-For``, each proxy has added the one that it saw: the last one that is no
        trusted proxy is the client, and those before it may be forged.
        """
        if not self.trusts(peer):
            self._drop(peer, headers)
            return Sender(peer, "http")
        client = peer
        for each in reversed(headers.get("X-Forwarded-For", "").split(",")):
            reported = _parsed(each.strip())
            if reported is None:
                break
            client = str(reported)
            if not self.trusts(client):
                break
        scheme = headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()  # the first is the browser's
        return Sender(client, "https" if scheme == "https" else "http")

    def _drop(self, peer: str, headers: MutableMapping[str, str]) -> None:
        found = [name for name in NOT_BELIEVED if name in headers]
        for name in found:
            del headers[name]
        if found and not self._is_noted:  # once: whoever wants to can send them
            self._is_noted = True
            log.warning(
                "%s from %s is not believed. If that is your proxy, add its network to %s.",
                *(found[0], peer, VARIABLES["trusted_proxies"]),
                extra={"action": "server.proxy"},
            )


def network_of(address: str, bits: int = 64) -> str:
    """Return an address, or for IPv6 its network of so many bits: one household has 2⁶⁴ addresses or more."""
    known = _parsed(address)
    if isinstance(known, IPv6Address):
        return str(IPv6Network((int(known) >> (128 - bits) << (128 - bits), bits)))
    return str(known or address)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Return an address; one of IPv4 that is written as IPv6, as some proxies do, as what it is."""
    try:
        known = ip_address(address)
    except ValueError:
        return None
    return (known.ipv4_mapped or known) if isinstance(known, IPv6Address) else known
