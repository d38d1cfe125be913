"""Products with their pictures, and the folder that keeps them.

    DIR/products.jsonl    one product a line, in order of their ids; also a feed of the indexer
    DIR/images/ab/SHA256.jpg (.png, .webp)    each picture once, named by the sha256 of its bytes

A row has the indexer's `id`, `title` and `image` (the first product picture, else the first
snapshot), the fields of `Product`, and its other attributes beside them.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from catalog.errors import CatalogError

PRODUCTS: Final = "products.jsonl"
IMAGES: Final = "images"
_TEXTS: Final = ("title", "brand", "category", "color", "currency", "url")
_LISTS: Final = ("colors", "sizes", "images", "snapshots")
_OWN: Final = frozenset({"id", "image", "price", "available", *_TEXTS, *_LISTS})


@dataclass(frozen=True)
class Product:
    """What is known of a product. Pictures are paths relative to the folder of `products.jsonl`."""

    id: str
    """1 to 256 printable characters, as the service takes them."""
    title: str = ""
    brand: str = ""
    category: str = ""
    """The shop's, in lower case; a data set has one list of captions for each."""
    color: str = ""
    """The main one, where it is known."""
    colors: tuple[str, ...] = ()
    """Those on offer, as the shop names them."""
    sizes: tuple[str, ...] = ()
    price: float | None = None
    currency: str = ""
    """ISO 4217."""
    url: str = ""
    available: bool = True
    """False: known to be sold out."""
    images: tuple[str, ...] = ()
    """The product alone."""
    snapshots: tuple[str, ...] = ()
    """The product worn or in a scene."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else is known, for example sleeve or pattern."""

    def to_row(self) -> dict[str, Any]:
        """The product as JSON; what is not known is left out."""
        first = (*self.images, *self.snapshots)[:1]
        known: dict[str, Any] = {
            "id": self.id,
            **{name: getattr(self, name) for name in _TEXTS},
            "image": first[0] if first else "",
            "price": self.price,
            **{name: list(getattr(self, name)) for name in _LISTS},
            **{name: value for name, value in self.attributes.items() if name not in _OWN},
        }
        return {name: value for name, value in known.items() if value not in ("", None, [])} | {
            "available": self.available
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Product":
        """The product of a row that `to_row` made. Raises `ValueError` for another."""
        try:
            price = row.get("price")
            texts = {name: _text(row.get(name, "")) for name in _TEXTS}
            lists = {name: tuple(map(_text, row.get(name, ()))) for name in _LISTS}
            known: dict[str, Any] = {**texts, **lists}
            return cls(
                id=_text(row["id"]),
                **known,
                price=None if price is None else float(price),
                available=bool(row.get("available", True)),
                attributes={k: _text(v) for k, v in row.items() if k not in _OWN},
            )
        except (KeyError, TypeError) as error:
            raise ValueError("no product") from error


def read_products(folder: Path) -> tuple[Product, ...]:
    """The products of a folder. Raises `CatalogError`, which names the line."""
    path = folder / PRODUCTS
    products = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    products.append(Product.from_row(json.loads(line)))
                except (ValueError, AttributeError):
                    raise CatalogError(f"{path}: line {number} is no product") from None
    except FileNotFoundError:
        raise CatalogError(f"{path} does not exist; `catalog crawl` writes it") from None
    except UnicodeDecodeError:
        raise CatalogError(f"{path} is not UTF-8") from None
    return tuple(products)


def write_products(folder: Path, products: Iterable[Product]) -> None:
    """Replace the folder's list in one step, in order of ids."""
    lines = (
        json.dumps(product.to_row(), ensure_ascii=False) + "\n"
        for product in sorted(products, key=lambda product: product.id)
    )
    write_text(folder / PRODUCTS, "".join(lines))


def write_text(path: Path, content: str) -> None:
    """Replace a file in one step, so that a kill or a full disk leaves the old one."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
