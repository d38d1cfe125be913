"""Which column of a feed is which field of a product, by the names that feeds give them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from catalog.errors import CatalogError
from catalog.feed.formats import Feed

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "item_id", "product_id", "sku"),
    "title": ("title", "name", "product_name"),
    "brand": ("brand",),
    "category": ("category", "label", "product_type", "google_product_category"),
    "color": ("color", "colour"),
    "colors": ("colors", "colours"),
    "sizes": ("sizes", "size"),
    "price": ("price",),
    "currency": ("currency", "price_currency"),
    "url": ("url", "link", "product_url"),
    "available": ("available", "availability"),
    "images": (
        "image",
        "image_link",
        "image_url",
        "image_path",
        "images",
        "additional_image_link",
        "additional_image_links",
    ),
    "snapshots": ("snapshots", "snapshot", "lifestyle_image_link"),
}
"""Field of `Product` -> names, the first that has a value counts; of pictures all count."""
MANY: Final = frozenset({"images", "snapshots"})
DIVIDED: Final = frozenset(
    {
        "colors",
        "colours",
        "sizes",
        "images",
        "additional_image_link",
        "additional_image_links",
        "snapshots",
        "lifestyle_image_link",
    }
)
"""Names of columns whose text holds several values, divided by ``,`` or ``|``."""
NEEDED: Final = ("id", "category")

_NOT_A_NAME: Final = re.compile(r"[^a-z0-9_-]+")
_MAX_NAME: Final = 64


@dataclass(frozen=True)
class Columns:
    """How one feed names things."""

    fields: Mapping[str, tuple[str, ...]]
    """Field of `Product` -> the feed's columns for it, in the order in which they count."""
    divided: frozenset[str]
    """Those of them that hold several values."""
    attributes: Mapping[str, str]
    """Every other column, and the second of two for one field -> name of the attribute, as the
    service takes names."""


def match_columns(feed: Feed) -> Columns:
    """Tell the columns of a feed apart.

    Raises:
        CatalogError: One that every feed needs is missing, or two names mean the same.
    """
    by_name: dict[str, str] = {}
    for column in feed.columns:
        other = by_name.setdefault(_simple(column), column)
        if other != column:
            raise CatalogError(f"{feed.path}: the columns {other!r} and {column!r} mean the same")
    fields = {
        field: tuple(by_name[name] for name in names if name in by_name)
        for field, names in ALIASES.items()
    }
    for field in NEEDED:
        if not fields[field]:
            names = ", ".join(ALIASES[field])
            raise CatalogError(f"{feed.path} has no column for the {field}, named one of: {names}")
    taken = {
        column
        for field, columns in fields.items()
        for column in (columns if field in MANY else columns[:1])
    }
    divided = frozenset(column for name, column in by_name.items() if name in DIVIDED)
    return Columns(fields, divided, _attribute_names(feed.columns, taken))


def _attribute_names(columns: Iterable[str], taken: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        if column not in taken:
            # The service takes ASCII names alone: others go by their place.
            names[column] = attribute_name(column) or f"column_{number}"
    return names


def attribute_name(column: str) -> str:
    """The column's name in letters that the service takes; empty where none are left."""
    name = _NOT_A_NAME.sub("_", _simple(column)).strip("_-")[:_MAX_NAME]
    return name if name[:1].isalpha() else ""


def _simple(column: str) -> str:
    name = unicodedata.normalize("NFKC", column).strip().lower()
    return re.sub(r"[\s-]+", "_", name.removeprefix("g:"))
