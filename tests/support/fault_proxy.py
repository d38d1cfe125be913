"""A TCP proxy before a real server, whose way can go bad and come right again.

What is sent passes unharmed; what comes back may be late, stalled, slow or garbled, and connections
may be cut, reset or refused. The proxy's port stays the same throughout, so whoever uses it has to
find the server again by itself.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Final

_PIECE_BYTES: Final = 1 << 16
_DRIP_S: Final = 0.05
_HOST: Final = "127.0.0.1"


class FaultProxy:
    """Relays connections to a port of this machine.

    Args:
        port: of the server, which need not run yet.

    Attributes:
        port: of the proxy, while it relays.
        accepted: connections made through it so far.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.accepted = 0
        self._target = port
        self._listening: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay_s = 0.0
        self._bytes_a_second = 0
        self._garbage: bytes | None = None
        self._left_bytes: int | None = None

    @property
    def address(self) -> str:
        """``host:port`` for a client."""
        return f"{_HOST}:{self.port}"

    @contextlib.asynccontextmanager
    async def relaying(self) -> AsyncIterator["FaultProxy"]:
        """Relay for the duration of the block."""
        await self._listen()
        try:
            yield self
        finally:
            await self.refuse()
            for relay in self._relays:
                relay.cancel()
            await asyncio.gather(*self._relays, return_exceptions=True)

    # --- faults; each stays until `heal` ------------------------------------------------------

    async def heal(self) -> None:
        """Let everything through again; answers that were held come first."""
        self._delay_s, self._bytes_a_second = 0.0, 0
        self._garbage = self._left_bytes = None
        self._flowing.set()
        if self._listening is None:
            await self._listen()

    def delay(self, seconds: float) -> None:
        """Hold each piece of an answer back for so long."""
        self._delay_s = seconds

    def stall(self) -> None:
        """Hold all answers back, as a server that hangs; connections are taken as ever."""
        self._flowing.clear()

    def throttle(self, bytes_a_second: int) -> None:
        """Let answers drip."""
        self._bytes_a_second = bytes_a_second

    def garbage(self, content: bytes) -> None:
        """Replace each piece of an answer."""
        self._garbage = content

    def reset_after(self, count: int) -> None:
        """Reset each connection once so many bytes of answers have passed, all together."""
        self._left_bytes = count

    async def refuse(self) -> None:
        """Take no connections, and reset those that there are: nobody listens at the port."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            listening.close()
            self.reset()
            await listening.wait_closed()

    # --- at once ------------------------------------------------------------------------------

    def cut(self) -> None:
        """End all connections in good order (FIN), whatever they were in the midst of."""
        for writer in list(self._writers):
            writer.close()

    def reset(self) -> None:
        """Drop all connections without a farewell (RST), as a killed machine's peer sees it."""
        for writer in list(self._writers):
            _reset(writer)

    # ------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._begin, _HOST, self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        if self._listening is None:  # taken in the moment in which the port was closed
            _reset(writer)
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream, downstream = await asyncio.open_connection(_HOST, self._target)
        except OSError:
            _reset(writer)
            self._writers.discard(writer)
            return
        self._writers.add(downstream)
        if writer.is_closing():  # meanwhile
            _reset(downstream)
        try:
            await asyncio.gather(self._send(reader, downstream), self._answer(upstream, writer))
        finally:
            self._writers -= {writer, downstream}
            writer.close()
            downstream.close()

    async def _send(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE_BYTES):
                sink.write(piece)
                await sink.drain()
            sink.write_eof()

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE_BYTES):
                await self._flowing.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._pass(self._harmed(piece), sink)
                if self._left_bytes == 0:
                    _reset(sink)
        sink.close()

    def _harmed(self, piece: bytes) -> bytes:
        if self._garbage is not None:
            return self._garbage
        if self._left_bytes is not None:
            piece = piece[: self._left_bytes]
            self._left_bytes -= len(piece)
        return piece

    async def _pass(self, piece: bytes, sink: asyncio.StreamWriter) -> None:
        while piece:
            # Asked anew for each drop: `heal` lets the rest through at once.
            drop = max(1, int(self._bytes_a_second * _DRIP_S)) if self._bytes_a_second else None
            sink.write(piece[:drop])
            await sink.drain()
            if drop is None:
                return
            await asyncio.sleep(drop / self._bytes_a_second if self._bytes_a_second else 0)
            piece = piece[drop:]


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it is closed already
            # A close with a linger of no time sends RST (RFC 9293, 3.10.4 ABORT).
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
