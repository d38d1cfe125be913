"""From the products of a folder to the questions that captioners are asked."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from catalog.caption.port import Question
from catalog.color.measured import with_measured_colors
from catalog.errors import CatalogError
from catalog.pairs import Pair
from catalog.pictures.alike import near_identical
from catalog.pictures.fingerprints import read_fingerprints
from catalog.products import Product
from catalog.selection.choose import choose_pairs
from catalog.selection.options import PairOptions


def choose_questions(
    folder: Path,
    products: Sequence[Product],
    options: PairOptions,
    parts: Sequence[Collection[str]] | None = None,
) -> tuple[Question, ...]:
    """A question for each chosen pair; with `parts`, the ids of both products lie in one of them.

    Fingerprints and colours that have to be computed are kept in the folder; a product has its
    measured colour where the shop names none. Raises `CatalogError` where there is no pair.
    """
    products = with_measured_colors(folder, products)
    same = _same(folder, products)
    pairs: list[Pair] = []
    for part in parts or [{product.id for product in products}]:
        of_part = [product for product in products if product.id in part]
        pairs += choose_pairs(of_part, options, same)
    if not pairs:
        raise CatalogError(
            f"no pair can be chosen from the {len(products)} products of {folder}: a snapshot needs"
            " a picture of its product alone, and products of one category must differ in something"
        )
    by_id = {product.id: product for product in products}
    return tuple(Question(pair, by_id[pair.reference_id], by_id[pair.target_id]) for pair in pairs)


def _same(folder: Path, products: Sequence[Product]) -> dict[str, int]:
    """One number for all pictures that show the very same, far from the other numbers.

    Not the fingerprints themselves: they see no colour, and the same cut in another colour is the
    best of pairs.
    """
    pictures = (path for product in products for path in (*product.images, *product.snapshots))
    groups = near_identical(folder, read_fingerprints(folder, pictures))
    return {
        picture: int.from_bytes(hashlib.sha256(group[0].encode()).digest()[:8], "big")
        for group in groups
        for picture in group
    }
