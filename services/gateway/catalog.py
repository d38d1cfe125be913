"""Keeping a catalog: import, read, replace, delete and count products."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.importing import Importer
from gateway.multi_select import without_field
from gateway.paging import read_list_token, write_list_token
from gateway.space import EmbeddingSpace
from gateway.spaces import Spaces
from gateway.validation import (
    MAX_IMPORT_PRODUCTS,
    valid_catalog,
    valid_facets,
    valid_filter,
    valid_page_size,
    valid_product_id,
    valid_write,
)
from retrieval.domain import (
    Deadline,
    Facet,
    FacetsRequest,
    Filter,
    FilterableFields,
    ImportResult,
    Product,
    ProductPage,
    ProductWrite,
    point_id,
)
from retrieval.errors import (
    DependencyBroken,
    InvalidArgument,
    NotFound,
    Reason,
    RecomposeError,
    ServiceUnavailable,
)
from retrieval.image_store import MEDIA_TYPE
from retrieval.ports import ImageStore

MAX_FACET_VALUES = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A product's picture as the image store keeps it."""

    content: bytes
    media_type: str
    sha256: str


class Catalog:
    """The catalog use cases."""

    def __init__(
        self,
        spaces: Spaces,
        importer: Importer,
        images: ImageStore,
        fields: FilterableFields,
    ) -> None:
        self._spaces = spaces
        self._importer = importer
        self._images = images
        self._fields = fields

    async def import_products(
        self, catalog: str, writes: Sequence[ProductWrite], deadline: Deadline
    ) -> Sequence[ImportResult]:
        """Write at most 256 products durably; a bad product fails alone.

        Raises `DependencyError` when nothing can be promised: the call is then safe to repeat.
        """
        catalog = valid_catalog(catalog)
        if len(writes) > MAX_IMPORT_PRODUCTS:
            raise InvalidArgument(Reason.TOO_MANY_PRODUCTS)
        return await self._write(lambda space: self._importer.run(space, catalog, writes, deadline))

    async def get(self, catalog: str, product_id: str, deadline: Deadline) -> Product:
        """One product. Raises NotFound."""
        catalog, product_id = valid_catalog(catalog), valid_product_id(product_id)
        return await self._find(self._spaces.live, catalog, product_id, deadline)

    async def list(
        self,
        catalog: str,
        page_size: int,
        page_token: str,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> ProductPage:
        """A page of the products that pass the filter, in a stable order.

        Raises InvalidArgument, also (PAGE_TOKEN_INVALID) for a token that came from another
        catalog or filter.
        """
        catalog, page_size = valid_catalog(catalog), valid_page_size(page_size)
        filter = valid_filter(filter, self._fields)
        after = read_list_token(page_token, catalog, filter) if page_token else None
        products, following = await self._spaces.live.catalog_index.list(
            catalog, page_size, after, deadline, filter=filter
        )
        token = write_list_token(catalog, filter, following) if following else ""
        return ProductPage(tuple(products), token)

    async def update(
        self, catalog: str, write: ProductWrite, *, allow_missing: bool, deadline: Deadline
    ) -> tuple[Product, bool]:
        """Replace a product; returns it, and whether it was created.

        Raises NotFound unless it exists or may be created, InvalidArgument (IMAGE_REQUIRED) when
        a new one comes without a picture, and the picture's own errors.
        """
        catalog = valid_catalog(catalog)
        write = valid_write(write, self._fields)
        wanted = point_id(catalog, write.id)

        async def update_in(space: EmbeddingSpace) -> tuple[Product, bool]:
            known = wanted in await space.index.get([wanted], deadline)
            if not known and not allow_missing:
                raise NotFound(Reason.PRODUCT_NOT_FOUND, field="id")
            await self._importer.write_one(space, catalog, write, deadline)
            return await self._find(space, catalog, write.id, deadline), not known

        return await self._write(update_in)

    async def delete(self, catalog: str, product_id: str, deadline: Deadline) -> None:
        """Remove a product. Raises NotFound.

        Its picture stays in the image store: pictures are kept by content, and another product
        may show the same one. `picture_collection` removes those that none shows.
        """
        catalog, product_id = valid_catalog(catalog), valid_product_id(product_id)
        found = False

        async def delete_in(space: EmbeddingSpace) -> None:
            nonlocal found
            if not found:  # a try that another model's going live cut short has removed a part
                await self._find(space, catalog, product_id, deadline)
                found = True
            await self._spaces.delete(space, [point_id(catalog, product_id)], deadline)

        await self._write(delete_in)

    async def facets(self, request: FacetsRequest, deadline: Deadline) -> Sequence[Facet]:
        """What products have in filterable fields: counts of words and booleans, ranges of
        numbers."""
        request = valid_facets(request, self._fields)
        index = self._spaces.live.catalog_index
        return [
            await index.facet(
                request.catalog,
                field,
                without_field(request.filter, field) if request.multi_select else request.filter,
                MAX_FACET_VALUES,
                deadline,
            )
            for field in request.fields
        ]

    async def image(self, catalog: str, product_id: str, deadline: Deadline) -> StoredImage:
        """A product's picture. Raises NotFound."""
        product = await self.get(catalog, product_id, deadline)
        content = await self._images.get(product.image_sha256, deadline)
        if content is None:
            raise DependencyBroken(dependency="image_store")
        return StoredImage(content, MEDIA_TYPE, product.image_sha256)

    async def _write(self, work: Callable[[EmbeddingSpace], Awaitable[T]]) -> T:
        """Do it in the live space, and once more where another went live before it was done.

        Every write is refused once its space is not live any more, so to begin anew is all that
        is left to do; what was already written the synchronisation of the swap takes over.
        """
        space = self._spaces.live
        try:
            return await work(space)
        except ServiceUnavailable:
            with contextlib.suppress(RecomposeError):
                await self._spaces.refresh()
            if self._spaces.live is space:
                raise
        return await work(self._spaces.live)

    async def _find(
        self, space: EmbeddingSpace, catalog: str, product_id: str, deadline: Deadline
    ) -> Product:
        wanted = point_id(catalog, product_id)
        found = await space.index.get([wanted], deadline)
        if wanted not in found:
            raise NotFound(Reason.PRODUCT_NOT_FOUND, field="id")
        return found[wanted]
