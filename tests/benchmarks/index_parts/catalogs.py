"""Catalogs to index: drawn tokens of full size, or those that the demo model gives its pictures."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import F32Array, FieldKind, Product

PASSES: Final = "passes"
"""The filterable field; a product has a word for each share of the products that it belongs to."""
SHARES: Final = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01}
FIELDS: Final = {PASSES: FieldKind.KEYWORD}
CATALOG: Final = "default"
_CHUNK: Final = 1000


@dataclass(frozen=True, eq=False)
class Catalog:
    """Products by number.

    Attributes:
        tokens: [N, K, D] float16 of unit norm, as the index keeps them; a mapped file.
        luck: [N], uniform in 0 to 1: a product belongs to a share if its luck is below it.
    """

    name: str
    tokens: NDArray[np.float16]
    luck: NDArray[np.float64]
    products: list[Product] = field(init=False, repr=False)
    numbers: dict[uuid.UUID, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        products = [self._product(number) for number in range(len(self.tokens))]
        object.__setattr__(self, "products", products)
        numbers = {each.point_id: number for number, each in enumerate(products)}
        object.__setattr__(self, "numbers", numbers)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def sizes(self) -> tuple[int, int]:
        """K and D."""
        return self.tokens.shape[1], self.tokens.shape[2]

    def passing(self, share: str | None) -> NDArray[np.bool_]:
        """Which products pass the filter of a share, [N]; all without one."""
        return self.luck < (1.0 if share is None else SHARES[share])

    def some(self, start: int, count: int) -> F32Array:
        """Tokens of some products, [count, K, D] float32."""
        return np.asarray(self.tokens[start : start + count], np.float32)

    def _product(self, number: int) -> Product:
        return Product(
            id=f"drawn-{number}",
            title=f"Drawn product {number}",
            attributes={
                PASSES: [word for word, share in SHARES.items() if self.luck[number] < share]
            },
            catalog=CATALOG,
            image_sha256=f"{number:064x}",
            image_width=640,
            image_height=800,
            updated_at_s=1_700_000_000.0 + number,
            source_sha256=f"{number + 1:064x}",
        )


def drawn(folder: Path, name: str, count: int, cosine: float, *, seed: int = 1) -> Catalog:
    """``count`` products of 32 tokens of 256, two of one product having ``cosine`` on average.

    The tokens are drawn and written a part at a time: memory does not grow with ``count``.
    """
    random = np.random.default_rng((seed, count))
    tokens: Any = np.lib.format.open_memmap(
        folder / f"{name}-{count}.npy", "w+", np.float16, (count, 32, 256)
    )
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        own = random.standard_normal((size, 1, 256), np.float32)
        rows = random.standard_normal((size, 32, 256), np.float32)
        rows *= np.float32((1 - cosine) ** 0.5)
        rows += np.float32(cosine**0.5) * own
        rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
        tokens[start : start + size] = rows
    tokens.flush()
    return Catalog(name, tokens, random.random(count))
