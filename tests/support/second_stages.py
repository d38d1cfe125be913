"""Second stages of searches over the real core, to ask for and to look at."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from retrieval.domain import (
    Deadline,
    Product,
    ProductReference,
    Rerank,
    RerankOutcome,
    SearchRequest,
    SearchResponse,
)
from tests.support.core import Core, write

DONE, OUT_OF_TIME, UNAVAILABLE = RerankOutcome
PLAIN: Final = SearchRequest(reference=ProductReference("p1"), modification="in red", page_size=100)
ASKED: Final = replace(PLAIN, rerank=Rerank(10))
PRODUCTS: Final = 30


def soon() -> Deadline:
    return Deadline.after(10)


async def fill(core: Core, count: int = PRODUCTS) -> None:
    """Import products, three to a style; the encoder's calls count from here."""
    writes = [write(number, style=f"style {number // 3}") for number in range(count)]
    await core.catalog.import_products("", writes, soon())
    core.encoder.calls = dict.fromkeys(core.encoder.calls, 0)


async def search(core: Core, request: SearchRequest, seconds: float = 10) -> SearchResponse:
    return await core.search.search(request, Deadline.after(seconds))


def ids(response: SearchResponse) -> list[str]:
    return [hit.product.id for hit in response.hits]


def probabilities(response: SearchResponse) -> list[float | None]:
    return [hit.match_probability for hit in response.hits]


def lose(product: Product, folder: Path) -> None:
    """Remove a product's picture from the store in the folder."""
    (file,) = folder.rglob(f"*{product.image_sha256}*")
    file.unlink()
