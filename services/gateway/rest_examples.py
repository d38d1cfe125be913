"""Examples for the OpenAPI document; tests send them and compare the answers' form."""

from typing import Any, Final

PRODUCT: Final[dict[str, Any]] = {
    "id": "p-0042",
    "title": "Hooded sweatshirt with a front pocket",
    "catalog": "default",
    "image_uri": "/v1/products/p-0042/image",
    "image_width": 320,
    "image_height": 320,
    "attributes": {"category": "hoodie", "color": "black", "price": 49.9, "hood": True},
    "update_time": "2026-01-15T09:30:00Z",
}

SEARCHES: Final[dict[str, dict[str, Any]]] = {
    "composed": {
        "summary": "A product, changed",
        "value": {
            "reference": {"product_id": "p-0042"},
            "modification": "the same in red, without a hood",
            "page_size": 10,
        },
    },
    "text": {
        "summary": "Words alone, filtered",
        "value": {
            "modification": "a striped summer dress",
            "filter": {
                "all": [
                    {"field": "color", "any_of": ["blue", "white"]},
                    {"field": "price", "min": 10, "max": 60},
                    {"not": {"field": "sleeve", "any_of": ["long"]}},
                ]
            },
        },
    },
    "reranked": {
        "summary": "The first hits judged once more by the second stage",
        "value": {
            "reference": {"product_id": "p-0042"},
            "modification": "the same in red, without a hood",
            "rerank": {"depth": 25},
        },
    },
    "grouped": {
        "summary": "One result for each color, and not all of them alike",
        "value": {
            "reference": {"product_id": "p-0042"},
            "group_by": "color",
            "diversity": 0.3,
        },
    },
    "image": {
        "summary": "A picture of the shopper's own",
        "value": {
            "reference": {"image": {"content": "iVBORw0KGgoAAAANSUhEUgAA"}},
            "modification": "in navy",
        },
    },
}

SEARCH_ANSWER: Final[dict[str, Any]] = {
    "hits": [{"product": PRODUCT, "score": 0.8125, "match_probability": 0.9375}],
    "next_page_token": "",
    "degraded": False,
    "repeated": False,
    "rerank": "DONE",
}

PRODUCT_WRITE: Final[dict[str, Any]] = {
    "title": PRODUCT["title"],
    "attributes": PRODUCT["attributes"],
    "image": {"content": "iVBORw0KGgoAAAANSUhEUgAA"},
}

PRODUCT_PAGE: Final[dict[str, Any]] = {"products": [PRODUCT], "next_page_token": ""}

FACETS: Final[dict[str, Any]] = {
    "facets": [
        {
            "field": "color",
            "values": [{"value": "black", "count": 412}, {"value": "red", "count": 230}],
        },
        {"field": "price", "values": [], "range": {"min": 9.9, "max": 129}},
    ]
}
