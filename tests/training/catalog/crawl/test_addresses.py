"""Private addresses are not reached, however a name hides them."""

from typing import Any

import pytest
from scrapy.resolver import dnscache
from twisted.internet.address import IPv4Address, IPv6Address

from catalog.crawl.addresses import PublicResolver, is_public


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("239.255.255.250", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0"),
        *("fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "2001:db8::1"),
    ],
)
def test_addresses_that_are_not_public(host: str) -> None:
    assert not is_public(host)


@pytest.mark.parametrize("host", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_that_are(host: str) -> None:
    assert is_public(host)


class _Names:
    """A name server that gives the next of its answers each time."""

    def __init__(self, *answers: list[Any]) -> None:
        self._answers = list(answers)

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *_: Any) -> Any:  # noqa: N802, N803
        receiver.resolutionBegan(self)
        for address in self._answers.pop(0):
            receiver.addressResolved(address)
        receiver.resolutionComplete()
        return self


class _Receiver:
    def __init__(self) -> None:
        self.addresses: list[Any] = []
        self.complete = False

    def resolutionBegan(self, _: Any) -> None:  # noqa: N802
        pass

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        self.addresses.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        self.complete = True


class _Reactor:
    def __init__(self, names: _Names) -> None:
        self.nameResolver = names


class _Crawler:
    def __init__(self, *allowed: str) -> None:
        from scrapy.settings import Settings

        self.settings = Settings(
            {"CATALOG_ALLOWED_ADDRESSES": list(allowed), "DNSCACHE_ENABLED": False}
        )


def _resolver(names: _Names, *allowed: str) -> PublicResolver:
    dnscache.clear()
    crawler: Any = _Crawler(*allowed)
    reactor: Any = _Reactor(names)
    return PublicResolver.from_crawler(crawler, reactor)


def _resolve(resolver: PublicResolver, port: int = 443) -> list[str]:
    receiver: Any = _Receiver()
    resolver.resolveHostName(receiver, "shop.example", port)
    assert receiver.complete
    return [address.host for address in receiver.addresses]


def test_a_name_that_turns_private_between_two_connections() -> None:
    names = _Names([IPv4Address("TCP", "1.1.1.1", 443)], [IPv4Address("TCP", "127.0.0.1", 443)])
    resolver = _resolver(names)
    assert _resolve(resolver) == ["1.1.1.1"]
    assert resolver.refused == set()
    assert _resolve(resolver) == []
    assert resolver.refused == {"shop.example"}


def test_of_several_addresses_the_public_ones_remain() -> None:
    names = _Names(
        [
            IPv4Address("TCP", "10.0.0.1", 443),
            IPv6Address("TCP", "::1", 443),
            IPv4Address("TCP", "1.1.1.1", 443),
        ]
    )
    assert _resolve(_resolver(names)) == ["1.1.1.1"]


def test_an_allowed_address_is_allowed_on_its_port_alone() -> None:
    loopback = [IPv4Address("TCP", "127.0.0.1", 8000)], [IPv4Address("TCP", "127.0.0.1", 8001)]
    resolver = _resolver(_Names(*loopback), "127.0.0.1:8000")
    assert _resolve(resolver, 8000) == ["127.0.0.1"]
    assert _resolve(resolver, 8001) == []
