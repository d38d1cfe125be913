"""What a crawl of the test shop shall end with, from the stock and not from the crawl's code."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catalog.products import Product, read_products
from tests.training.catalog.shop.drawn import picture
from tests.training.catalog.shop.stock import Garment

_REDIRECTED = {"/pictures/10-0.jpg": "/pictures/stored/10-0.jpg"}


def expected_products(shop: str, garments: Iterable[Garment]) -> dict[str, dict[str, Any]]:
    """Fields by the address of the product; ids of garments without one are left open."""
    return {
        f"{shop}/goods/{each.number}": {
            "id": each.sku or None,
            "title": each.title,
            "brand": each.brand,
            "category": each.category,
            "colors": each.colors,
            "sizes": each.sizes,
            "price": each.price,
            "currency": each.currency,
            "available": each.available,
            "images": tuple(map(_stored, each.images)),
            "snapshots": tuple(map(_stored, each.snapshots)),
            "attributes": each.attributes
            | ({"item_group_id": each.sku} if each.style == "group" else {}),
        }
        for each in garments
    }


def crawled_products(folder: Path, garments: Iterable[Garment]) -> dict[str, dict[str, Any]]:
    """The same fields of what a crawl has written."""
    without_id = {each.number for each in garments if not each.sku}
    return {product.url: _fields(product, without_id) for product in read_products(folder)}


def _fields(product: Product, without_id: set[str]) -> dict[str, Any]:
    open_id = product.url.rsplit("/", 1)[-1] in without_id
    return {
        "id": None if open_id else product.id,
        **{name: getattr(product, name) for name in ("title", "brand", "category", "colors")},
        **{name: getattr(product, name) for name in ("sizes", "price", "currency", "available")},
        **{name: getattr(product, name) for name in ("images", "snapshots", "attributes")},
    }


def _stored(path: str) -> str:
    digest = hashlib.sha256(picture(_REDIRECTED.get(path, path))).hexdigest()
    return f"images/{digest[:2]}/{digest}.jpg"
