"""Batches: rows that travel in one call."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from indexer.product import Mapper
from indexer.rows import Row, RowError
from recompose.v1 import catalog_pb2

MAX_PRODUCTS: Final = 256
"""What one ImportProducts call takes (catalog.proto)."""
MAX_BATCH_BYTES: Final = 24 << 20
"""Bounds memory: batches under way times this, and one picture more each."""
MAX_REQUEST_BYTES: Final = 11 << 20
"""A picture of 10 MiB and what belongs to it."""


class Fold:
    """A running hash over rows and the state of their pictures.

    Two feeds with the same fold after n rows agree in those n rows.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, row: Row, picture_state: str) -> None:
        """Take in the next row."""
        self._hash.update(b"%d:" % len(row.raw) + row.raw + picture_state.encode() + b"\n")

    def value(self) -> str:
        """The hash so far, in hex."""
        return self._hash.copy().hexdigest()


@dataclass
class Batch:
    """Consecutive rows: the requests of those that can be sent, the problem of the others."""

    entries: list[tuple[Row, catalog_pb2.ImportProductsRequest | RowError]] = field(
        default_factory=list
    )
    size_bytes: int = 0
    ids: set[str] = field(default_factory=set)
    fold: str = ""
    """Of all rows up to this batch's last one."""

    @property
    def requests(self) -> list[catalog_pb2.ImportProductsRequest]:
        """What to send, in the feed's order."""
        return [request for _, request in self.entries if not isinstance(request, RowError)]


def make_batches(
    rows: Iterable[Row], fold: Fold, mapper: Mapper, catalog: str, batch_size: int
) -> Iterator[Batch]:
    """Group ``rows`` into batches, reading each picture only when its batch is made.

    A batch ends at ``batch_size`` rows or MAX_BATCH_BYTES, and before an id that it already
    holds: of two rows with one id the later one wins, so they must not travel together.
    """
    batch = Batch()
    for row in rows:
        if batch.entries and row.id in batch.ids:
            yield batch
            batch = Batch()
        # The state first: a picture replaced while it is read is then noticed next time.
        state = mapper.picture_state(row)
        entry = _entry(row, mapper, catalog)
        fold.add(row, state)
        batch.entries.append((row, entry))
        batch.fold = fold.value()
        if row.id:
            batch.ids.add(row.id)
        if not isinstance(entry, RowError):
            batch.size_bytes += entry.ByteSize()
        if len(batch.entries) >= batch_size or batch.size_bytes >= MAX_BATCH_BYTES:
            yield batch
            batch = Batch()
    if batch.entries:
        yield batch


def _entry(row: Row, mapper: Mapper, catalog: str) -> catalog_pb2.ImportProductsRequest | RowError:
    try:
        product = mapper.product(row)
        image = mapper.load(mapper.picture(row))
        request = catalog_pb2.ImportProductsRequest(catalog=catalog, product=product, image=image)
        if request.ByteSize() > MAX_REQUEST_BYTES:
            raise RowError("ROW_TOO_LARGE", "The row is too large to be sent.")
    except ValueError:
        return RowError("ROW_UNREADABLE", "A value of the row cannot be sent.")
    except RowError as problem:
        return problem
    return request
