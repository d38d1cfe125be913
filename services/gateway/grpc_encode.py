"""Domain types to protobuf messages: what a caller gets."""

from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf import struct_pb2, timestamp_pb2

from gateway.edge_parts import image_path
from recompose.v1 import catalog_pb2, product_pb2, search_pb2
from retrieval.domain import (
    AttributeValue,
    Facet,
    ImportOutcome,
    ImportResult,
    Product,
    ProductPage,
    SearchResponse,
    View,
)

_OUTCOMES: Final = {
    ImportOutcome.IMPORTED: catalog_pb2.IMPORT_OUTCOME_IMPORTED,
    ImportOutcome.UNCHANGED: catalog_pb2.IMPORT_OUTCOME_UNCHANGED,
    ImportOutcome.FAILED: catalog_pb2.IMPORT_OUTCOME_FAILED,
}


def encode_search(answer: SearchResponse, view: View) -> search_pb2.SearchResponse:
    return search_pb2.SearchResponse(
        hits=[
            search_pb2.Hit(product=encode_product(hit.product, view), score=hit.score)
            for hit in answer.hits
        ],
        next_page_token=answer.next_page_token,
        degraded=answer.degraded,
        repeated=answer.repeated,
    )


def encode_product(product: Product, view: View = View.FULL) -> product_pb2.Product:
    message = product_pb2.Product(
        id=product.id,
        title=product.title,
        catalog=product.catalog,
        image_uri=image_path(product),
        image_width=product.image_width,
        image_height=product.image_height,
    )
    if view is View.BASIC:
        return message
    message.attributes.CopyFrom(
        struct_pb2.Struct(
            fields={name: _value(value) for name, value in product.attributes.items()}
        )
    )
    if product.updated_at_s > 0:
        message.update_time.CopyFrom(_timestamp(product.updated_at_s))
    return message


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
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, float | int):
        return struct_pb2.Value(number_value=value)
    return struct_pb2.Value(
        list_value=struct_pb2.ListValue(values=[_value(item) for item in value])
    )


def _timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    micros = round(seconds * 1e6)
    return timestamp_pb2.Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)
