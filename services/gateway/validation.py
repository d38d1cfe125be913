"""The rules a request must keep, in one place for both edges."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.filter_rules import check_filter
from retrieval.domain import (
    DEFAULT_CATALOG,
    AttributeValue,
    FacetsRequest,
    FieldKind,
    Filter,
    FilterableFields,
    ProductReference,
    ProductWrite,
    Rerank,
    Scalar,
    SearchRequest,
)
from retrieval.errors import InvalidArgument, InvalidText, Reason
from retrieval.preprocess.text import canonical_text
from retrieval.preprocess.text_check import check_text

MAX_PAGE_SIZE: Final = 100
MAX_RERANK_DEPTH: Final = 100
MAX_IMPORT_PRODUCTS: Final = 256
MAX_ID_LENGTH: Final = 256
MAX_TITLE_LENGTH: Final = 500
MAX_ATTRIBUTES: Final = 64
MAX_ATTRIBUTES_BYTES: Final = 16 * 1024

_CATALOG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ATTRIBUTE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def valid_catalog(name: str) -> str:
    """The catalog's name; empty means the default one. Raises InvalidArgument."""
    if not name:
        return DEFAULT_CATALOG
    if not _CATALOG.fullmatch(name):
        raise InvalidArgument(Reason.CATALOG_INVALID, field="catalog")
    return name


def valid_product_id(product_id: str, field: str = "id") -> str:
    """The id in NFC. Raises InvalidArgument."""
    canonical = unicodedata.normalize("NFC", product_id)
    if (
        not 1 <= len(canonical) <= MAX_ID_LENGTH
        or not canonical.isprintable()
        or canonical in {".", ".."}
        or "/" in canonical
        or "\\" in canonical
    ):
        raise InvalidArgument(Reason.PRODUCT_ID_INVALID, field=field)
    return canonical


def valid_page_size(page_size: int) -> int:
    if not 1 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidArgument(Reason.PAGE_SIZE_INVALID, field="page_size")
    return page_size


def valid_filter(filter: Filter | None, fields: FilterableFields) -> Filter | None:
    """The filter as it came; without one everything passes. Raises InvalidArgument."""
    if filter is not None:
        check_filter(filter, fields)
    return filter


def valid_search(request: SearchRequest, fields: FilterableFields) -> SearchRequest:
    """The request with canonical names and text. Raises InvalidArgument."""
    reference = request.reference
    if isinstance(reference, ProductReference):
        reference = ProductReference(valid_product_id(reference.product_id, "reference.product_id"))
    check_text(request.modification)
    modification = canonical_text(request.modification)
    if reference is None and not modification.strip():
        raise InvalidArgument(Reason.QUERY_EMPTY)
    valid_filter(request.filter, fields)
    if request.group_by and fields.get(request.group_by) is not FieldKind.KEYWORD:
        raise InvalidArgument(Reason.GROUP_FIELD_UNKNOWN, field="group_by")
    if not 0 <= request.diversity <= 1:  # nor is NaN
        raise InvalidArgument(Reason.DIVERSITY_INVALID, field="diversity")
    if request.rerank is not None:
        _check_rerank(request, request.rerank)
    return replace(
        request,
        catalog=valid_catalog(request.catalog),
        reference=reference,
        modification=modification,
        diversity=abs(request.diversity),  # -0.0 is 0.0, also in a page token
        page_size=valid_page_size(request.page_size),
    )


def _check_rerank(request: SearchRequest, rerank: Rerank) -> None:
    """Raises InvalidArgument where a second stage cannot be asked for so."""
    if not 1 <= rerank.depth <= MAX_RERANK_DEPTH:
        raise InvalidArgument(Reason.RERANK_DEPTH_INVALID, field="rerank.depth")
    if request.reference is None or not request.modification.strip():
        raise InvalidArgument(Reason.RERANK_QUERY_INCOMPLETE, field="rerank")
    if request.diversity:
        raise InvalidArgument(Reason.RERANK_WITH_DIVERSITY, field="rerank")


def valid_facets(request: FacetsRequest, fields: FilterableFields) -> FacetsRequest:
    """The request with its catalog and each field once, all where none is named.

    Raises InvalidArgument.
    """
    wanted = tuple(dict.fromkeys(request.fields or fields))
    if not set(wanted) <= fields.keys():
        raise InvalidArgument(Reason.FACET_FIELD_UNKNOWN, field="field")
    valid_filter(request.filter, fields)
    return replace(request, catalog=valid_catalog(request.catalog), fields=wanted)


def valid_write(write: ProductWrite, fields: FilterableFields) -> ProductWrite:
    """The product with a canonical id and attributes typed as their filters need them.

    Feeds often carry numbers as text: a filterable number may come as ``"12.90"`` and a
    filterable word as a number. Raises InvalidArgument.
    """
    product_id = valid_product_id(write.id)
    try:
        check_text(write.title)
    except InvalidText:
        raise InvalidArgument(Reason.TITLE_INVALID, field="title") from None
    if len(write.title) > MAX_TITLE_LENGTH:
        raise InvalidArgument(Reason.TITLE_INVALID, field="title")
    return replace(
        write,
        id=product_id,
        title=canonical_text(write.title),
        attributes=_valid_attributes(write.attributes, fields),
    )


def _valid_attributes(
    attributes: Mapping[str, AttributeValue], fields: FilterableFields
) -> dict[str, AttributeValue]:
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
    typed: dict[str, AttributeValue] = {}
    for name, value in attributes.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
        kind = fields.get(name)
        if isinstance(value, str | bool | int | float):
            typed[name] = _typed(value, kind)
        elif isinstance(value, list | tuple):
            typed[name] = [_typed(item, kind) for item in value]
        else:
            raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
    if len(json.dumps(typed, ensure_ascii=False).encode()) > MAX_ATTRIBUTES_BYTES:
        raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
    return typed


def _typed(value: object, kind: FieldKind | None) -> Scalar:
    """One attribute value as its filter needs it. Raises InvalidArgument."""
    scalar = _scalar(value)
    match kind:
        case None:
            return scalar
        case FieldKind.NUMBER if not isinstance(scalar, bool):
            return _number(scalar)
        case FieldKind.BOOL:
            return _boolean(scalar)
        case FieldKind.KEYWORD if not isinstance(scalar, bool):
            return scalar if isinstance(scalar, str) else f"{scalar:.15g}"
    raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")


def _scalar(value: object) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    elif isinstance(value, str):
        try:
            check_text(value)
        except InvalidText:
            raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes") from None
        return canonical_text(value)
    raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")


def _number(value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
    return number


def _boolean(value: Scalar) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
