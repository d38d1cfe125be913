"""The orientation out of an EXIF block (CIPA DC-008, section 4.6.4), and turning by it."""

import struct
from typing import Final

from PIL import Image

_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3
_ENTRY_BYTES: Final = 12
_PREFIX: Final = b"Exif\0\0"

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_orientation(block: bytes) -> int:
    """Orientation of an EXIF block, 1 to 8; a block that cannot be read counts as upright (1).

    Only the first directory is looked at, entry by entry, so a damaged or hostile block costs
    nothing and breaks nothing.
    """
    block = block.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, directory)
        for index in range(count):
            entry = directory + 2 + index * _ENTRY_BYTES
            tag, kind, values, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == _ORIENTATION_TAG:
                well_formed = kind == _SHORT and values == 1 and 1 <= value <= 8
                return int(value) if well_formed else 1
    except struct.error:
        return 1
    return 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as its camera meant it; `image` itself where it is upright already."""
    method = _TURNS.get(orientation)
    return image if method is None else image.transpose(method)
