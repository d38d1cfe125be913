"""From a row of a feed to a message of the API."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf import struct_pb2

from indexer.rows import Row, RowError
from indexer.template import Template
from recompose.v1 import product_pb2

MAX_IMAGE_BYTES: Final = 10 << 20
"""What the service accepts (product.proto); a larger file is not even read."""

_ADDRESS: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:(//|.*,)")
_OWN_FIELDS: Final = frozenset({"id", "title", "image", "attributes"})
_MAX_DEPTH: Final = 8


@dataclass(frozen=True)
class Mapper:
    """How the rows of one feed become products."""

    folder: Path
    """What picture paths are relative to."""
    image: Template | None = None
    title: Template | None = None

    def product(self, row: Row) -> product_pb2.Product:
        """Make the product of ``row``.

        Raises:
            RowError: the row cannot be a product.
        """
        if row.problem is not None:
            raise row.problem
        if not row.id:
            raise RowError("PRODUCT_ID_INVALID", "The row has no 'id', or it is not text.")
        title = self.title.fill(row.fields) if self.title else _text(row.fields, "title")
        try:
            return product_pb2.Product(id=row.id, title=title, attributes=_attributes(row.fields))
        except (ValueError, TypeError, OverflowError) as error:
            # protobuf refuses text that is no Unicode, and numbers that no double holds.
            raise RowError("ROW_UNREADABLE", "A value of the row cannot be sent.") from error

    def picture(self, row: Row) -> str:
        """Path or address of the picture of ``row``; empty where it names none.

        Raises:
            RowError: a template names a field that the row lacks, or the value is no text.
        """
        if row.problem is not None:
            return ""
        return self.image.fill(row.fields) if self.image else _text(row.fields, "image")

    def picture_state(self, row: Row) -> str:
        """Size and time of the picture's file, to notice that it was replaced; empty if none."""
        try:
            picture = self.picture(row)
            if not picture or is_address(picture):
                return ""
            state = os.stat(self.folder / picture)
        except (RowError, OSError, ValueError):
            return ""
        return f"{state.st_size}:{state.st_mtime_ns}"

    def load(self, picture: str) -> product_pb2.Image | None:
        """Read the picture's file; an address is passed on as it is, for the service to fetch.

        Raises:
            RowError: there is no such file, or it is larger than the service accepts.
        """
        if not picture:
            return None
        if is_address(picture):
            return product_pb2.Image(uri=picture)
        try:
            with open(self.folder / picture, "rb", opener=_open_without_waiting) as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode):
                    raise RowError("IMAGE_FILE_MISSING", "The row's image is not a file.")
                content = file.read(MAX_IMAGE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise RowError("IMAGE_FILE_MISSING", "The row's image file cannot be read.") from error
        if len(content) > MAX_IMAGE_BYTES:
            raise RowError("IMAGE_TOO_MANY_BYTES", "The image is larger than 10 MiB.")
        return product_pb2.Image(content=content)


def is_address(picture: str) -> bool:
    """Whether ``picture`` is an address rather than a path."""
    return _ADDRESS.match(picture) is not None


def _open_without_waiting(path: str, flags: int) -> int:
    # A named pipe in place of a picture must not hold the import up.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError("ROW_UNREADABLE", f"The row's '{name}' is not text.")
    return str(value)


def _attributes(fields: Mapping[str, object]) -> struct_pb2.Struct | None:
    found = {name: value for name, value in fields.items() if name not in _OWN_FIELDS}
    nested = fields.get("attributes")
    if isinstance(nested, dict):
        found.update(nested)
    elif nested not in (None, ""):
        raise RowError("ATTRIBUTES_INVALID", "The row's 'attributes' is not an object.")
    kept: dict[str, Any] = {
        name: value for name, value in found.items() if value not in (None, "", [], {})
    }
    if not kept:
        return None
    if _depth(kept) > _MAX_DEPTH:
        raise RowError("ATTRIBUTES_INVALID", "The row's attributes are nested too deeply.")
    struct = struct_pb2.Struct()
    struct.update(kept)
    return struct


def _depth(value: object) -> int:
    level = [value]
    depth = 0
    while level:
        depth += 1
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = below
    return depth
