"""How much two models' answers agree, on questions made of the catalog itself.

Shoppers' queries are kept nowhere, so there are none to ask again. A product drawn from the live
collection gives two questions, each asked under both models, in the product's catalog:

- *picture*: its stored picture alone. The product itself must come first (or tie, as products that
  show the same picture do); a model or an index that is broken shows here.
- *composed*: its picture with the title of another product for words, the product itself left out.

The agreement of two answers is the share of their first ten that they have in common. A better
model agrees less than an equal one; what a low figure asks for is a look, not a refusal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from gateway.model_swap.embedding import pixels_of
from gateway.model_swap.parts import Side, SwapParts, SwapRefused, patiently
from retrieval.domain import F32Array, IndexQuery, Product, Ranked

TOP: Final = 10
_TIE: Final = 2e-3  # what float16 tokens are off by


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found.

    Attributes:
        products: asked about.
        picture_overlap: mean overlap@10 of picture questions, 0 to 1.
        composed: composed questions; products without a title give none.
        composed_overlap: mean overlap@10 of those, 0 to 1; NaN where there are none.
        finds_itself: share of the products that come first for their own picture, for the live
            model and for the other one.
    """

    products: int
    picture_overlap: float
    composed: int
    composed_overlap: float
    finds_itself: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """One model's: for each product what its picture finds, itself included, and what its picture
    with words finds (None where there are no words)."""

    picture: list[list[Ranked]]
    composed: list[list[Ranked] | None]


async def compare(parts: SwapParts, model: str, *, sample: int) -> Comparison:
    """Compare the live model with another one that was backfilled.

    Raises `SwapRefused` and `RecomposeError`.
    """
    models = await patiently(parts.registry.models)
    if models.live is None or models.live == model or model not in models.all:
        raise SwapRefused(f"compare the live model with another one that is indexed, not {model}")
    live, other = parts.side(models.live), parts.side(model)
    drawn = await patiently(partial(live.space.audits.sample, sample))
    products = await _with_pictures(parts, live, other, [item.product for item in drawn])
    if not products:
        raise SwapRefused(f"no product is in both models with a whole picture: backfill {model}")
    words = [products[(number + 1) % len(products)].title for number in range(len(products))]
    old, new = [await _ask(parts, side, products, words) for side in (live, other)]
    itself = [product.point_id for product in products]
    pictures = [
        _overlap(_without(mine, one), _without(theirs, one))
        for mine, theirs, one in zip(old.picture, new.picture, itself, strict=True)
    ]
    composed = [
        _overlap(mine, theirs)
        for mine, theirs in zip(old.composed, new.composed, strict=True)
        if mine is not None and theirs is not None
    ]
    finds = [
        float(np.mean([_first(hits, one) for hits, one in zip(side, itself, strict=True)]))
        for side in (old.picture, new.picture)
    ]
    return Comparison(
        products=len(products),
        picture_overlap=float(np.mean(pictures)),
        composed=len(composed),
        composed_overlap=float(np.mean(composed)) if composed else float("nan"),
        finds_itself=(finds[0], finds[1]),
    )


async def _with_pictures(
    parts: SwapParts, live: Side, other: Side, products: Sequence[Product]
) -> list[Product]:
    """Those that both models index by the same picture, which is there."""
    ids = [product.point_id for product in products]
    found = await patiently(partial(other.copies.find, ids))
    same = [
        product
        for product in products
        if product.point_id in found
        and found[product.point_id].product.image_sha256 == product.image_sha256
    ]
    pixels = await pixels_of(parts, live.space, same)
    return [product for product, one in zip(same, pixels, strict=True) if one is not None]


async def _ask(
    parts: SwapParts, side: Side, products: Sequence[Product], words: Sequence[str]
) -> _Answers:
    space = side.space
    space.tuned.current = await patiently(space.audits.tuning)
    pictures: list[list[Ranked]] = []
    composed: list[list[Ranked] | None] = []
    with parts.progress(f"asking {space.model}", len(products)) as progress:
        for product, text in zip(products, words, strict=True):
            (pixels,) = await pixels_of(parts, space, [product])
            if pixels is None:
                raise SwapRefused("a picture went missing while the models were compared")
            embedded = await patiently(partial(space.encoder.encode_images, pixels[None]))
            pictures.append(await _search(side, product, embedded.tokens[0], itself=True))
            if not space.tokenizer.process(text):
                composed.append(None)
            else:
                ids, mask = space.tokenizer.encode_batch([text])
                query = await patiently(partial(space.encoder.compose, embedded.embeds, ids, mask))
                composed.append(await _search(side, product, query[0], itself=False))
            progress(1)
    return _Answers(pictures, composed)


async def _search(side: Side, product: Product, vectors: F32Array, *, itself: bool) -> list[Ranked]:
    query = IndexQuery(
        product.catalog,
        vectors,
        TOP + itself,
        exclude=() if itself else (product.point_id,),
        route=side.space.tuned.route_of(vectors),
    )
    return await patiently(partial(side.space.index.search, query))


def _without(hits: Sequence[Ranked], itself: object) -> list[Ranked]:
    return [hit for hit in hits if hit.point_id != itself][:TOP]


def _overlap(mine: Sequence[Ranked], theirs: Sequence[Ranked]) -> float:
    """The share of two answers that they have in common; 1 where both are empty."""
    most = max(len(mine), len(theirs))
    common = {hit.point_id for hit in mine} & {hit.point_id for hit in theirs}
    return len(common) / most if most else 1.0


def _first(hits: Sequence[Ranked], itself: object) -> bool:
    best = hits[0].score if hits else 0.0
    return any(hit.point_id == itself and hit.score >= best - _TIE for hit in hits)
