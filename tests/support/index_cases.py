"""What the cases of the index contract ask about: a small catalog, its exact scores, filters."""

import uuid
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from retrieval.domain import (
    AllOf,
    AnyOf,
    AttributeValue,
    F32Array,
    FieldKind,
    Filter,
    IndexedProduct,
    Match,
    Not,
    Product,
    Range,
    Ranked,
    point_id,
)

EMBED_DIM: Final = 32
QUERY_TOKENS: Final = 4
CATALOG: Final = "spring"
FLOAT16_ROUNDING: Final = 2e-3

FIELDS: Final = {
    "color": FieldKind.KEYWORD,
    "tags": FieldKind.KEYWORD,
    "price": FieldKind.NUMBER,
    "sizes": FieldKind.NUMBER,
    "sale": FieldKind.BOOL,
    "made in": FieldKind.KEYWORD,
    "eu.size": FieldKind.NUMBER,
}
COLORS: Final = ("red", "green", "blue", 'red" or "1"="1')
TAGS: Final = ("cotton", "wool", "linen")


def unit(vectors: Any) -> F32Array:
    """Rows divided by their norms, float32."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def random_tokens(
    count: int, *, seed: int, query_tokens: int = QUERY_TOKENS, embed_dim: int = EMBED_DIM
) -> F32Array:
    """Tokens [count, K, D] of products, of unit norm; those of one product are alike."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(count, 1, embed_dim))
    return unit(own + 0.8 * rng.normal(size=(count, query_tokens, embed_dim)))


def random_query(*, seed: int, embed_dim: int = EMBED_DIM) -> F32Array:
    """A composed query [D] of unit norm."""
    return unit(np.random.default_rng(seed).normal(size=embed_dim))


def product(number: int, catalog: str = CATALOG, **changes: AttributeValue) -> Product:
    """The product of this number; every seventh lacks most attributes."""
    attributes: dict[str, AttributeValue] = {"color": COLORS[number % 4]}
    if number % 7:
        attributes |= {
            "price": number / 4,
            "sale": number % 3 == 0,
            "tags": [TAGS[number % 3], TAGS[(number + number // 3) % 3]],
            "sizes": [36.0 + number % 5, 44.5],
            "made in": "Île-de-France" if number % 2 else "Seoul",
            "eu.size": float(number % 10),
        }
    return Product(
        id=f"sku {number}",
        title=f"Jacket № {number}",
        attributes=attributes | changes,
        catalog=catalog,
        image_sha256=f"{number:064x}",
        image_width=320,
        image_height=400 + number,
        updated_at_s=1_700_000_000.25 + number,
        source_sha256=f"{number + 1:064x}",
    )


def catalog_of(count: int, *, catalog: str = CATALOG, seed: int = 7) -> Sequence[IndexedProduct]:
    """The first ``count`` products with their tokens."""
    tokens = random_tokens(count, seed=seed)
    return [IndexedProduct(product(n, catalog), tokens[n]) for n in range(count)]


def exact_scores(products: Sequence[IndexedProduct], query: F32Array) -> dict[uuid.UUID, float]:
    """Late interaction in float64: over the query's rows, the mean of the best match."""
    rows = np.atleast_2d(query).astype(np.float64)
    return {
        item.product.point_id: float((rows @ item.tokens.astype(np.float64).T).max(axis=1).mean())
        for item in products
    }


def assert_ranking(ranked: Sequence[Ranked], exact: dict[uuid.UUID, float], limit: int) -> None:
    """The hits are the best of ``exact``, in order, up to float16 rounding of the tokens."""
    assert len({hit.point_id for hit in ranked}) == len(ranked) == min(limit, len(exact))
    for hit, best in zip(ranked, sorted(exact.values(), reverse=True), strict=False):
        assert abs(hit.score - exact[hit.point_id]) < FLOAT16_ROUNDING
        assert abs(hit.score - best) < FLOAT16_ROUNDING
    assert all(a.score >= b.score for a, b in pairwise(ranked))


def ids(numbers: Sequence[int], catalog: str = CATALOG) -> set[uuid.UUID]:
    """Point ids of the products of these numbers."""
    return {point_id(catalog, product(number).id) for number in numbers}


def _numbers(product: Product, field: str) -> list[float]:
    value = product.attributes.get(field, [])
    return [value] if isinstance(value, float) else [*value]  # type: ignore[misc]


FILTERS: Final[dict[str, tuple[Filter, Callable[[Product], bool]]]] = {
    "one word": (Match("color", ("red",)), lambda p: p.attributes["color"] == "red"),
    "several words": (
        Match("color", ("red", "blue", "no such color")),
        lambda p: p.attributes["color"] in ("red", "blue"),
    ),
    "a value that looks like a query": (
        Match("color", (COLORS[3],)),
        lambda p: p.attributes["color"] == COLORS[3],
    ),
    "no value": (Match("color", ()), lambda p: False),
    "a word in a list": (
        Match("tags", ("wool",)),
        lambda p: "wool" in p.attributes.get("tags", ()),  # type: ignore[operator]
    ),
    "true": (Match("sale", (True,)), lambda p: p.attributes.get("sale") is True),
    "false": (Match("sale", (False,)), lambda p: p.attributes.get("sale") is False),
    "true or false": (Match("sale", (True, False)), lambda p: "sale" in p.attributes),
    "a number": (Match("price", (2.5,)), lambda p: p.attributes.get("price") == 2.5),
    "several numbers": (
        Match("price", (2.5, 4.0, -1.0)),
        lambda p: p.attributes.get("price") in (2.5, 4.0),
    ),
    "a number in a list": (Match("sizes", (38.0,)), lambda p: 38.0 in _numbers(p, "sizes")),
    "a closed range": (
        Range("price", 2.5, 7.25),
        lambda p: any(2.5 <= n <= 7.25 for n in _numbers(p, "price")),
    ),
    "from": (Range("price", min=7.25), lambda p: any(n >= 7.25 for n in _numbers(p, "price"))),
    "up to": (Range("price", max=2.5), lambda p: any(n <= 2.5 for n in _numbers(p, "price"))),
    "a range over a list": (
        Range("sizes", 37.5, 39.5),
        lambda p: any(37.5 <= n <= 39.5 for n in _numbers(p, "sizes")),
    ),
    "a field with a space": (
        Match("made in", ("Île-de-France",)),
        lambda p: p.attributes.get("made in") == "Île-de-France",
    ),
    "a field with a dot": (
        Range("eu.size", 3.0, 5.0),
        lambda p: any(3.0 <= n <= 5.0 for n in _numbers(p, "eu.size")),
    ),
    "not, also where the field is missing": (
        Not(Match("sale", (True,))),
        lambda p: p.attributes.get("sale") is not True,
    ),
    "all": (
        AllOf((Match("color", ("red",)), Range("price", max=10.0))),
        lambda p: p.attributes["color"] == "red" and any(n <= 10 for n in _numbers(p, "price")),
    ),
    "all of nothing": (AllOf(()), lambda p: True),
    "any": (
        AnyOf((Match("color", ("red",)), Match("sale", (True,)))),
        lambda p: p.attributes["color"] == "red" or p.attributes.get("sale") is True,
    ),
    "any of nothing": (AnyOf(()), lambda p: False),
    "nested four deep": (
        AllOf(
            (
                Not(AnyOf((Match("color", ("green",)), AllOf((Match("sale", (True,)),))))),
                AnyOf((Range("price", min=5.0), Match("tags", ("linen",)))),
            )
        ),
        lambda p: (
            p.attributes["color"] != "green"
            and p.attributes.get("sale") is not True
            and (
                any(n >= 5 for n in _numbers(p, "price")) or "linen" in p.attributes.get("tags", ())  # type: ignore[operator]
            )
        ),
    ),
}
"""Filters by what they show, each with the plain rule for a product that it stands for."""
