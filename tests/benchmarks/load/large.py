"""The largest uploads that a shopper may send: pictures of 16 megapixels, bodies near 10 MiB."""

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from PIL import Image

from tests.benchmarks.load.questions import Question, question

PICTURE_SIZE: Final = (4928, 3264)
"""16.1 megapixels."""
PICTURE_BYTES: Final = 10 << 20
"""What a picture may have at most."""
BODY_BYTES: Final = 10 << 20
"""What the JSON of a body has nearly."""
_BODY_PICTURE_SIZE: Final = (2400, 1800)
_TAIL_BYTES: Final = 12


class LargeQuestions:
    """Searches by a picture of 16 megapixels, and by one whose JSON has nearly 10 MiB, in turn.

    Each is new to the service: it ends in bytes that no other has, which trail the picture.
    """

    def __init__(self, page_size: int = 20, seed: int = 0) -> None:
        self._known = [
            _Upload("16 megapixels", _jpeg(PICTURE_SIZE, 85, seed), page_size),
            _Upload("10 MiB of JSON", _filled(_jpeg(_BODY_PICTURE_SIZE, 85, seed)), page_size),
        ]
        self._number, self._seed = 0, seed

    def next(self) -> Question:
        """The next search."""
        self._number += 1
        tail = b"%06x%06x" % (self._seed % (1 << 24), self._number)
        return self._known[self._number % 2].ending(tail)


class _Upload:
    """A search by one picture, all but its last bytes made ahead: the generator's time is dear."""

    def __init__(self, kind: str, picture: bytes, page_size: int) -> None:
        self._picture = picture + bytes(-len(picture) % 3)
        asked = question(kind, {"image": self._picture}, "", page_size)
        head, content, self._end = _around(asked.body, base64.b64encode(self._picture))
        self._begin = head + content
        self._asked = replace(asked, body={})

    def ending(self, tail: bytes) -> Question:
        message = type(self._asked.message)()
        message.CopyFrom(self._asked.message)
        message.reference.image.content = self._picture + tail
        return replace(
            self._asked, message=message, encoded=self._begin + base64.b64encode(tail) + self._end
        )


def _around(body: Mapping[str, Any], content: bytes) -> tuple[bytes, bytes, bytes]:
    return json.dumps(body).encode().partition(content)


def _jpeg(size: tuple[int, int], quality: int, seed: int) -> bytes:
    """Soft clouds with grain, as photos have them: about 3 bits a pixel."""
    width, height = size
    random = np.random.default_rng(seed)
    clouds = random.integers(0, 256, (height // 64, width // 64, 3), np.uint8)
    soft = np.asarray(Image.fromarray(clouds).resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = random.integers(-12, 13, (height, width, 1), np.int16)
    picture = Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=quality)
    return written.getvalue()


def _filled(picture: bytes) -> bytes:
    """The picture with bytes behind its end, which readers leave out, so that its JSON has nearly
    `BODY_BYTES`."""
    return picture + bytes((BODY_BYTES - 1024) // 4 * 3 - len(picture))
