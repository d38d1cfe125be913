"""Pictures to ask with: a drawn photo in some size, as a JPEG that nobody sent before."""

import itertools
import secrets
import struct
from typing import Final

from tests.support.pictures import encode, textured

_MARKER: Final = b"\xff\xfe"


class Photos:
    """Files that decode to one picture and have contents of their own.

    The cache knows a picture by its bytes, so a comment in the file makes it another one, at no
    cost to who sends it.
    """

    def __init__(self, width: int, height: int) -> None:
        self._file = encode(textured((width, height)), "JPEG", quality=90)
        self._run = secrets.token_hex(6)
        self._numbers = itertools.count()
        self.pixels = width * height

    def __next__(self) -> bytes:
        """A file that was never sent."""
        comment = f"{self._run} {next(self._numbers):08}".encode()
        segment = _MARKER + struct.pack(">H", 2 + len(comment)) + comment
        return self._file[:2] + segment + self._file[2:]
