"""An internet of the tests' own: names and public addresses that lead to servers on loopback.

Both ends of the guarded fetch are real: the checks see public addresses, and bytes go over real
connections. Only what lies between, the look-up and the routing, is these tests', and it remembers
what it was asked for.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Any

from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from retrieval.domain import Observe, ignore_observation
from retrieval.image_fetch.addresses import Address
from retrieval.image_fetch.connecting import public_tls
from retrieval.image_fetch.fetcher import GuardedImageFetcher
from retrieval.image_fetch.hosts import HostRule, any_host
from retrieval.permits import ByteBudget

PUBLIC = "93.184.216.34"
PUBLIC_TOO = "93.184.216.35"
PUBLIC_V6 = "2606:2800:220:1:248:1893:25c8:1946"

_TLS = cache(public_tls)

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Answers one request, given its head."""


@dataclass
class Internet(AsyncNetworkBackend):
    """``names`` holds the answers to each name's look-ups in turn, the last one for good;
    ``routes`` says which port of loopback stands for an address and a port."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    routes: dict[tuple[str, int], int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    buffered: ByteBudget = field(default_factory=lambda: ByteBudget(256 << 20))
    observed: list[tuple[str, str]] = field(default_factory=list)

    async def resolve(self, name: str) -> list[Address]:
        self.asked.append(name)
        answers = self.names.get(name)
        if not answers:
            raise OSError(f"no such name: {name}")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(text) for text in found]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        self.dialled.append((host, port))
        if (host, port) not in self.routes:
            raise ConnectError("nobody is there")
        return await AnyIOBackend().connect_tcp(
            "127.0.0.1", self.routes[host, port], timeout=timeout
        )

    def _observe(self, dependency: str, outcome: str, seconds: float) -> None:
        self.observed.append((dependency, outcome))

    def fetcher(
        self,
        may_ask: HostRule = any_host,
        *,
        budget_s: float = 5.0,
        tls: ssl.SSLContext | None = None,
        observe: Observe = ignore_observation,
    ) -> GuardedImageFetcher:
        """The real fetcher, in this internet."""

        def both(dependency: str, outcome: str, seconds: float) -> None:
            self._observe(dependency, outcome, seconds)
            observe(dependency, outcome, seconds)

        return GuardedImageFetcher(
            may_ask,
            self.resolve,
            self,
            tls or _TLS(),
            self.buffered,
            budget_s=budget_s,
            observe=both,
        )

    @asynccontextmanager
    async def host(
        self,
        answer: Handler,
        *,
        name: str = "shop.example",
        address: str = PUBLIC,
        port: int = 80,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator[None]:
        """A host of this internet, while the block runs."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await answer(head, writer)
                await writer.drain()
            except (OSError, asyncio.IncompleteReadError):
                pass  # the other end has gone
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        self.names.setdefault(name, [[address]])
        self.routes[address, port] = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            del self.routes[address, port]
            server.close()


def sends(content: bytes, *headers: str, status: str = "200 OK", length: bool = True) -> Handler:
    """Answers everybody with this body."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(content)}")
    head = "\r\n".join([*lines, "", ""]).encode()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head + content)

    return answer


def redirects(location: str, status: str = "302 Found") -> Handler:
    """Sends everybody elsewhere."""
    return sends(b"", f"Location: {location}", status=status)
