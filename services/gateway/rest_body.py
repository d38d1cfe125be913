"""Request bodies, read without trusting what their headers say about them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from fastapi import Request

from gateway.edge_parts import MAX_BUFFERED_BYTES
from gateway.rest_parse import FormShape, Parsed, media_type, parse
from retrieval.domain import Deadline
from retrieval.errors import (
    DeadlineExceeded,
    MalformedRequest,
    Reason,
    RequestTooLarge,
)
from retrieval.permits import ByteBudget

T = TypeVar("T")

_ON_LOOP_BYTES: Final = 64 << 10
"""Bodies up to this size are parsed on the event loop: a thread would cost more."""

_PIECE_BYTES: Final = 64 << 10
_THREADS: Final = 2
"""Bodies that are parsed at a time; the others wait."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What bodies may cost."""

    json_bytes: int = 14 << 20
    """A picture of 10 MiB in base64, and slack."""
    multipart_bytes: int = 11 << 20
    buffered_bytes: int = MAX_BUFFERED_BYTES
    """All bodies in memory at once, where nobody else counts them."""
    read_s: float = 30.0
    """Time that a caller has for sending a body: apart from the budget of the call itself, since
    a phone may need long for a picture."""


class Body:
    """The bytes of one request, to be parsed once."""

    def __init__(self, content_type: str, pieces: list[bytes], threads: Executor) -> None:
        self._content_type = content_type
        self._pieces = pieces
        self._threads = threads

    async def decode(self, form: FormShape, decode: Callable[[Parsed], T]) -> T:
        """Parse and decode, off the event loop where the body is large.

        Raises:
            MalformedRequest, UnsupportedMediaType, InvalidArgument.
        """
        pieces, self._pieces = self._pieces, []

        def work() -> T:
            return decode(parse(self._content_type, b"".join(pieces), form))

        if sum(map(len, pieces)) <= _ON_LOOP_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class BodyReader:
    """Reads bodies within limits. One for the whole edge: it counts the bytes in memory."""

    def __init__(self, limits: BodyLimits, buffered: ByteBudget | None = None) -> None:
        """``buffered`` counts bytes that come on other ways, too, in place of the limits' own."""
        self._limits = limits
        self._buffered = buffered or ByteBudget(limits.buffered_bytes)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bodies")

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        """The body of a request; its bytes count as buffered while the block runs.

        Raises:
            RequestTooLarge: by its length as declared, or as really read.
            Overloaded: too many bytes of other requests are in memory.
            DeadlineExceeded: the caller sends too slowly.
            MalformedRequest, UnsupportedMediaType.
        """
        content_type = request.headers.get("content-type", "")
        kind = media_type(content_type, request.headers.get("content-encoding", ""))
        limit = (
            self._limits.json_bytes if kind == "application/json" else self._limits.multipart_bytes
        )
        if _declared_bytes(request) > limit:
            raise RequestTooLarge
        # Not one growing array: to copy that again and again would hold up the event loop. Nor
        # chunks as they come: those of a byte each would take forty times their size.
        pieces: list[bytes] = []
        piece = bytearray()
        with self._buffered.holding() as held:
            async for chunk in _chunks_before(request, self._limits.read_s):
                if held.count + len(chunk) > limit:
                    raise RequestTooLarge
                held.take(len(chunk))
                piece += chunk
                if len(piece) >= _PIECE_BYTES:
                    pieces.append(bytes(piece))
                    piece.clear()
            pieces.append(bytes(piece))
            yield Body(content_type, pieces, self._threads)


async def _chunks_before(request: Request, limit_s: float) -> AsyncIterator[bytes]:
    deadline = Deadline.after(limit_s)
    chunks = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                chunk = await anext(chunks)
        except TimeoutError:
            raise DeadlineExceeded from None
        except StopAsyncIteration:
            return
        yield chunk


def _declared_bytes(request: Request) -> int:
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit() and len(declared) < 20):
        raise MalformedRequest(Reason.REQUEST_MALFORMED)
    return int(declared)
