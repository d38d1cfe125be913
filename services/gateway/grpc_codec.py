"""Protobuf messages to domain types: what a caller sends. Rules about values are the core's."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from google.protobuf import struct_pb2

from gateway.edge_parts import DEFAULT_PAGE_SIZE, DEFAULT_RERANK_DEPTH, MAX_FILTER_NESTING
from recompose.v1 import catalog_pb2, filter_pb2, product_pb2, search_pb2
from retrieval.domain import (
    DEFAULT_CATALOG,
    AllOf,
    AnyOf,
    AttributeValue,
    FacetsRequest,
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
from retrieval.errors import InvalidArgument, Reason

_VIEWS: Final = {
    product_pb2.PRODUCT_VIEW_UNSPECIFIED: View.FULL,
    product_pb2.PRODUCT_VIEW_BASIC: View.BASIC,
    product_pb2.PRODUCT_VIEW_FULL: View.FULL,
}


def decode_search(message: search_pb2.SearchRequest) -> SearchRequest:
    return SearchRequest(
        catalog=decode_catalog(message.catalog),
        reference=(_decode_reference(message.reference) if message.HasField("reference") else None),
        modification=message.modification,
        filter=decode_filter_of(message),
        page_size=decode_page_size(message),
        page_token=message.page_token,
        include_reference=message.include_reference,
        view=decode_view(message.view),
        group_by=message.group_by,
        diversity=message.diversity,
        rerank=(
            Rerank(message.rerank.depth or DEFAULT_RERANK_DEPTH)
            if message.HasField("rerank")
            else None
        ),
    )


def decode_facets(message: catalog_pb2.GetFacetsRequest) -> FacetsRequest:
    return FacetsRequest(
        catalog=decode_catalog(message.catalog),
        fields=tuple(message.fields),
        filter=decode_filter_of(message),
        multi_select=message.multi_select,
    )


def decode_catalog(name: str) -> str:
    return name or DEFAULT_CATALOG


def decode_page_size(message: Any) -> int:
    """The page size of any message that has one; unset means the default."""
    return message.page_size if message.HasField("page_size") else DEFAULT_PAGE_SIZE


def decode_filter_of(message: Any) -> Filter | None:
    """The filter of any message that has one; unset means that everything passes."""
    return decode_filter(message.filter) if message.HasField("filter") else None


def decode_view(view: int) -> View:
    """Raises InvalidArgument (VIEW_INVALID) for a number that names no view."""
    try:
        return _VIEWS[cast(Any, view)]
    except KeyError:
        raise InvalidArgument(Reason.VIEW_INVALID, field="view") from None


def decode_write(product: product_pb2.Product, image: product_pb2.Image | None) -> ProductWrite:
    """A product to write; its output-only fields are ignored (AIP-203)."""
    return ProductWrite(
        id=product.id,
        title=product.title,
        attributes={name: _plain(value) for name, value in product.attributes.fields.items()},
        image=None if image is None else _decode_image(image),
    )


def _decode_reference(message: search_pb2.Reference) -> Reference:
    source = message.WhichOneof("source")
    if source == "product_id":
        return ProductReference(message.product_id)
    if source == "image":
        return _decode_image(message.image)
    raise InvalidArgument(Reason.FIELD_INVALID, field="reference")


def _decode_image(message: product_pb2.Image) -> ImageSource:
    if message.WhichOneof("source") == "uri":
        return UriReference(message.uri)
    return UploadReference(message.content)  # without a source: an empty picture


# --- filters --------------------------------------------------------------------------------


def decode_filter(message: filter_pb2.Filter, path: str = "filter", level: int = 1) -> Filter:
    """A filter tree. Paths in errors are those of the REST form.

    Raises:
        InvalidArgument: FILTER_INVALID where a filter says nothing, FILTER_TOO_DEEP far beyond
            what the core admits, FILTER_VALUE_INVALID where a value is no scalar.
    """
    if level > MAX_FILTER_NESTING:
        raise InvalidArgument(Reason.FILTER_TOO_DEEP, field="filter")
    kind = message.WhichOneof("kind")
    if kind == "all":
        return AllOf(_decode_filters(message.all.filters, f"{path}.all", level))
    if kind == "any":
        return AnyOf(_decode_filters(message.any.filters, f"{path}.any", level))
    if kind == "not":
        return Not(decode_filter(getattr(message, "not"), f"{path}.not", level + 1))
    if kind == "match":
        values = tuple(
            _decode_scalar(value, f"{path}.any_of[{place}]")
            for place, value in enumerate(message.match.any_of)
        )
        return Match(message.match.field, values)
    if kind == "range":
        bounds = message.range
        return Range(
            bounds.field,
            min=bounds.min if bounds.HasField("min") else None,
            max=bounds.max if bounds.HasField("max") else None,
        )
    raise InvalidArgument(Reason.FILTER_INVALID, field=path)


def _decode_filters(
    messages: Sequence[filter_pb2.Filter], path: str, level: int
) -> tuple[Filter, ...]:
    return tuple(
        decode_filter(message, f"{path}[{place}]", level + 1)
        for place, message in enumerate(messages)
    )


def _decode_scalar(value: struct_pb2.Value, path: str) -> Scalar:
    kind = value.WhichOneof("kind")
    if kind not in {"string_value", "number_value", "bool_value"}:
        raise InvalidArgument(Reason.FILTER_VALUE_INVALID, field=path)
    return cast(Scalar, getattr(value, kind))


# --- attributes -----------------------------------------------------------------------------


def _plain(value: struct_pb2.Value) -> AttributeValue:
    """A struct value as Python has it. Nulls and nested structs pass as they are, for the core
    to refuse: a bad product of an import fails alone, so nothing is raised here."""
    kind = value.WhichOneof("kind")
    read = _READERS.get(kind or "")
    return cast(AttributeValue, None if read is None else read(value))


_READERS: Final[dict[str, Callable[[struct_pb2.Value], Any]]] = {
    "string_value": lambda value: value.string_value,
    "number_value": lambda value: value.number_value,
    "bool_value": lambda value: value.bool_value,
    "list_value": lambda value: [_plain(item) for item in value.list_value.values],
    "struct_value": lambda value: {
        name: _plain(item) for name, item in value.struct_value.fields.items()
    },
}
