"""A core that remembers what it was asked and answers what it was told: for tests of the edges."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.admission import Admission, FixedLimit
from gateway.edge_parts import Budgets, EdgeParts
from gateway.telemetry import Metrics, request_id
from gateway.validation import (
    valid_catalog,
    valid_facets,
    valid_filter,
    valid_page_size,
    valid_product_id,
    valid_search,
    valid_write,
)
from retrieval.domain import (
    Deadline,
    Facet,
    FacetsRequest,
    FacetValue,
    FieldKind,
    Filter,
    Hit,
    ImportOutcome,
    ImportResult,
    NumberRange,
    Product,
    ProductPage,
    ProductWrite,
    SearchRequest,
    SearchResponse,
)

PRODUCT = Product(
    id="p-1-ü",
    title="Crêpe dress",
    attributes={"color": "red", "price": 39.0, "rating": 4.5, "hood": False, "tags": ["a", "b"]},
    image_sha256="ab" * 32,
    image_width=320,
    image_height=240,
    updated_at_s=1_700_000_000.25,
)


@dataclass(frozen=True, slots=True)
class FakePicture:
    content: bytes = b"\x89PNG picture"
    media_type: str = "image/png"
    sha256: str = "ab" * 32


@dataclass
class FakeCore:
    """Stands for both halves of the core.

    ``calls`` holds what reached it and ``entered`` is set then; ``error`` makes what every call
    raises; ``hold`` makes every call wait until it is set, and ``left`` is set when that wait is
    cancelled.
    """

    calls: list[tuple[str, Any]] = field(default_factory=list)
    deadlines_s: list[float] = field(default_factory=list)
    error: Callable[[], BaseException] | None = None
    hold: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0
    created: bool = False
    hits: tuple[Hit, ...] = (Hit(PRODUCT, 0.8125),)

    async def _answer(self, name: str, asked: Any, deadline: Deadline) -> None:
        self.calls.append((name, asked))
        self.entered.set()
        self.deadlines_s.append(deadline.remaining_s())
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            self.left.set()
            raise
        if self.error is not None:
            raise self.error()

    async def search(self, request: SearchRequest, deadline: Deadline) -> SearchResponse:
        await self._answer("search", request, deadline)
        return SearchResponse(self.hits, next_page_token="next", degraded=True)

    async def import_products(
        self, catalog: str, writes: Sequence[ProductWrite], deadline: Deadline
    ) -> Sequence[ImportResult]:
        await self._answer("import", (catalog, tuple(writes)), deadline)
        return [ImportResult(write.id, ImportOutcome.IMPORTED) for write in writes]

    async def get(self, catalog: str, product_id: str, deadline: Deadline) -> Product:
        await self._answer("get", (catalog, product_id), deadline)
        return PRODUCT

    async def list(
        self,
        catalog: str,
        page_size: int,
        page_token: str,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> ProductPage:
        await self._answer("list", (catalog, page_size, page_token, filter), deadline)
        return ProductPage((PRODUCT,), "next")

    async def update(
        self, catalog: str, write: ProductWrite, *, allow_missing: bool, deadline: Deadline
    ) -> tuple[Product, bool]:
        await self._answer("update", (catalog, write, allow_missing), deadline)
        return PRODUCT, self.created

    async def delete(self, catalog: str, product_id: str, deadline: Deadline) -> None:
        await self._answer("delete", (catalog, product_id), deadline)

    async def facets(self, request: FacetsRequest, deadline: Deadline) -> Sequence[Facet]:
        await self._answer("facets", request, deadline)
        return [
            Facet("color", (FacetValue("red", 3), FacetValue("blue", 1))),
            Facet("hood", (FacetValue(True, 4),)),
            Facet("price", range=NumberRange(9.5, 60.0)),
            Facet("weight"),
        ]

    async def image(self, catalog: str, product_id: str, deadline: Deadline) -> FakePicture:
        await self._answer("image", (catalog, product_id), deadline)
        return FakePicture()


FIELDS = {
    "color": FieldKind.KEYWORD,
    "price": FieldKind.NUMBER,
    "hood": FieldKind.BOOL,
}
"""Filterable fields of `RulingCore`."""


class RulingCore(FakeCore):
    """A fake core that keeps the real core's rules about values before it answers."""

    async def search(self, request: SearchRequest, deadline: Deadline) -> SearchResponse:
        return await super().search(valid_search(request, FIELDS), deadline)

    async def get(self, catalog: str, product_id: str, deadline: Deadline) -> Product:
        return await super().get(valid_catalog(catalog), valid_product_id(product_id), deadline)

    async def list(
        self,
        catalog: str,
        page_size: int,
        page_token: str,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> ProductPage:
        return await super().list(
            valid_catalog(catalog),
            valid_page_size(page_size),
            page_token,
            deadline,
            filter=valid_filter(filter, FIELDS),
        )

    async def update(
        self, catalog: str, write: ProductWrite, *, allow_missing: bool, deadline: Deadline
    ) -> tuple[Product, bool]:
        return await super().update(
            valid_catalog(catalog),
            valid_write(write, FIELDS),
            allow_missing=allow_missing,
            deadline=deadline,
        )

    async def delete(self, catalog: str, product_id: str, deadline: Deadline) -> None:
        await super().delete(valid_catalog(catalog), valid_product_id(product_id), deadline)

    async def facets(self, request: FacetsRequest, deadline: Deadline) -> Sequence[Facet]:
        return await super().facets(valid_facets(request, FIELDS), deadline)


@dataclass
class FakeReadiness:
    state: tuple[bool, str] = (True, "")

    def ready(self) -> tuple[bool, str]:
        return self.state


def edge_parts(
    core: FakeCore,
    *,
    limit: int = 64,
    pressed: Callable[[], bool] = lambda: False,
    budgets: Budgets | None = None,
) -> EdgeParts:
    """The parts of both edges around a fake core; everything else is real."""
    return EdgeParts(
        search=core,
        catalog=core,
        admission=Admission(FixedLimit(limit), pressed),
        metrics=Metrics(),
        readiness=FakeReadiness(),
        request_id=request_id,
        budgets=budgets or Budgets(),
    )
