"""A catalog on disk: ``products.jsonl``, ``images/`` and the ``catalog.json`` that completes it.

``snapshots/`` holds pictures to search with, as shoppers take them: the first products, worn.
"""

import io
import json
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from demo_catalog import labels
from demo_catalog.draw import DRAWING_VERSION, Kind, draw
from demo_catalog.folder import write_whole
from demo_catalog.garments import Garment, sample_garment
from demo_catalog.progress import progress_bar
from demo_catalog.workers import pool_map

DEFAULT_COUNT: Final = 3000
DEFAULT_SEED: Final = 7
MAX_COUNT: Final = 99_999
"""Product ids have five digits."""

PRODUCTS_FILE: Final = "products.jsonl"
IMAGES_FOLDER: Final = "images"
SNAPSHOTS_FOLDER: Final = "snapshots"
MAX_SNAPSHOTS: Final = 24
_RECEIPT: Final = "catalog.json"
_JPEG_QUALITY: Final = 88
_BATCH: Final = 25

Product = dict[str, str | bool | float]
_Batch = tuple[Path, int, range]


def write_catalog(
    directory: Path,
    count: int = DEFAULT_COUNT,
    seed: int = DEFAULT_SEED,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write ``count`` products to ``directory`` unless they are there already.

    The catalog is written beside ``directory`` and renamed when it is whole, so that ``directory``
    never holds a part of one; another count, seed or version of the drawing replaces it. Product
    i depends on (seed, i) alone. Calls for one directory wait for each other.

    Args:
        workers: processes that draw; by default one per usable core.
        progress: show a progress bar on standard error.

    Returns:
        ``directory``, absolute.

    Raises:
        ValueError: ``count`` is not within 1..MAX_COUNT, or ``seed`` is negative.
        ForeignDirectoryError: ``directory`` is a file, or not empty and no demo catalog.
    """
    if not 1 <= count <= MAX_COUNT or seed < 0:
        raise ValueError(f"count must be 1..{MAX_COUNT} and seed 0 or more: {count}, {seed}")

    def fill(folder: Path) -> None:
        (folder / IMAGES_FOLDER).mkdir()
        (folder / SNAPSHOTS_FOLDER).mkdir()
        for index in range(min(count, MAX_SNAPSHOTS)):
            path = folder / SNAPSHOTS_FOLDER / f"{_name(index)}.jpg"
            path.write_bytes(make_snapshot(seed, index))
        _write_products(folder, count, seed, workers, progress)

    def complete(folder: Path) -> bool:
        images = sum(1 for _ in (folder / IMAGES_FOLDER).glob("*.jpg"))
        worn = sum(1 for _ in (folder / SNAPSHOTS_FOLDER).glob("*.jpg"))
        drawn = images == count and worn == min(count, MAX_SNAPSHOTS)
        return drawn and (folder / PRODUCTS_FILE).is_file()

    receipt = {"count": count, "seed": seed, "drawing": DRAWING_VERSION}
    return write_whole(directory, _RECEIPT, receipt, fill, complete)


def make_product(seed: int, index: int) -> tuple[Product, bytes]:
    """Product ``index`` of the catalog of ``seed``, as a line of the feed and a JPEG file."""
    garment_rng, shop_rng, picture_rng, _ = _generators(seed, index)
    garment = sample_garment(garment_rng)
    name = _name(index)
    product: Product = {
        "id": name,
        "title": labels.title(garment),
        "image": f"{IMAGES_FOLDER}/{name}.jpg",
        "brand": labels.brand(shop_rng),
        "price": labels.price(garment, shop_rng),
        "currency": labels.CURRENCY,
        **garment.attributes(),
    }
    return product, _jpeg(garment, picture_rng, "product")


def make_snapshot(seed: int, index: int) -> bytes:
    """Product ``index`` of the catalog of ``seed``, worn by someone, as a JPEG file."""
    garment_rng, _, _, snapshot_rng = _generators(seed, index)
    return _jpeg(sample_garment(garment_rng), snapshot_rng, "snapshot")


def _name(index: int) -> str:
    return f"demo-{index:05d}"


def _generators(seed: int, index: int) -> list[np.random.Generator]:
    """For a product's garment, for what the shop says of it, its picture and its snapshot."""
    return np.random.default_rng((seed, index)).spawn(4)


def _jpeg(garment: Garment, rng: np.random.Generator, kind: Kind) -> bytes:
    file = io.BytesIO()
    draw(garment, rng, kind=kind).save(file, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return file.getvalue()


def _write_products(
    folder: Path, count: int, seed: int, workers: int | None, progress: bool
) -> None:
    batches = [
        (folder, seed, range(start, min(start + _BATCH, count)))
        for start in range(0, count, _BATCH)
    ]
    with (folder / PRODUCTS_FILE).open("w", encoding="utf-8") as feed:
        bar = progress_bar(count, disable=not progress)
        with bar, pool_map(_write_batch, batches, workers) as done:
            for product in chain.from_iterable(done):
                feed.write(json.dumps(product, ensure_ascii=False) + "\n")
                bar.update()


def _write_batch(batch: _Batch) -> list[Product]:
    folder, seed, indices = batch
    products = []
    for index in indices:
        product, jpeg = make_product(seed, index)
        (folder / str(product["image"])).write_bytes(jpeg)
        products.append(product)
    return products
