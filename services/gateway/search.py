"""Composed search, as a story: resolve the reference, compose, search, judge once more where that
is asked for, hydrate, page."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from gateway.diversity import HEAD, diversified
from gateway.grouping import best_of_groups, in_order
from gateway.known_pictures import KnownPictures
from gateway.paging import (
    PageToken,
    read_search_token,
    search_fingerprint,
    snapshot_key,
    token_model,
    write_search_token,
)
from gateway.query_vectors import QueryVectors
from gateway.reference_pictures import ReferencePicture, of_stored, of_upload
from gateway.second_stage import Question, SecondStage, check_rerank
from gateway.space import EmbeddingSpace
from gateway.spaces import Spaces
from gateway.validation import valid_search
from retrieval.domain import (
    Deadline,
    F32Array,
    FilterableFields,
    Hit,
    IndexQuery,
    Product,
    ProductReference,
    Ranked,
    Ranking,
    Reference,
    RerankOutcome,
    SearchRequest,
    SearchResponse,
    Trace,
    UploadReference,
    UriReference,
    ignore_trace,
    point_id,
)
from retrieval.errors import (
    CallerError,
    DependencyBroken,
    InvalidArgument,
    NotFound,
    Reason,
    ServiceUnavailable,
)
from retrieval.ports import ImageFetcher, SnapshotStore


@dataclass(frozen=True, slots=True)
class Paged:
    """A ranking, and what a page of it needs to be found again."""

    ranking: Ranking
    offset: int
    snapshot: bytes
    repeated: bool = False


class Search:
    """The search use case."""

    def __init__(
        self,
        spaces: Spaces,
        vectors: QueryVectors,
        second_stage: SecondStage,
        snapshots: SnapshotStore,
        fetcher: ImageFetcher,
        fields: FilterableFields,
        ranking_depth: int,
        encoder_down: Callable[[], bool],
        trace: Trace = ignore_trace,
    ) -> None:
        """``ranking_depth`` is how many hits a query has at most, over all its pages;
        ``encoder_down`` says that answers come from the cache alone; ``trace`` is told of the
        steps."""
        self._spaces = spaces
        self._vectors = vectors
        self._second_stage = second_stage
        self._snapshots = snapshots
        self._fetcher = fetcher
        self._fields = fields
        self._ranking_depth = ranking_depth
        self._encoder_down = encoder_down
        self._trace = trace
        self._pictures = KnownPictures()

    async def search(self, request: SearchRequest, deadline: Deadline) -> SearchResponse:
        """Answer one page of a query. Raises `RecomposeError`.

        All of it is done in one space: the live one, or that of the ranking which is paged.
        """
        request = valid_search(request, self._fields)
        if not request.page_token:
            return await self._answer(self._spaces.live, request, deadline)
        space = self._spaces.of(token_model(request.page_token))
        if space is None:
            raise InvalidArgument(Reason.PAGE_TOKEN_EXPIRED, field="page_token")
        try:
            return await self._answer(space, request, deadline)
        except ServiceUnavailable:
            if space is self._spaces.live:
                raise
            # Its collection was retired, which this replica had not noticed yet.
            raise InvalidArgument(Reason.PAGE_TOKEN_EXPIRED, field="page_token") from None

    async def _answer(
        self, space: EmbeddingSpace, request: SearchRequest, deadline: Deadline
    ) -> SearchResponse:
        check_rerank(request, space)
        fingerprint = search_fingerprint(request, space.bundle.digest)
        token = read_search_token(request.page_token, fingerprint) if request.page_token else _FIRST
        kept = await self._snapshots.get(token.snapshot) if request.page_token else None
        if kept is not None:
            paged = Paged(kept, token.offset, token.snapshot)
            products = await self._page(space, paged, request, deadline)
        else:
            paged, products = await self._fresh(space, request, fingerprint, token.offset, deadline)
        ranking = paged.ranking
        page = ranking.places[paged.offset : paged.offset + request.page_size]
        end = paged.offset + len(page)
        more = end < len(ranking.places)
        return SearchResponse(
            hits=tuple(
                Hit(products[place.point_id], place.score, place.match_probability)
                for place in page
                if place.point_id in products  # deleted since the ranking was made
            ),
            next_page_token=write_search_token(
                space.model, fingerprint, PageToken(paged.snapshot, end)
            )
            if more
            else "",
            degraded=self._encoder_down() or ranking.rerank is RerankOutcome.UNAVAILABLE,
            repeated=paged.repeated,
            rerank=ranking.rerank,
            second_stage_s=ranking.second_stage_s,
        )

    async def _fresh(
        self,
        space: EmbeddingSpace,
        request: SearchRequest,
        fingerprint: bytes,
        offset: int,
        deadline: Deadline,
    ) -> tuple[Paged, Mapping[uuid.UUID, Product]]:
        """A ranking made now, and the products of its page from ``offset`` on.

        A product that was read here before is taken to have the picture that it had then, and is
        read with the page: that saves a call of the index. Where its picture is another one by
        then, all is made anew.
        """

        async def made(picture: str | None) -> tuple[Paged, Mapping[uuid.UUID, Product]]:
            ranking = await self._rank(space, request, picture, deadline)
            snapshot = snapshot_key(fingerprint, ranking)
            paged = Paged(ranking, offset, snapshot, repeated=bool(request.page_token))
            wanted = () if picture is None or reference is None else (reference,)
            products, _ = await asyncio.gather(
                self._page(space, paged, request, deadline, wanted),
                self._keep(paged, offset + request.page_size),
            )
            return paged, products

        reference = request.reference_point
        guess = None if reference is None else self._pictures.of(reference)
        if reference is not None and guess is not None:
            try:
                paged, products = await made(guess)
            except DependencyBroken as error:
                if error.dependency != "image_store":  # a picture that is gone may be an old one
                    raise
            else:
                if reference in products and products[reference].image_sha256 == guess:
                    return paged, products
            self._pictures.forget(reference)
        return await made(None)

    async def _keep(self, paged: Paged, end: int) -> None:
        """Keep a ranking that goes on after ``end``, before its page token is given away."""
        if end < len(paged.ranking.places):
            await self._snapshots.put(paged.snapshot, paged.ranking)

    async def _page(
        self,
        space: EmbeddingSpace,
        paged: Paged,
        request: SearchRequest,
        deadline: Deadline,
        also: Sequence[uuid.UUID] = (),
    ) -> Mapping[uuid.UUID, Product]:
        """The products of a page of the ranking, and others."""
        page = paged.ranking.places[paged.offset : paged.offset + request.page_size]
        wanted = dict.fromkeys((*(place.point_id for place in page), *also))
        products = await space.index.get([*wanted], deadline)
        self._pictures.saw(products)
        return products

    async def _rank(
        self,
        space: EmbeddingSpace,
        request: SearchRequest,
        picture: str | None,
        deadline: Deadline,
    ) -> Ranking:
        """``picture``: what the reference's is taken to be; None reads the reference first."""
        async with AsyncExitStack() as held:
            reference = (
                await self._resolve(space, request.catalog, request.reference, held, deadline)
                if picture is None
                else of_stored(picture)
            )
            vectors = await self._vectors.of(space, reference, request.modification)
            ranked = await self._first_stage(space, request, vectors, deadline)
            if request.rerank is None or reference is None or space.reranker is None:
                return Ranking(tuple(ranked))
            question = Question(space, space.reranker, reference, request.modification)
            depth = request.rerank.depth
            return await self._second_stage.rerank(question, ranked, depth, deadline)

    async def _first_stage(
        self,
        space: EmbeddingSpace,
        request: SearchRequest,
        vectors: F32Array,
        deadline: Deadline,
    ) -> list[Ranked]:
        exclude: tuple[uuid.UUID, ...] = ()
        if request.reference_point is not None and not request.include_reference:
            exclude = (request.reference_point,)
        query = IndexQuery(
            catalog=request.catalog,
            vectors=vectors,
            limit=self._ranking_depth,
            filter=request.filter,
            exclude=exclude,
            route=space.tuned.route_of(vectors),
        )
        if request.group_by:
            ranked = await best_of_groups(space.index, query, request.group_by, deadline)
        else:
            ranked = in_order(await space.index.search(query, deadline))
        if request.diversity:
            head = [hit.point_id for hit in ranked[:HEAD]]
            pools = await space.index.pools(head, deadline)
            ranked = diversified(ranked, pools, request.diversity)
        return ranked

    async def _resolve(
        self,
        space: EmbeddingSpace,
        catalog: str,
        reference: Reference | None,
        held: AsyncExitStack,
        deadline: Deadline,
    ) -> ReferencePicture | None:
        """The picture behind a reference; what had to be fetched counts as in memory until
        ``held`` ends. Raises NotFound for a product that is not there."""
        if reference is None:
            return None
        with self._trace("resolve reference", {"recompose.reference": _KINDS[type(reference)]}):
            match reference:
                case ProductReference(product_id):
                    product = await self._product(space, catalog, product_id, deadline)
                    return of_stored(product.image_sha256)
                case UploadReference():
                    return await of_upload(reference)
                case UriReference(uri):
                    fetched = await self._fetched(uri, held, deadline)
                    return await of_upload(UploadReference(fetched))

    async def _fetched(self, uri: str, held: AsyncExitStack, deadline: Deadline) -> bytes:
        try:
            return await held.enter_async_context(self._fetcher.fetch(uri, deadline))
        except CallerError as error:
            if error.field == "image.uri":
                error.field = "reference.image.uri"
            raise

    async def _product(
        self, space: EmbeddingSpace, catalog: str, product_id: str, deadline: Deadline
    ) -> Product:
        wanted = point_id(catalog, product_id)
        found = await space.index.get([wanted], deadline)
        if wanted not in found:
            raise NotFound(Reason.PRODUCT_NOT_FOUND, field="reference.product_id")
        self._pictures.saw(found)
        return found[wanted]


_FIRST: Final = PageToken(b"", 0)
_KINDS: Final[dict[type[Reference], str]] = {
    ProductReference: "product",
    UploadReference: "upload",
    UriReference: "uri",
}
