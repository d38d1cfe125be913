"""From a row to a product whose pictures are still named as the feed names them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from catalog.feed import values
from catalog.feed.columns import Columns, attribute_name
from catalog.feed.rows import Row, RowRefusedError
from catalog.products import Product

MAX_ATTRIBUTES: Final = 40
"""Further ones of a product; together with its own fields within the service's 64."""
MAX_OPTIONS: Final = 40
"""Colours, and sizes, of a product."""
MAX_ROW_BYTES: Final = 15 << 10
"""All fields of a product, which the service takes up to 16 KiB; see `fitted`."""


@dataclass(frozen=True)
class Draft:
    """A product without pictures, and what the feed calls these."""

    product: Product
    images: tuple[str, ...]
    """Empty: the picture is named after the id."""
    snapshots: tuple[str, ...]


def draft(row: Row, columns: Columns) -> Draft:
    """Read the row. Raises `RowRefusedError` where it cannot be a product."""
    if row.problem is not None:
        raise row.problem
    first = {field: _first(row.fields, names) for field, names in columns.fields.items()}
    product_id = values.product_id(first["id"][1])
    category = values.category(values.text(first["category"][1], "category"))
    if not category:
        raise RowRefusedError("CATEGORY_MISSING", "The row has no category.")
    currency = values.text(first["currency"][1], "currency").upper()
    amount, currency = values.price(first["price"][1], currency)
    colors = values.colors(first["color"][1])
    product = Product(
        id=product_id,
        title=values.text(first["title"][1], "title"),
        brand=values.text(first["brand"][1], "brand"),
        category=category,
        color=colors[0] if colors else "",
        colors=_several(first["colors"], columns) or (colors if len(colors) > 1 else ()),
        sizes=_several(first["sizes"], columns),
        price=amount,
        currency=currency,
        url=values.text(first["url"][1], "url"),
        available=values.available(first["available"][1]),
        attributes=_attributes(row.fields, columns),
    )
    return Draft(product, *(_pictures(row, columns, field) for field in ("images", "snapshots")))


def fitted(product: Product) -> Product:
    """The product with as many of its attributes, from the first column on, as have room."""
    attributes = dict(product.attributes)
    while attributes and _size(product) > MAX_ROW_BYTES:
        attributes.popitem()
        product = replace(product, attributes=attributes)
    if _size(product) > MAX_ROW_BYTES:
        product = replace(product, colors=(), sizes=())
    return product


def _size(product: Product) -> int:
    return len(json.dumps(product.to_row(), ensure_ascii=False).encode())


def row_id(row: Row, columns: Columns) -> str:
    """The id of a row that may be no product; empty where none can be told."""
    try:
        return values.product_id(_first(row.fields, columns.fields["id"])[1])
    except RowRefusedError:
        return ""


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    """The first column that has a value, and the value."""
    found = ((name, value) for name in names if _is_value(value := fields.get(name)))
    return next(found, ("", None))


def _is_value(value: Any) -> bool:
    return value not in (None, [], {}) and not (isinstance(value, str) and not value.strip())


def _several(found: tuple[str, Any], columns: Columns) -> tuple[str, ...]:
    name, value = found
    every = values.strings(value, name, divided=name in columns.divided)
    return tuple(values.text(one, name) for one in every[:MAX_OPTIONS])


def _pictures(row: Row, columns: Columns, field: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in columns.fields[field]:
        pictures = values.strings(row.fields.get(name), name, divided=name in columns.divided)
        found.update(dict.fromkeys(pictures))
    return tuple(found)


def _attributes(fields: Mapping[str, Any], columns: Columns) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, name in columns.attributes.items():
        for key, value in _flat(name, fields.get(column)):
            if len(found) < MAX_ATTRIBUTES:
                found.setdefault(key, value)
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """An attribute as text; those of an object each, under both names."""
    if isinstance(value, dict):
        prefix = "" if name == "attributes" else f"{name}_"
        for key, inner in value.items():
            if inner_name := attribute_name(f"{prefix}{key}"):
                yield from _flat(inner_name, inner)
    elif isinstance(value, list):
        parts = [part for one in value for _, part in _flat(name, one)]
        if parts:
            yield name, values.text(", ".join(parts), name)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif found := values.text(value, name):
        yield name, found
