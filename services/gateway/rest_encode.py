"""Domain types to JSON: what a caller gets."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from fastapi import Response

from gateway.edge_parts import image_path
from retrieval.domain import AttributeValue, Facet, Hit, Product, ProductPage, SearchResponse, View


class JsonResponse(Response):
    """Compact JSON in UTF-8."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(
            content, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()


def encode_search(answer: SearchResponse, view: View) -> dict[str, Any]:
    body: dict[str, Any] = {
        "hits": [_hit(hit, view) for hit in answer.hits],
        "next_page_token": answer.next_page_token,
        "degraded": answer.degraded,
        "repeated": answer.repeated,
    }
    if answer.rerank is not None:
        body["rerank"] = answer.rerank.value
    return body


def _hit(hit: Hit, view: View) -> dict[str, Any]:
    body: dict[str, Any] = {"product": encode_product(hit.product, view), "score": hit.score}
    if hit.match_probability is not None:
        body["match_probability"] = hit.match_probability
    return body


def encode_product(product: Product, view: View = View.FULL) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": product.id,
        "title": product.title,
        "catalog": product.catalog,
        "image_uri": image_path(product),
        "image_width": product.image_width,
        "image_height": product.image_height,
    }
    if view is View.BASIC:
        return body
    body["attributes"] = {name: _value(value) for name, value in product.attributes.items()}
    if product.updated_at_s > 0:
        moment = datetime.fromtimestamp(product.updated_at_s, UTC)
        body["update_time"] = moment.isoformat().replace("+00:00", "Z")
    return body


def encode_page(page: ProductPage, view: View) -> dict[str, Any]:
    return {
        "products": [encode_product(product, view) for product in page.products],
        "next_page_token": page.next_page_token,
    }


def encode_facets(facets: Iterable[Facet]) -> dict[str, Any]:
    return {"facets": [_facet(facet) for facet in facets]}


def _facet(facet: Facet) -> dict[str, Any]:
    body: dict[str, Any] = {
        "field": facet.field,
        "values": [{"value": _value(entry.value), "count": entry.count} for entry in facet.values],
    }
    if facet.range is not None:
        body["range"] = {"min": _value(facet.range.min), "max": _value(facet.range.max)}
    return body


def _value(value: AttributeValue) -> Any:
    """Whole numbers without a fraction, as in the JSON form of a protobuf Value."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, str | bool | int):
        return value
    return [_value(item) for item in value]
