"""What the files of a backup hold: products as JSON Lines, tokens as a NumPy array.

A line has these fields, and no other:

    catalog, id, title    text
    attributes            text, numbers, booleans, or lists of these, by name
    image_sha256          the picture's name, pictures/ab/ab12….webp; "" for none
    image_width, image_height    of the picture, in pixels
    source_sha256         of the file that was imported, so that importing it again changes nothing
    updated_at_s          when it was written, in seconds since 1970
    picture_saved         whether the picture lies in this folder
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.domain import Product

F16Array = NDArray[np.float16]
_LONGEST_HEADER: Final = 1024


@dataclass(frozen=True, slots=True)
class SavedProduct:
    """A product, and whether its picture is saved too."""

    product: Product
    picture_saved: bool


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    catalog: str
    id: str
    title: str
    attributes: dict[str, str | float | bool | list[str | float | bool]]
    image_sha256: str
    image_width: int
    image_height: int
    source_sha256: str
    updated_at_s: float
    picture_saved: bool


def products_file(products: Sequence[SavedProduct]) -> bytes:
    """One line a product."""
    return b"".join(_line(saved) for saved in products)


def _line(saved: SavedProduct) -> bytes:
    record = asdict(saved.product) | {"picture_saved": saved.picture_saved}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def read_products(content: bytes) -> list[SavedProduct]:
    """What `products_file` was made of. Raises ValueError."""
    try:
        lines = [_Line.model_validate_json(line) for line in content.splitlines()]
    except ValidationError:
        raise ValueError("not the products of a backup") from None
    return [
        SavedProduct(Product(**line.model_dump(exclude={"picture_saved"})), line.picture_saved)
        for line in lines
    ]


def tokens_file(tokens: F16Array) -> tuple[bytes, memoryview]:
    """[N, K, D] float16, contiguous, as a file of two pieces, of which the second is no copy."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(tokens))
    return header.getvalue(), tokens.data.cast("B")


def read_tokens(content: bytes, shape: tuple[int, int, int]) -> F16Array:
    """What `tokens_file` was made of, on the bytes given.

    Raises ValueError where it is not [N, K, D] float16.
    """
    header = BytesIO(content[:_LONGEST_HEADER])
    if np.lib.format.read_magic(header) != (1, 0):
        raise ValueError("not the tokens of a backup")
    found = np.lib.format.read_array_header_1_0(header)
    if found != (shape, False, np.dtype(np.float16)):
        raise ValueError("tokens of another shape")
    # Raises where there is more or less of it.
    return np.frombuffer(content, np.float16, offset=header.tell()).reshape(shape)
