"""What the edges stand on: the core as they see it, and the time they may give it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

from prometheus_client import CollectorRegistry

from gateway.access.guard import Access, OpenAccess
from gateway.admission import SearchPlace
from gateway.tracing.requests import TraceRequest, ignore_request
from retrieval.domain import (
    DEFAULT_CATALOG,
    Deadline,
    Facet,
    FacetsRequest,
    Filter,
    ImportResult,
    Product,
    ProductPage,
    ProductWrite,
    SearchRequest,
    SearchResponse,
    UriReference,
)
from retrieval.errors import DeadlineExceeded
from retrieval.permits import ByteBudget

T = TypeVar("T")

DEFAULT_PAGE_SIZE: Final = 20
DEFAULT_RERANK_DEPTH: Final = 25
MAX_FILTER_NESTING: Final = 16
"""Nesting at which an edge stops reading a filter; the core's own limit is lower."""
MAX_BUFFERED_BYTES: Final = 256 << 20
"""In memory at once: what callers sent, on both edges, and pictures fetched by their address."""


class SearchCore(Protocol):
    async def search(self, request: SearchRequest, deadline: Deadline) -> SearchResponse: ...


class StoredPicture(Protocol):
    """A product's picture as it is stored."""

    @property
    def content(self) -> bytes: ...
    @property
    def media_type(self) -> str: ...
    @property
    def sha256(self) -> str: ...


class CatalogCore(Protocol):
    async def import_products(
        self, catalog: str, writes: Sequence[ProductWrite], deadline: Deadline
    ) -> Sequence[ImportResult]: ...

    async def get(self, catalog: str, product_id: str, deadline: Deadline) -> Product: ...

    async def list(
        self,
        catalog: str,
        page_size: int,
        page_token: str,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> ProductPage: ...

    async def update(
        self, catalog: str, write: ProductWrite, *, allow_missing: bool, deadline: Deadline
    ) -> tuple[Product, bool]:
        """The product as it is now, and whether it was created."""

    async def delete(self, catalog: str, product_id: str, deadline: Deadline) -> None: ...

    async def facets(self, request: FacetsRequest, deadline: Deadline) -> Sequence[Facet]: ...

    async def image(self, catalog: str, product_id: str, deadline: Deadline) -> StoredPicture: ...


class Permits(Protocol):
    def check(self) -> None:
        """Raises `Overloaded` where `permit` would now."""

    def permit(self) -> AbstractContextManager[None]:
        """Admits one request, or raises `Overloaded` before any work is done."""

    def search_permit(self) -> AbstractContextManager[SearchPlace]:
        """The same for a search."""


class RequestMetrics(Protocol):
    @property
    def registry(self) -> CollectorRegistry: ...

    def observe_request(self, edge: str, method: str, code: str, seconds: float) -> None: ...


class ReadinessProbe(Protocol):
    def ready(self) -> tuple[bool, str]:
        """Whether this replica can answer, and why not."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """The longest each kind of call may take, in seconds; a caller's deadline shortens it."""

    search_s: float = 8.0
    image_uri_s: float = 2.0
    rerank_s: float = 1.0
    read_s: float = 2.0
    write_s: float = 10.0
    import_s: float = 60.0

    def of_search(self, request: SearchRequest) -> float:
        """The time for this search: fetching a picture by its address has its own, and so has a
        second stage."""
        fetches = isinstance(request.reference, UriReference)
        return (
            self.search_s
            + (self.image_uri_s if fetches else 0.0)
            + (self.rerank_s if request.rerank else 0.0)
        )


@dataclass(frozen=True, slots=True)
class EdgeParts:
    """All that an edge needs; both edges are built from the same one."""

    search: SearchCore
    catalog: CatalogCore
    admission: Permits
    metrics: RequestMetrics
    readiness: ReadinessProbe
    request_id: Callable[[str | None], str]
    """Keeps a well-formed incoming id, else makes one."""
    budgets: Budgets = Budgets()
    access: Access = field(default_factory=OpenAccess)
    trace: TraceRequest = ignore_request
    buffered: ByteBudget | None = None
    """Counts what is in memory on all ways in; each edge has its own where there is none."""


async def within(deadline: Deadline, work: Callable[[Deadline], Awaitable[T]]) -> T:
    """Do the work before the deadline; after it the work is cancelled.

    Raises:
        DeadlineExceeded: the time is over, or was over before the work began.
    """
    if deadline.remaining_s() <= 0:
        raise DeadlineExceeded
    limit = asyncio.timeout(deadline.remaining_s())
    try:
        async with limit:
            return await work(deadline)
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded from None
        raise


def image_path(product: Product) -> str:
    """Where the REST edge serves a product's picture; empty for a product without one."""
    if not product.image_sha256:
        return ""
    path = f"/v1/products/{quote(product.id, safe='')}/image"
    return path if product.catalog == DEFAULT_CATALOG else f"{path}?catalog={product.catalog}"
