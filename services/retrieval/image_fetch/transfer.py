"""One question to one host: a picture's bytes, or where else to look."""

import asyncio
import ssl
import zlib
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

import httpcore2

from retrieval.domain import Deadline
from retrieval.errors import FailedPrecondition, ImageTooLarge, Reason
from retrieval.image_fetch.addresses import Address
from retrieval.image_fetch.connecting import PinnedBackend
from retrieval.image_fetch.uri import ImageUri
from retrieval.permits import HeldBytes
from retrieval.preprocess.limits import MAX_BYTES

USER_AGENT: Final = "Recompose-image-fetch/1"

_HEAD_BYTES: Final = 128 << 10
"""Status line and headers, interim answers included; the parser itself takes 100 KiB."""
_FRAMING_BYTES: Final = 1 << 20
"""What the frames of a chunked body may take."""
_MAX_PIECES: Final = 20_000
"""Chunks of a body: the largest picture in chunks of half a KiB."""
_PIECES_IN_A_TURN: Final = 32
"""Chunks taken before other tasks get their turn."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GZIP: Final = 16 + zlib.MAX_WBITS
_WINDOWS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}


async def get(
    uri: ImageUri,
    addresses: Sequence[Address],
    backend: httpcore2.AsyncNetworkBackend,
    tls: ssl.SSLContext,
    held: HeldBytes,
    deadline: Deadline,
) -> bytes | str:
    """Ask for ``uri`` at one of ``addresses``: the body, or the location that it leads to.

    No proxy, no cookies, no referrer, nothing of the caller's. A new connection each time: one
    that is kept could be used again for a name whose addresses were not checked. The caller bounds
    the time.

    Raises:
        FailedPrecondition: IMAGE_HOST_UNREACHABLE, IMAGE_HOST_REFUSED, IMAGE_HOST_TIMEOUT.
        ImageTooLarge: over 10 MiB, as declared, as sent, or when unpacked.
        Overloaded: too many bytes are in memory.
    """
    pinned = PinnedBackend(backend, addresses, deadline, _HEAD_BYTES)
    url = httpcore2.URL(
        scheme=uri.scheme.encode(),
        host=uri.host.encode(),
        port=uri.port,
        target=uri.target.encode(),
    )
    headers = [
        ("Host", uri.authority),
        ("User-Agent", USER_AGENT),
        ("Accept", "image/jpeg, image/png, image/webp"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    try:
        async with (
            httpcore2.AsyncConnectionPool(tls, network_backend=pinned) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            if response.status in _REDIRECTS:
                return _location(response)
            if response.status != 200:
                raise _failed(Reason.IMAGE_HOST_REFUSED)
            return await _body(response, pinned, held)
    except httpcore2.TimeoutException:
        raise _failed(Reason.IMAGE_HOST_TIMEOUT) from None
    except (httpcore2.NetworkError, OSError):
        raise _failed(Reason.IMAGE_HOST_UNREACHABLE) from None
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol):
        raise _failed(Reason.IMAGE_HOST_REFUSED) from None


def _location(response: httpcore2.Response) -> str:
    try:
        location = _header(response, b"location").decode()
    except UnicodeDecodeError:
        location = ""
    if not location:
        raise _failed(Reason.IMAGE_HOST_REFUSED)
    return location


async def _body(response: httpcore2.Response, pinned: PinnedBackend, held: HeldBytes) -> bytes:
    declared = _header(response, b"content-length")
    if declared.isdigit() and int(declared) > MAX_BYTES:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_BYTES)
    encoding = _header(response, b"content-encoding").decode("latin-1").strip().lower()
    if encoding not in {"", "identity", *_WINDOWS}:
        raise _failed(Reason.IMAGE_HOST_REFUSED)
    pinned.allow(MAX_BYTES + _FRAMING_BYTES)
    content = await _read(response, held)
    if encoding not in _WINDOWS:
        return content
    # Hosts that send packed what was asked for plain: rare, but known.
    held.take(MAX_BYTES)
    unpacked = await asyncio.to_thread(_unpack, content, _WINDOWS[encoding])
    held.give_back(MAX_BYTES - len(unpacked) + len(content))
    return unpacked


async def _read(response: httpcore2.Response, held: HeldBytes) -> bytes:
    content, pieces = bytearray(), 0
    async with aclosing(response.aiter_stream()) as stream:
        async for piece in stream:
            pieces += 1
            if pieces > _MAX_PIECES:
                raise _failed(Reason.IMAGE_HOST_REFUSED)
            if len(content) + len(piece) > MAX_BYTES:
                raise ImageTooLarge(Reason.IMAGE_TOO_MANY_BYTES)
            held.take(len(piece))
            content += piece
            if pieces % _PIECES_IN_A_TURN == 0:
                await asyncio.sleep(0)
    return bytes(content)


def _unpack(content: bytes, window_bits: int) -> bytes:
    """At most 10 MiB, however much would come out."""
    unpacking = zlib.decompressobj(window_bits)
    try:
        unpacked = unpacking.decompress(content, MAX_BYTES + 1)
    except zlib.error:
        raise _failed(Reason.IMAGE_HOST_REFUSED) from None
    if len(unpacked) > MAX_BYTES:
        raise ImageTooLarge(Reason.IMAGE_TOO_MANY_BYTES)
    if not unpacking.eof or unpacking.unused_data:
        raise _failed(Reason.IMAGE_HOST_REFUSED)
    return unpacked


def _header(response: httpcore2.Response, name: bytes) -> bytes:
    """A header's value; those of a header that came more than once with commas between them."""
    return b", ".join(value for key, value in response.headers if key.lower() == name)


def _failed(reason: Reason) -> FailedPrecondition:
    return FailedPrecondition(reason, field="image.uri")
