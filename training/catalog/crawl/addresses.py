"""No connection to a private address, whatever a name resolves to.

Twisted connects to the very addresses that the reactor's resolver yields, one resolution for each
connection. So what is taken out here cannot be reached: neither by a redirect, nor by an address
written as a number, nor by a name that changes its address between a check and the connection.
"""

import ipaddress
import logging
from collections.abc import Sequence
from typing import Any, Final

from scrapy.crawler import Crawler
from scrapy.resolver import CachingHostnameResolver
from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

ALLOWED_SETTING: Final = "CATALOG_ALLOWED_ADDRESSES"
"""List of ``ip:port`` that may be reached although they are private."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_log = logging.getLogger(__name__)


def is_public(host: str) -> bool:
    """Whether an IP address belongs to the public internet, with those wrapped in IPv6 unwrapped.

    Raises `ValueError` for what is no IP address.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None:
            return False
        if inner is not None:
            return is_public(str(inner))
        if address.is_site_local:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Hands on the addresses that may be reached."""

    def __init__(self, receiver: Any, host: str, resolver: "PublicResolver") -> None:
        self._receiver, self._host, self._resolver = receiver, host, resolver

    def resolutionBegan(self, resolution: IHostResolution) -> None:  # noqa: N802
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        if self._resolver.may_reach(address.host, address.port):
            self._receiver.addressResolved(address)
        else:
            self._resolver.refused.add(self._host)
            _log.warning("%s resolves to %s: not reached", self._host, address)

    def resolutionComplete(self) -> None:  # noqa: N802
        self._receiver.resolutionComplete()


@implementer(IHostnameResolver)
class PublicResolver(CachingHostnameResolver):
    """Scrapy's resolver without private addresses (setting `TWISTED_DNS_RESOLVER`)."""

    refused: set[str]
    """Hosts of which an address was taken out."""
    allowed: frozenset[tuple[str, int]]

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: ReactorBase) -> "PublicResolver":
        resolver: PublicResolver = super().from_crawler(crawler, reactor)
        allowed = (each.rpartition(":") for each in crawler.settings.getlist(ALLOWED_SETTING))
        resolver.allowed = frozenset((host.strip("[]"), int(port)) for host, _, port in allowed)
        resolver.refused = set()
        return resolver

    def may_reach(self, host: str, port: int) -> bool:
        """Whether a connection may be made."""
        return is_public(host) or (host, port) in self.allowed

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: IResolutionReceiver,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> IHostResolution:
        receiver: Any = _PublicOnly(resolutionReceiver, hostName, self)
        return super().resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )
