"""Values as they lie in Redis: a header, a checksum, and the bytes.

    offset  size  field
    0       2     magic "RC"
    2       1     version of this layout
    3       1     kind of body: what the caller says it is
    4       8     BLAKE2b-64 of kind and body, keyed with the entry's key
    12            body

The entry's key is part of the checksum, so a value that was stored under another key, or an
answer that was meant for another caller, is as useless as a damaged one.
"""

import hashlib
import struct
from typing import Final

_MAGIC: Final = b"RC"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<2sBB8s")


def seal(key: bytes, kind: int, body: bytes) -> bytes:
    """The value to store under `key` (up to 64 bytes); `kind` is 0 to 255."""
    return _HEADER.pack(_MAGIC, _VERSION, kind, _checksum(key, kind, body)) + body


def unseal(key: bytes, kind: int, value: bytes) -> memoryview | None:
    """The body of a value found under `key`, or None where anything about it is wrong."""
    if len(value) < _HEADER.size:
        return None
    magic, version, stored_kind, checksum = _HEADER.unpack_from(value)
    if (magic, version, stored_kind) != (_MAGIC, _VERSION, kind):
        return None
    body = memoryview(value)[_HEADER.size :]
    return body if checksum == _checksum(key, kind, body) else None


def _checksum(key: bytes, kind: int, body: bytes | memoryview) -> bytes:
    digest = hashlib.blake2b(bytes([kind]), key=key, digest_size=8)
    digest.update(body)
    return digest.digest()
