"""A running Recompose, seen from an evaluation: import, search and delete, over gRPC."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.struct_pb2 import Struct

from recompose.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    filter_pb2,
    product_pb2,
    search_pb2,
    search_pb2_grpc,
)
from sprc.evaluation.certificates import Certificates
from sprc.evaluation.endpoint import Endpoint, ServiceError

PAGE: Final = 100
WORKERS: Final = 8
SUBSET_FIELD: Final = "category"
"""The filterable attribute that carries CIRR's subsets; the demo's fields have it."""
MAX_WORDS_LENGTH: Final = 1000
_PASSING: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
_OPTIONS: Final = [("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0)]
_IMPORT_S: Final = 180.0
_CALL_S: Final = 30.0
_PAUSE_S: Final = 0.5
API_KEY: Final = "RECOMPOSE_API_KEY"
"""Environment variable of the key, for a service that asks for one; its scope is admin, or all."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Sent:
    """A picture on its way into a catalog."""

    id: str
    name: str
    content: bytes = field(repr=False)
    subsets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A query over a catalog."""

    reference: str
    """Product id."""
    text: str
    include_reference: bool
    subset: str | None = None
    """Search among the products of one subset only."""


@dataclass(frozen=True)
class Ranking:
    """Product ids and scores, best first, and whether the service said that it was in trouble."""

    hits: list[tuple[str, float]]
    degraded: bool
    repeated: bool


class Service:
    """Calls of one gateway; repeated for a while where the service is busy or away."""

    def __init__(self, endpoint: Endpoint, *, retry_for_s: float = 30.0) -> None:
        """Raises `ServiceError` where the environment names files that cannot be used."""
        self._endpoint = endpoint
        self._retry_for_s = retry_for_s
        self._channel = _open_channel(endpoint, Certificates.of(os.environ))
        key = os.environ.get(API_KEY, "")
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()
        self._catalog: Any = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        self._search: Any = search_pb2_grpc.SearchServiceStub(self._channel)

    def __enter__(self) -> "Service":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def send(self, catalog: str, batch: Sequence[Sent]) -> None:
        """Import pictures durably. Raises `ServiceError`, naming a picture that was refused."""
        requests = [
            catalog_pb2.ImportProductsRequest(
                catalog=catalog,
                product=product_pb2.Product(
                    id=sent.id, title=sent.name[:500], attributes=_attributes(sent.subsets)
                ),
                image=product_pb2.Image(content=sent.content),
            )
            for sent in batch
        ]
        answer = self._call(
            lambda: self._catalog.ImportProducts(
                iter(requests), timeout=_IMPORT_S, metadata=self._metadata
            )
        )
        if len(answer.results) != len(batch):
            raise ServiceError(f"{self._endpoint} did not say what became of every picture")
        for sent, result in zip(batch, answer.results, strict=True):
            if result.outcome == catalog_pb2.IMPORT_OUTCOME_FAILED:
                raise ServiceError(
                    f"{self._endpoint} refused the picture {sent.name}: {result.reason}"
                )

    def ask(self, catalog: str, question: Question, depth: int) -> Ranking:
        """The first hits of a query, up to `depth`, page by page. Raises `ServiceError`."""
        request = search_pb2.SearchRequest(
            catalog=catalog,
            reference=search_pb2.Reference(product_id=question.reference),
            modification=question.text[:MAX_WORDS_LENGTH],
            page_size=min(depth, PAGE),
            view=product_pb2.PRODUCT_VIEW_BASIC,
            include_reference=question.include_reference,
        )
        if question.subset is not None:
            match = filter_pb2.Match(field=SUBSET_FIELD)
            match.any_of.add().string_value = question.subset
            request.filter.match.CopyFrom(match)
        hits: list[tuple[str, float]] = []
        degraded = repeated = False
        while True:
            page = self._call(
                lambda: self._search.Search(request, timeout=_CALL_S, metadata=self._metadata)
            )
            hits += [(hit.product.id, hit.score) for hit in page.hits]
            degraded, repeated = degraded or page.degraded, repeated or page.repeated
            if not page.next_page_token or len(hits) >= depth:
                return Ranking(hits[:depth], degraded, repeated)
            request.page_token = page.next_page_token

    def product_ids(self, catalog: str) -> Iterator[str]:
        """Ids of up to one page of products that a catalog holds. Raises `ServiceError`."""
        request = catalog_pb2.ListProductsRequest(
            catalog=catalog, page_size=PAGE, view=product_pb2.PRODUCT_VIEW_BASIC
        )
        answer = self._call(
            lambda: self._catalog.ListProducts(request, timeout=_CALL_S, metadata=self._metadata)
        )
        return (product.id for product in answer.products)

    def delete(self, catalog: str, product_id: str) -> None:
        """Remove a product, if it is there. Raises `ServiceError`."""
        request = catalog_pb2.DeleteProductRequest(catalog=catalog, id=product_id)
        self._call(
            lambda: self._catalog.DeleteProduct(request, timeout=_CALL_S, metadata=self._metadata),
            fine=grpc.StatusCode.NOT_FOUND,
        )

    def _call(self, call: Callable[[], Any], *, fine: grpc.StatusCode | None = None) -> Any:
        end = time.monotonic() + self._retry_for_s
        pause = _PAUSE_S
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                code = error.code()
                if code is fine:
                    return None
                if code not in _PASSING or time.monotonic() > end:
                    # The code alone: details may repeat what was sent.
                    raise ServiceError(f"{self._endpoint} answered {code.name}") from error
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


def in_parallel(work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
    """Answers as they come; when one fails, or the run is interrupted, what has not begun is
    dropped and what has begun is awaited."""
    pool = ThreadPoolExecutor(WORKERS)
    try:
        waiting: list[Future[Answer]] = [pool.submit(work, item) for item in items]
        for done in as_completed(waiting):
            yield done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open_channel(endpoint: Endpoint, certificates: Certificates) -> grpc.Channel:
    if not endpoint.tls and certificates.roots is None:
        return grpc.insecure_channel(str(endpoint), options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        certificates.roots, certificates.key, certificates.certificate
    )
    return grpc.secure_channel(str(endpoint), credentials, options=_OPTIONS)


def _attributes(subsets: Sequence[str]) -> Struct:
    attributes = Struct()
    if subsets:
        attributes.update({SUBSET_FIELD: list(subsets)})
    return attributes
