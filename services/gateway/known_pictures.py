"""Which picture a product had when it was last read here: a guess that saves a call."""

import uuid
from collections.abc import Mapping
from typing import Final

from retrieval.domain import Product

_MOST: Final = 20_000
"""Products remembered, some 5 MB of names; those that were seen longest ago go first."""


class KnownPictures:
    """Names of the pictures of products that were shown or referred to lately.

    What a shopper refers to was on a page before, and is mostly referred to more than once. A
    name here may be out of date: whoever uses one reads the product afterwards, and begins anew
    where its picture is another by now.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._names: dict[uuid.UUID, str] = {}

    def of(self, point_id: uuid.UUID) -> str | None:
        """The sha256 that names a product's picture; None where the product is not known."""
        return self._names.get(point_id)

    def saw(self, products: Mapping[uuid.UUID, Product]) -> None:
        """Take note of products as they were just read, by point id."""
        for point_id, product in products.items():
            self._names.pop(point_id, None)  # so that it comes last
            if product.image_sha256:
                self._names[point_id] = product.image_sha256
        while len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def forget(self, point_id: uuid.UUID) -> None:
        """Drop what turned out to be out of date."""
        self._names.pop(point_id, None)
