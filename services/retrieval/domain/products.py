"""Products, their pictures as they are sent, and what became of an import."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from retrieval.domain.values import DEFAULT_CATALOG, AttributeValue

_POINT_NAMESPACE: Final = uuid.UUID("6f0d3a52-3b1c-5e0a-9f0c-6e1f5d1f7a11")


@dataclass(frozen=True, slots=True)
class UploadReference:
    """The picture itself: an encoded JPEG, PNG or WebP."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UriReference:
    """The address of a picture, for the guarded fetch."""

    uri: str = field(repr=False)


ImageSource = UploadReference | UriReference


class View(StrEnum):
    """How much of a product an answer carries (AIP-157)."""

    BASIC = "basic"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the index holds it."""

    id: str
    title: str
    attributes: Mapping[str, AttributeValue]
    catalog: str = DEFAULT_CATALOG
    image_sha256: str = ""
    image_width: int = 0
    image_height: int = 0
    updated_at_s: float = 0.0
    source_sha256: str = ""
    """sha256 of the picture's bytes as they came, so that an equal import costs no decoding."""

    @property
    def point_id(self) -> uuid.UUID:
        return point_id(self.catalog, self.id)


@dataclass(frozen=True, slots=True)
class ProductWrite:
    """A product to import or replace; without an image the stored picture stays."""

    id: str
    title: str
    attributes: Mapping[str, AttributeValue]
    image: ImageSource | None = field(default=None, repr=False)


class ImportOutcome(StrEnum):
    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one product of an import; ``reason`` and ``message`` only where it failed."""

    product_id: str
    outcome: ImportOutcome
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ProductPage:
    products: tuple[Product, ...]
    next_page_token: str = ""


def point_id(catalog: str, product_id: str) -> uuid.UUID:
    """UUIDv5 of catalog and product id: the product's id in the index (RFC 9562, 5.5)."""
    return uuid.uuid5(_POINT_NAMESPACE, f"{catalog}/{product_id}")
