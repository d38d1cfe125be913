"""The core, as a caller that is bound to catalogs sees it.

One place for both edges and every call: what is asked of the core names its catalog, and a page
token belongs to the catalog of its query.
"""

from collections.abc import Sequence

from gateway.access.caller import current_caller
from gateway.edge_parts import CatalogCore, SearchCore, StoredPicture
from gateway.validation import valid_catalog
from retrieval.domain import (
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
)


class TenantSearch:
    """`SearchCore` within the caller's catalogs. Raises PermissionDenied (CATALOG_FORBIDDEN)."""

    def __init__(self, core: SearchCore) -> None:
        self._core = core

    async def search(self, request: SearchRequest, deadline: Deadline) -> SearchResponse:
        current_caller.get().require_catalog(valid_catalog(request.catalog))
        return await self._core.search(request, deadline)


class TenantCatalog:
    """`CatalogCore` within the caller's catalogs. Raises PermissionDenied (CATALOG_FORBIDDEN)."""

    def __init__(self, core: CatalogCore) -> None:
        self._core = core

    async def import_products(
        self, catalog: str, writes: Sequence[ProductWrite], deadline: Deadline
    ) -> Sequence[ImportResult]:
        current_caller.get().require_catalog(valid_catalog(catalog))
        return await self._core.import_products(catalog, writes, deadline)

    async def get(self, catalog: str, product_id: str, deadline: Deadline) -> Product:
        current_caller.get().require_catalog(valid_catalog(catalog))
        return await self._core.get(catalog, product_id, deadline)

    async def list(
        self,
        catalog: str,
        page_size: int,
        page_token: str,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> ProductPage:
        current_caller.get().require_catalog(valid_catalog(catalog))
        return await self._core.list(catalog, page_size, page_token, deadline, filter=filter)

    async def update(
        self, catalog: str, write: ProductWrite, *, allow_missing: bool, deadline: Deadline
    ) -> tuple[Product, bool]:
        current_caller.get().require_catalog(valid_catalog(catalog))
        return await self._core.update(
            catalog, write, allow_missing=allow_missing, deadline=deadline
        )

    async def delete(self, catalog: str, product_id: str, deadline: Deadline) -> None:
        current_caller.get().require_catalog(valid_catalog(catalog))
        await self._core.delete(catalog, product_id, deadline)

    async def facets(self, request: FacetsRequest, deadline: Deadline) -> Sequence[Facet]:
        current_caller.get().require_catalog(valid_catalog(request.catalog))
        return await self._core.facets(request, deadline)

    async def image(self, catalog: str, product_id: str, deadline: Deadline) -> StoredPicture:
        current_caller.get().require_catalog(valid_catalog(catalog))
        return await self._core.image(catalog, product_id, deadline)
