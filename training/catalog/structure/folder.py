"""The splits of the products of a folder."""

from collections.abc import Sequence
from pathlib import Path

from catalog.pictures.fingerprints import read_fingerprints
from catalog.products import Product
from catalog.structure.arrange import pictures_of
from catalog.structure.layout import picture_name
from catalog.structure.splits import Assigned, Assignment, Shares, Split, assign_splits


def assign_folder(
    folder: Path, products: Sequence[Product], shares: Shares, before: Assigned
) -> tuple[Assignment, dict[str, str]]:
    """The splits of a folder's products, and its pictures that are missing with the reason."""
    paths = dict.fromkeys(path for product in products for path in pictures_of(product))
    unusable = {path: "PICTURE_MISSING" for path in paths if not (folder / path).is_file()}
    prints = read_fingerprints(folder, [path for path in paths if path not in unusable])
    catalog = {
        product.id: [picture_name(path) for path in pictures_of(product)] for product in products
    }
    named = {picture_name(path): value for path, value in prints.items()}
    return assign_splits(catalog, named, shares, before), unusable


def ids_by_split(
    folder: Path, products: Sequence[Product], shares: Shares, before: Assigned
) -> tuple[frozenset[str], ...]:
    """Ids of the products that may form pairs with each other, for each split.

    A pair whose products lie in different splits is dropped from the data set, a third of all
    pairs where nobody looks, and nearly all of those that could validate: of a tenth of the
    products, a hundredth of the pairs. So pairs are chosen within splits, and no caption is paid
    for in vain.
    """
    assignment, _ = assign_folder(folder, products, shares, before)
    splits = assignment.assigned.products
    return tuple(
        frozenset(product.id for product in products if splits.get(product.id) is split)
        for split in Split
    )
