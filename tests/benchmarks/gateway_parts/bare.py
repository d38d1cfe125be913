"""The two calls that a composed search is made of, by the vendors' own clients and nothing else."""

from collections.abc import Iterator
from typing import Any, Final

import grpc
import httpx
import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import np_to_triton_dtype

from gateway.pictures import to_pixels
from gateway.space_wiring import read_bundle
from recompose.v1 import search_pb2, search_pb2_grpc
from retrieval.bundle import Bundle, model_name
from retrieval.domain import DEFAULT_CATALOG, Deadline, I64Array, Pooled, Scan, point_id
from retrieval.image_store import decode_stored
from retrieval.qdrant import QdrantIndex, connect
from retrieval.triton import TritonEncoder
from tests.benchmarks.gateway_parts.setting import Setting
from tests.benchmarks.harness.refusals import until_admitted

PAGE_SIZE: Final = 20
_PATIENCE_S: Final = 30.0


class Question:
    """A composed search that nobody asked before: as the gateway takes it, and as Triton does."""

    def __init__(self, product_id: str, words: str, texts: dict[str, I64Array]) -> None:
        """``texts``: ``input_ids`` and ``attention_mask``, [1, T] int64."""
        self.product_id = product_id
        self.texts = texts
        self.body = {
            "reference": {"product_id": product_id},
            "modification": words,
            "page_size": PAGE_SIZE,
        }
        self.message = search_pb2.SearchRequest(
            reference=search_pb2.Reference(product_id=product_id),
            modification=words,
            page_size=PAGE_SIZE,
        )


class Bare:
    """The fusion graph, then the index: tensors, filter, route and limit are the gateway's."""

    def __init__(self, setting: Setting, bundle: Bundle) -> None:
        self._triton = InferenceServerClient(setting.triton)
        self._qdrant = AsyncQdrantClient(
            host="127.0.0.1",
            grpc_port=int(setting.qdrant.rpartition(":")[2]),
            prefer_grpc=True,
            check_compatibility=False,
            pool_size=1,
        )
        self._graph = model_name("fusion_encoder", bundle.digest)
        self._collection = f"products_{bundle.short_digest}"
        self._limit = setting.ranking_depth
        self._route: Pooled | Scan = Pooled(setting.prefetch_depth)
        self._embeds: dict[str, NDArray[Any]] = {}

    async def learn(self, setting: Setting, bundle: Bundle) -> None:
        """Embed the references, as the gateway's cache holds them, and read the route."""
        encoder = TritonEncoder(setting.triton, bundle)
        async with httpx.AsyncClient(base_url=f"http://{setting.rest}") as rest:
            for product in setting.products:
                stored = (await rest.get(f"/v1/products/{product}/image")).content
                pixels = to_pixels(decode_stored(stored), bundle)[None]
                embedded = await encoder.encode_images(pixels, Deadline.after(_PATIENCE_S))
                self._embeds[product] = np.ascontiguousarray(embedded.embeds)
        await encoder.close()
        index = QdrantIndex(
            connect(setting.qdrant),
            digest=bundle.digest,
            query_tokens=bundle.sizes.query_tokens,
            embed_dim=bundle.sizes.embed_dim,
            fields={},
        )
        tuning = await index.audits.tuning(Deadline.after(_PATIENCE_S))
        if tuning is not None:
            self._route = tuning.route
        await index.close()

    async def ask(self, question: Question) -> int:
        """Both calls; how many products came back."""
        query = await self.fuse(question)
        return await self.rank(question, query)

    async def fuse(self, question: Question) -> Any:
        """The fusion call by itself: the query [1, D]."""
        tensors = {"image_embeds": self._embeds[question.product_id], **question.texts}
        inputs = []
        for name, array in tensors.items():
            tensor = InferInput(name, [*array.shape], np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        answer = await self._triton.infer(
            self._graph, inputs, outputs=[InferRequestedOutput("query_embedding")]
        )
        return answer.as_numpy("query_embedding")

    async def rank(self, question: Question, query: Any) -> int:
        """The index query by itself."""
        return len(await self.ranked(question, query))

    async def ranked(self, question: Question, query: Any) -> list[str]:
        """Ids of the points that the index found, best first; ``query``: [1, D]."""
        reference = str(point_id(DEFAULT_CATALOG, question.product_id))
        passing = models.Filter(
            must=[
                models.FieldCondition(key="catalog", match=models.MatchValue(value=DEFAULT_CATALOG))
            ],
            must_not=[models.HasIdCondition(has_id=[reference])],
        )
        answer = await self._qdrant.query_points(
            self._collection,
            prefetch=self._candidates(query, passing),
            query=query.tolist(),
            using="tokens",
            search_params=models.SearchParams(
                exact=True, quantization=models.QuantizationSearchParams(ignore=True)
            ),
            limit=self._limit,
            with_payload=False,
        )
        return [str(hit.id) for hit in answer.points]

    def _candidates(self, query: Any, passing: models.Filter) -> models.Prefetch:
        query, using, limit = query.tolist(), "tokens", 2 * self._limit
        if isinstance(self._route, Pooled):  # the mean of one row is the row
            query, using, limit = query[0], "pool", max(self._route.depth, self._limit)
        return models.Prefetch(
            query=query,
            using=using,
            filter=passing,
            limit=limit,
            params=models.SearchParams(quantization=models.QuantizationSearchParams(rescore=False)),
        )

    async def close(self) -> None:
        """Close both clients."""
        await self._triton.close()
        await self._qdrant.close()


class Questions:
    """Composed searches of few references, each with words that were never asked."""

    def __init__(self, setting: Setting, run: str) -> None:
        """``run`` tells the words of this run from those of others."""
        self.bundle, self._tokenizer = read_bundle(setting.bundle_dir)
        self._products = setting.products
        self._run = run
        self._number = 0

    def __iter__(self) -> Iterator[Question]:
        return self

    def __next__(self) -> Question:
        """The next one, about the next reference."""
        return self.about(self._products[self._number % len(self._products)])

    def about(self, product: str) -> Question:
        """The next one, about this reference."""
        self._number += 1
        words = f"longer, in navy, {self._run} {self._number}"
        ids, mask = self._tokenizer.encode_batch([self._tokenizer.process(words)])
        return Question(product, words, {"input_ids": ids, "attention_mask": mask})


class Gateway:
    """The gateway by its two edges."""

    def __init__(self, setting: Setting) -> None:
        self._channel = grpc.aio.insecure_channel(setting.grpc)
        self._search: Any = search_pb2_grpc.SearchServiceStub(self._channel)
        self._rest = httpx.AsyncClient(base_url=f"http://{setting.rest}", timeout=_PATIENCE_S)

    async def ask(self, question: Question) -> int:
        """A search over gRPC, again where it is refused; how many products the page has."""
        answer = await until_admitted(
            lambda: self._search.Search(question.message, timeout=_PATIENCE_S)
        )
        return len(answer.hits)

    async def page(self, question: Question) -> list[str]:
        """Ids of the points on the first page."""
        answer = await self._search.Search(question.message, timeout=_PATIENCE_S)
        return [str(point_id(DEFAULT_CATALOG, hit.product.id)) for hit in answer.hits]

    async def ask_rest(self, question: Question) -> int:
        """The same over REST."""
        answer = await self._rest.post("/v1/products:search", json=question.body)
        answer.raise_for_status()
        return len(answer.json()["hits"])

    async def close(self) -> None:
        """Close both."""
        await self._channel.close(None)
        await self._rest.aclose()
