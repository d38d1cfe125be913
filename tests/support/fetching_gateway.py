"""``python -m tests.support.fetching_gateway ADDRESS=NAME:PORT ...``: the gateway in an internet of
these tests.

Names of hosts resolve to the public addresses given, and what is sent to port 80 of one arrives at
that port of loopback; any other name is nobody's. The fetch and its checks are the real ones.
"""

import sys

from gateway import __main__ as gateway
from gateway import wiring
from retrieval.image_fetch.addresses import Address
from tests.support.internet import Internet


class _Resolver:
    """In the place of the system's."""

    def __init__(self, internet: Internet) -> None:
        self._internet = internet

    async def __call__(self, name: str) -> list[Address]:
        return await self._internet.resolve(name)

    def close(self) -> None:
        pass


def place(name: str, address: str, port: int) -> str:
    """The argument for a host of this name at a public address, served at a port of loopback."""
    return f"{address}={name}:{port}"


def internet_of(places: list[str]) -> Internet:
    internet = Internet()
    for one in places:
        address, _, served = one.partition("=")
        name, _, port = served.partition(":")
        internet.names[name] = [[address]]
        internet.routes[address, 80] = int(port)
    return internet


def main(places: list[str]) -> int:
    internet = internet_of(places)
    setattr(wiring, "SystemResolver", lambda: _Resolver(internet))  # noqa: B010
    setattr(wiring, "AnyIOBackend", lambda: internet)  # noqa: B010
    return gateway.main([])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
