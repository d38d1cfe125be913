"""JSON to domain types: what a caller sends. Rules about values are the core's."""

import math
from typing import Any, Final, cast

from gateway.edge_parts import DEFAULT_PAGE_SIZE, DEFAULT_RERANK_DEPTH, MAX_FILTER_NESTING
from gateway.long_base64 import LongBase64, decode_base64
from gateway.rest_fields import Fields
from gateway.rest_parse import FormShape, Parsed
from retrieval.domain import (
    DEFAULT_CATALOG,
    AllOf,
    AnyOf,
    AttributeValue,
    Filter,
    ImageSource,
    Match,
    Not,
    ProductReference,
    ProductWrite,
    Range,
    Reference,
    Rerank,
    Scalar,
    SearchRequest,
    UploadReference,
    UriReference,
    View,
)
from retrieval.errors import InvalidArgument, InvalidImage, Reason

SEARCH_FORM: Final = FormShape(
    text=frozenset({"catalog", "modification", "page_token", "view", "group_by"}),
    json=frozenset(
        {"reference", "filter", "page_size", "include_reference", "diversity", "rerank"}
    ),
)
PRODUCT_FORM: Final = FormShape(
    text=frozenset({"catalog", "id", "title"}), json=frozenset({"attributes"})
)
SEARCH_FIELDS: Final = SEARCH_FORM.text | SEARCH_FORM.json
PRODUCT_OUTPUT_FIELDS: Final = frozenset(
    {"image_uri", "image_width", "image_height", "update_time"}
)
PRODUCT_FIELDS: Final = PRODUCT_FORM.text | PRODUCT_FORM.json | {"image"} | PRODUCT_OUTPUT_FIELDS


def decode_search(body: Parsed) -> SearchRequest:
    """The JSON of ``POST /v1/products:search``; the ``image`` part of a form is the reference."""
    fields = Fields(body.document, SEARCH_FIELDS)
    reference = fields.value("reference")
    if body.image is not None and reference is not None:
        raise InvalidArgument(Reason.FIELD_INVALID, field="reference")
    condition = fields.value("filter")
    return SearchRequest(
        catalog=fields.text("catalog") or DEFAULT_CATALOG,
        reference=(
            UploadReference(body.image)
            if body.image is not None
            else None
            if reference is None
            else _decode_reference(reference)
        ),
        modification=fields.text("modification"),
        filter=None if condition is None else decode_filter(condition),
        page_size=decode_page_size(fields.value("page_size")),
        page_token=fields.text("page_token"),
        include_reference=fields.flag("include_reference"),
        view=decode_view(fields.value("view")),
        group_by=fields.text("group_by"),
        diversity=_decode_diversity(fields.value("diversity")),
        rerank=_decode_rerank(fields.value("rerank")),
    )


def decode_product(body: Parsed, product_id: str) -> tuple[str, ProductWrite]:
    """The JSON of ``PUT /v1/products/{id}``: its catalog, and the product to write.

    What an answer says about a product may be sent back: output-only fields are ignored
    (AIP-203), and an ``id`` must be that of the path.
    """
    fields = Fields(body.document, PRODUCT_FIELDS)
    if fields.value("id") not in (None, product_id):
        raise InvalidArgument(Reason.FIELD_INVALID, field="id")
    image = fields.value("image")
    if body.image is not None and image is not None:
        raise InvalidArgument(Reason.FIELD_INVALID, field="image")
    attributes = fields.value("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise InvalidArgument(Reason.ATTRIBUTES_INVALID, field="attributes")
    write = ProductWrite(
        id=product_id,
        title=fields.text("title"),
        attributes={name: _attribute(value) for name, value in (attributes or {}).items()},
        image=(
            UploadReference(body.image)
            if body.image is not None
            else None
            if image is None
            else _decode_image(image, "image")
        ),
    )
    return fields.text("catalog") or DEFAULT_CATALOG, write


def decode_page_size(value: object) -> int:
    """A whole number; None means the default. Raises InvalidArgument (PAGE_SIZE_INVALID)."""
    if value is None:
        return DEFAULT_PAGE_SIZE
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(Reason.PAGE_SIZE_INVALID, field="page_size")
    return value


def decode_view(value: object) -> View:
    """``basic`` or ``full``; None and empty mean full. Raises InvalidArgument (VIEW_INVALID)."""
    if value is None or value == "":
        return View.FULL
    try:
        return View(cast(str, value))
    except ValueError:
        raise InvalidArgument(Reason.VIEW_INVALID, field="view") from None


def _decode_diversity(value: object) -> float:
    """A number; None means 0. Raises InvalidArgument (DIVERSITY_INVALID)."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(Reason.DIVERSITY_INVALID, field="diversity")
    return _double(value)


def _decode_rerank(value: object) -> Rerank | None:
    """``{"depth": 25}``; a depth of 0 or none means the default.

    Raises InvalidArgument (RERANK_DEPTH_INVALID).
    """
    if value is None:
        return None
    depth = Fields(value, {"depth"}, "rerank").value("depth")
    if depth is None:
        return Rerank(DEFAULT_RERANK_DEPTH)
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise InvalidArgument(Reason.RERANK_DEPTH_INVALID, field="rerank.depth")
    return Rerank(depth or DEFAULT_RERANK_DEPTH)


def _decode_reference(value: object) -> Reference:
    fields = Fields(value, {"product_id", "image"}, "reference")
    image = fields.value("image")
    if (fields.value("product_id") is None) == (image is None):
        raise InvalidArgument(Reason.FIELD_INVALID, field="reference")
    if image is not None:
        return _decode_image(image, "reference.image")
    return ProductReference(fields.text("product_id"))


def _decode_image(value: object, path: str) -> ImageSource:
    """``{"content": "<base64>"}`` or ``{"uri": "..."}``; without either an empty picture."""
    fields = Fields(value, {"content", "uri"}, path)
    if fields.value("uri") is None:
        return UploadReference(_decode_content(fields.value("content"), f"{path}.content"))
    if fields.value("content") is not None:
        raise InvalidArgument(Reason.FIELD_INVALID, field=path)
    return UriReference(fields.text("uri"))


def _decode_content(value: object, path: str) -> bytes:
    """Standard base64 with padding and without line breaks (RFC 4648, 4)."""
    if isinstance(value, LongBase64):
        return value.content
    if value is None:
        return b""
    if not isinstance(value, str):
        raise InvalidArgument(Reason.FIELD_INVALID, field=path)
    try:
        return decode_base64(value)
    except ValueError:  # binascii.Error is one, and so is text beyond ASCII
        raise InvalidImage(Reason.IMAGE_ENCODING_INVALID, field=path) from None


def _attribute(value: Any) -> AttributeValue:
    """A scalar or a list of them. Whole numbers are doubles, as in a protobuf Value; what is no
    attribute at all passes as it is, for the core to refuse."""
    if isinstance(value, list):
        return [_number_as_double(item) for item in value]
    return cast(AttributeValue, _number_as_double(value))


def _number_as_double(value: Any) -> Any:
    if isinstance(value, LongBase64):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _double(value)
    return value


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


# --- filters --------------------------------------------------------------------------------


def decode_filter(value: object, path: str = "filter", level: int = 1) -> Filter:
    """A filter tree.

    Raises:
        InvalidArgument: FILTER_INVALID where it is none of the forms, FILTER_TOO_DEEP far beyond
            what the core admits, FILTER_VALUE_INVALID and FILTER_RANGE_INVALID where a value or
            a bound has no possible type.
    """
    if level > MAX_FILTER_NESTING:
        raise InvalidArgument(Reason.FILTER_TOO_DEEP, field="filter")
    match value:
        case {"all": list(filters), **rest} if not rest:
            return AllOf(_decode_filters(filters, f"{path}.all", level))
        case {"any": list(filters), **rest} if not rest:
            return AnyOf(_decode_filters(filters, f"{path}.any", level))
        case {"not": negated, **rest} if not rest:
            return Not(decode_filter(negated, f"{path}.not", level + 1))
        case {"field": str(name), "any_of": list(values), **rest} if not rest:
            return Match(
                name,
                tuple(
                    _decode_scalar(item, f"{path}.any_of[{place}]")
                    for place, item in enumerate(values)
                ),
            )
        case {"field": str(name), **bounds} if bounds and bounds.keys() <= {"min", "max"}:
            return Range(
                name,
                min=_decode_bound(bounds.get("min"), f"{path}.min"),
                max=_decode_bound(bounds.get("max"), f"{path}.max"),
            )
    raise InvalidArgument(Reason.FILTER_INVALID, field=path)


def _decode_filters(values: list[object], path: str, level: int) -> tuple[Filter, ...]:
    return tuple(
        decode_filter(value, f"{path}[{place}]", level + 1) for place, value in enumerate(values)
    )


def _decode_scalar(value: object, path: str) -> Scalar:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _double(value)
    raise InvalidArgument(Reason.FILTER_VALUE_INVALID, field=path)


def _decode_bound(value: object, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(Reason.FILTER_RANGE_INVALID, field=path)
    return _double(value)
