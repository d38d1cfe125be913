"""Connections to addresses that were checked, for a client that believes to connect to a name."""

import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

import certifi
from httpcore2 import (
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
    RemoteProtocolError,
)

from retrieval.domain import Deadline
from retrieval.image_fetch.addresses import Address

MAX_TRIED: Final = 4
"""Addresses of one host that are tried; each gets its share of the time left."""

_READ_BYTES: Final = 16 << 10
"""Bytes handed to the parser at a time. It is written in Python and parses all it has before the
event loop gets its turn, so a host could stall the loop with many small things at once."""


def public_tls() -> ssl.SSLContext:
    """TLS as towards any public host: its certificate must be of a public authority and name it.

    The authorities come from a file of their own, not from the environment.
    """
    return ssl.create_default_context(cafile=certifi.where())


class PinnedBackend(AsyncNetworkBackend):
    """Connects to given addresses whatever the name is, and meters what comes back.

    The name is still what TLS asks for and checks the certificate against, since that happens on
    the connection that this gives.
    """

    def __init__(
        self,
        backend: AsyncNetworkBackend,
        addresses: Sequence[Address],
        deadline: Deadline,
        allowance_bytes: int,
    ) -> None:
        """``allowance_bytes`` is what may be read until `allow` says more."""
        self._backend = backend
        self._addresses = addresses[:MAX_TRIED]
        self._deadline = deadline
        self._allowance_bytes = allowance_bytes

    def allow(self, more_bytes: int) -> None:
        """Let the connection read so many more bytes."""
        self._allowance_bytes += more_bytes

    def spend(self, read_bytes: int) -> None:
        """Count bytes that were read. Raises RemoteProtocolError where these are too many."""
        self._allowance_bytes -= read_bytes
        if self._allowance_bytes < 0:
            raise RemoteProtocolError("more was sent than a picture needs")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """The first of the addresses that answers. Raises ConnectError, ConnectTimeout."""
        failure: ConnectError | ConnectTimeout = ConnectError("no address")
        for place, address in enumerate(self._addresses):
            share_s = self._deadline.remaining_s() / (len(self._addresses) - place)
            try:
                stream = await self._backend.connect_tcp(str(address), port, timeout=share_s)
            except (ConnectError, ConnectTimeout) as error:
                failure = error
            else:
                return _MeteredStream(stream, self)
        raise failure


class _MeteredStream(AsyncNetworkStream):
    """A stream that reads little at a time, and no more than it may."""

    def __init__(self, stream: AsyncNetworkStream, meter: PinnedBackend) -> None:
        self._stream = stream
        self._meter = meter

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        content = await self._stream.read(min(max_bytes, _READ_BYTES), timeout)
        self._meter.spend(len(content))
        return content

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> AsyncNetworkStream:
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _MeteredStream(stream, self._meter)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
