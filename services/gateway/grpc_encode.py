"""Domain types to protobuf messages: what a caller gets."""

from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf import struct_pb2

from gateway.edge_parts import image_path
from recompose.v1 import catalog_pb2, product_pb2, search_pb2
from retrieval.domain import (
    AttributeValue,
    Facet,
    ImportOutcome,
    ImportResult,
    Product,
    ProductPage,
    RerankOutcome,
    SearchResponse,
    View,
)

_OUTCOMES: Final = {
    ImportOutcome.IMPORTED: catalog_pb2.IMPORT_OUTCOME_IMPORTED,
    ImportOutcome.UNCHANGED: catalog_pb2.IMPORT_OUTCOME_UNCHANGED,
    ImportOutcome.FAILED: catalog_pb2.IMPORT_OUTCOME_FAILED,
}

_RERANKS: Final = {
    None: search_pb2.RERANK_OUTCOME_UNSPECIFIED,
    RerankOutcome.DONE: search_pb2.RERANK_OUTCOME_DONE,
    RerankOutcome.OUT_OF_TIME: search_pb2.RERANK_OUTCOME_OUT_OF_TIME,
    RerankOutcome.UNAVAILABLE: search_pb2.RERANK_OUTCOME_UNAVAILABLE,
}


def encode_search(answer: SearchResponse, view: View) -> search_pb2.SearchResponse:
    message = search_pb2.SearchResponse(
        next_page_token=answer.next_page_token,
        degraded=answer.degraded,
        repeated=answer.repeated,
        rerank=_RERANKS[answer.rerank],
    )
    for hit in answer.hits:
        encoded = message.hits.add(score=hit.score, match_probability=hit.match_probability)
        _fill(encoded.product, hit.product, view)
    return message


def encode_product(product: Product, view: View = View.FULL) -> product_pb2.Product:
    message = product_pb2.Product()
    _fill(message, product, view)
    return message


def _fill(message: product_pb2.Product, product: Product, view: View) -> None:
    """Write a product into its message: in place, since copies take thrice as long."""
    message.id = product.id
    message.title = product.title
    message.catalog = product.catalog
    message.image_uri = image_path(product)
    message.image_width = product.image_width
    message.image_height = product.image_height
    if view is View.BASIC:
        return
    message.attributes.SetInParent()  # also where there are none
    fields = message.attributes.fields
    for name, value in product.attributes.items():
        _set(fields[name], value)
    if product.updated_at_s > 0:
        micros = round(product.updated_at_s * 1e6)
        message.update_time.seconds = micros // 1_000_000
        message.update_time.nanos = micros % 1_000_000 * 1000


def encode_page(page: ProductPage, view: View) -> catalog_pb2.ListProductsResponse:
    return catalog_pb2.ListProductsResponse(
        products=[encode_product(product, view) for product in page.products],
        next_page_token=page.next_page_token,
    )


def encode_import(results: Sequence[ImportResult]) -> catalog_pb2.ImportProductsResponse:
    outcomes = [result.outcome for result in results]
    return catalog_pb2.ImportProductsResponse(
        imported_count=outcomes.count(ImportOutcome.IMPORTED),
        unchanged_count=outcomes.count(ImportOutcome.UNCHANGED),
        failed_count=outcomes.count(ImportOutcome.FAILED),
        results=[
            catalog_pb2.ImportResult(
                product_id=result.product_id,
                outcome=_OUTCOMES[result.outcome],
                reason=result.reason,
                message=result.message,
            )
            for result in results
        ],
    )


def encode_facets(facets: Iterable[Facet]) -> catalog_pb2.GetFacetsResponse:
    return catalog_pb2.GetFacetsResponse(
        facets=[
            catalog_pb2.Facet(
                field=facet.field,
                values=[
                    catalog_pb2.FacetValue(value=_value(entry.value), count=entry.count)
                    for entry in facet.values
                ],
                range=None
                if facet.range is None
                else catalog_pb2.NumberRange(min=facet.range.min, max=facet.range.max),
            )
            for facet in facets
        ]
    )


def _value(value: AttributeValue) -> struct_pb2.Value:
    message = struct_pb2.Value()
    _set(message, value)
    return message


def _set(message: struct_pb2.Value, value: AttributeValue) -> None:
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, float | int):
        message.number_value = value
    else:
        message.list_value.SetInParent()  # also where it is empty
        for item in value:
            _set(message.list_value.values.add(), item)
