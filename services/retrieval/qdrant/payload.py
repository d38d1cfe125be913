"""A product as its point, id and payload, and back.

Layout: ``{"id", "catalog", "title", "attributes": {...}, "image_sha256", "image_width",
"image_height", "updated_at_s", "source_sha256"}``, and ``"copied"`` in copies. The attributes lie
in a map of their own, so that a shop's field names never meet ours.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from retrieval.domain import DEFAULT_CATALOG, AttributeValue, Product, Scalar

CATALOG: Final = "catalog"
IMAGE_SHA256: Final = "image_sha256"
UPDATED_AT: Final = "updated_at_s"
SOURCE_SHA256: Final = "source_sha256"
COPIED: Final = "copied"
"""True in what a synchronisation wrote; every other write leaves it out, so a product of the
collection's own is told from a copy without comparing clocks."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")


class UnreadablePayload(Exception):
    """The payload is not that of a product."""


def attribute_path(field: str) -> str:
    """The payload path of an attribute; names with other than plain characters are quoted.

    Raises:
        ValueError: no path can name such a field.
    """
    if _PLAIN_NAME.fullmatch(field):
        return f"attributes.{field}"
    if not field or '"' in field:
        raise ValueError("the name of a filterable field has one character or more, and no quote")
    return f'attributes."{field}"'


def to_payload(product: Product) -> dict[str, Any]:
    """The payload of a product."""
    return {
        "id": product.id,
        CATALOG: product.catalog,
        "title": product.title,
        "attributes": {
            name: value if isinstance(value, str | float | bool) else [*value]
            for name, value in product.attributes.items()
        },
        IMAGE_SHA256: product.image_sha256,
        "image_width": product.image_width,
        "image_height": product.image_height,
        UPDATED_AT: product.updated_at_s,
        SOURCE_SHA256: product.source_sha256,
    }


def to_product(payload: Mapping[str, Any] | None) -> Product:
    """The product that a payload holds.

    A tolerant reader: what it does not know it leaves out, what is missing has a default, so
    that a payload of a later version can still be shown.

    Raises:
        UnreadablePayload: no id, or a field of the wrong type.
    """
    if not payload or not _typed(payload, "id", str, ""):
        raise UnreadablePayload
    return Product(
        id=payload["id"],
        title=_typed(payload, "title", str, ""),
        attributes=_attributes(_typed(payload, "attributes", dict, {})),
        catalog=_typed(payload, CATALOG, str, DEFAULT_CATALOG),
        image_sha256=_typed(payload, IMAGE_SHA256, str, ""),
        image_width=int(_typed(payload, "image_width", (int, float), 0)),
        image_height=int(_typed(payload, "image_height", (int, float), 0)),
        updated_at_s=float(_typed(payload, UPDATED_AT, (int, float), 0.0)),
        source_sha256=_typed(payload, SOURCE_SHA256, str, ""),
    )


def plain(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as Python has it, from its form in a message (Qdrant's ``Value``)."""
    return {name: _plain(value) for name, value in payload.items()}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return plain(value.struct_value.fields)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def words_of(payload: Mapping[str, Any] | None, field: str) -> tuple[str, ...]:
    """The words that a payload has in an attribute: none, one, or those of a list."""
    attributes = (payload or {}).get("attributes")
    value = attributes.get(field) if isinstance(attributes, dict) else None
    values = value if isinstance(value, list) else [value]
    return tuple(word for word in values if isinstance(word, str))


def uuid_of(point_id: object) -> uuid.UUID | None:
    """The point id, or None where it is none of ours (a number, or no id at all)."""
    try:
        return uuid.UUID(point_id) if isinstance(point_id, str) else None
    except ValueError:
        return None


def _typed(
    payload: Mapping[str, Any], name: str, kind: type | tuple[type, ...], default: Any
) -> Any:
    value = payload.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise UnreadablePayload
    return value


def _attributes(stored: Mapping[str, Any]) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {}
    for name, value in stored.items():
        if isinstance(value, list):
            if all(isinstance(item, str | int | float) for item in value):
                attributes[name] = [_scalar(item) for item in value]
        elif isinstance(value, str | int | float):
            attributes[name] = _scalar(value)
    return attributes


def _scalar(value: str | int | float) -> Scalar:
    # bool is an int to Python, but true is not 1.0 to a shop.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
