"""Pictures in JSON, taken out of the body before the rest of it is read as JSON.

Reading JSON holds the interpreter lock from the first byte to the last. With a picture of 10 MiB in
it that stops the event loop for tens of milliseconds, from whatever thread. What is here works
piece by piece, and joins bytes, which lets go of the lock.
"""

import re
import secrets
from binascii import a2b_base64
from dataclasses import dataclass
from typing import Final

LONG_BYTES: Final = 64 << 10
"""Base64 up to this length stays where it is."""

PIECE_BYTES: Final = 1 << 18
"""What is worked on at a time; a multiple of four."""

_NAME: Final = b'"content"'
_BEFORE: Final = re.compile(rb'"content"[ \t\r\n]*:[ \t\r\n]*"')
_MOST: Final = 4
"""Pictures taken out of one body; no call has more than one."""


@dataclass(frozen=True, slots=True)
class LongBase64:
    """A long string of a body that is standard base64 (RFC 4648, 4)."""

    encoded: memoryview
    content: bytes
    """What it stands for."""

    def __str__(self) -> str:
        """The string as it was sent."""
        return str(self.encoded, "ascii")


Lifted = dict[str, LongBase64]
"""What was taken out, by the word that stands in its place and that nobody could know."""


def lift(raw: bytes) -> tuple[bytes, Lifted]:
    """JSON without its long values of ``"content"``, and these. What is no base64, or is written
    with escapes, stays; and what is no JSON without them was none before."""
    lifted: Lifted = {}
    kept, done, position = [], 0, 0
    view = memoryview(raw)
    while len(raw) - position > LONG_BYTES and len(lifted) < _MOST:
        begin = _value_from(raw, position)
        if begin < 0:
            break
        end = raw.find(b'"', begin)
        position = begin if end < 0 else end + 1
        if end - begin <= LONG_BYTES:
            continue
        try:
            found = LongBase64(view[begin:end], decode_base64(view[begin:end]))
        except ValueError:
            continue
        word = secrets.token_hex(16)
        lifted[word] = found
        kept += [raw[done:begin], word.encode()]
        done = end
    return b"".join([*kept, raw[done:]]) if kept else raw, lifted


def _value_from(raw: bytes, position: int) -> int:
    """Where the next value of a ``"content"`` begins, behind its quotation mark; -1 for none."""
    while position < len(raw):
        end = position + PIECE_BYTES
        name = raw.find(_NAME, position, end + len(_NAME))
        if name < 0:
            position = end
            continue
        if value := _BEFORE.match(raw, name):
            return value.end()
        position = name + len(_NAME)
    return -1


def decode_base64(encoded: str | memoryview) -> bytes:
    """Standard base64 with padding and without line breaks. Raises ValueError for anything else."""
    pieces = []
    for start in range(0, len(encoded), PIECE_BYTES):
        part = encoded[start : start + PIECE_BYTES]
        pieces.append(a2b_base64(part, strict_mode=True))
        missing = len(part) // 4 * 3 - len(pieces[-1])
        # Padding belongs at the end, and there is no more of it than needed (RFC 4648, 3.2).
        if len(part) % 4 or missing > (2 if start + PIECE_BYTES >= len(encoded) else 0):
            raise ValueError("padding")
    return b"".join(pieces)
