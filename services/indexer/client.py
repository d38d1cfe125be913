"""The service, seen from the importer: its calls, made again while it is out of reach."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar, cast

import grpc
import tenacity

from indexer.channel import KEY, Access, open_channel
from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2

if TYPE_CHECKING:
    from recompose.v1.catalog_pb2_grpc import CatalogServiceAsyncStub

_PASSING: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
_LONGEST_PAUSE_S: Final = 10.0
_PAGE: Final = 100
_HINTS: Final = {
    grpc.StatusCode.UNAUTHENTICATED: f" Put a key with scope catalog.write into {KEY}.",
    grpc.StatusCode.PERMISSION_DENIED: f" The key in {KEY} is not for this call or catalog.",
}

_Answer = TypeVar("_Answer")


class ServiceError(Exception):
    """The service refused for good, or stayed away too long; the text says which."""


class CatalogClient:
    """CatalogService of one server, for one catalog."""

    def __init__(
        self,
        server: str,
        catalog: str,
        *,
        access: Access,
        timeout_s: float,
        retry_for_s: float,
        on_retry: Callable[[str], None],
    ) -> None:
        """Prepare calls to ``server``; nothing is sent yet.

        Args:
            server: where the service answers gRPC, HOST:PORT or https://HOST:PORT.
            catalog: named in every call.
            access: the caller's key and certificates.
            timeout_s: deadline of one call.
            retry_for_s: how long one call is tried again before giving up; once more in any
                case, since a call that took all of its time has left in the index what it did.
            on_retry: told, in a sentence, when a call is about to be repeated.

        Raises:
            ChannelError: a certificate cannot be read.
        """
        self._channel = open_channel(server, access)
        self._metadata = access.metadata
        self._stub = cast(
            "CatalogServiceAsyncStub", catalog_pb2_grpc.CatalogServiceStub(self._channel)
        )
        self._server = server
        self._catalog = catalog
        self._timeout_s = timeout_s
        self._retry_for_s = retry_for_s
        self._on_retry = on_retry

    async def __aenter__(self) -> "CatalogClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._channel.close(grace=None)

    async def import_products(
        self, requests: Sequence[catalog_pb2.ImportProductsRequest]
    ) -> list[catalog_pb2.ImportResult]:
        """Send one batch; answer with a result for each request, in order.

        Raises:
            ServiceError: refused, out of reach for too long, or an answer that makes no sense.
        """

        async def call() -> catalog_pb2.ImportProductsResponse:
            return await self._stub.ImportProducts(
                iter(requests), timeout=self._timeout_s, metadata=self._metadata
            )

        results = list((await self._again(call)).results)
        if len(results) != len(requests) or any(not result.outcome for result in results):
            raise ServiceError(
                f"The service at {self._server} did not say what became of every product."
            )
        return results

    async def has_all(self, ids: Sequence[str]) -> bool:
        """Whether the catalog still has every one of ``ids``.

        Raises:
            ServiceError: refused, or out of reach for too long.
        """

        async def call() -> bool:
            for product_id in ids:
                request = catalog_pb2.GetProductRequest(catalog=self._catalog, id=product_id)
                try:
                    await self._stub.GetProduct(
                        request, timeout=self._timeout_s, metadata=self._metadata
                    )
                except grpc.aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.NOT_FOUND:
                        return False
                    raise
            return True

        return await self._again(call)

    async def all_products(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Id and time of the last write, as text, of every product of the catalog, by pages.

        Raises:
            ServiceError: refused, or out of reach for too long.
        """
        token, more = "", True
        while more:
            request = catalog_pb2.ListProductsRequest(
                catalog=self._catalog,
                page_size=_PAGE,
                page_token=token,
                view=product_pb2.PRODUCT_VIEW_FULL,
            )

            async def call(
                request: catalog_pb2.ListProductsRequest = request,
            ) -> catalog_pb2.ListProductsResponse:
                return await self._stub.ListProducts(
                    request, timeout=self._timeout_s, metadata=self._metadata
                )

            page = await self._again(call)
            yield [(product.id, _written(product)) for product in page.products]
            token = page.next_page_token
            more = bool(token)

    async def delete_unwritten(self, product_id: str, written: str) -> bool:
        """Delete a product unless it was written again; whether it was there and went.

        Args:
            product_id: which product.
            written: when it was last written, as `all_products` told.

        Raises:
            ServiceError: refused, or out of reach for too long.
        """
        wanted = catalog_pb2.GetProductRequest(catalog=self._catalog, id=product_id)
        gone = catalog_pb2.DeleteProductRequest(catalog=self._catalog, id=product_id)

        async def call() -> bool:
            try:
                found = await self._stub.GetProduct(
                    wanted, timeout=self._timeout_s, metadata=self._metadata
                )
                if _written(found) != written:
                    return False
                await self._stub.DeleteProduct(
                    gone, timeout=self._timeout_s, metadata=self._metadata
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return False
                raise
            return True

        return await self._again(call)

    async def _again(self, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_passes),
            wait=tenacity.wait_random_exponential(multiplier=0.25, max=_LONGEST_PAUSE_S),
            stop=tenacity.stop_all(
                tenacity.stop_after_delay(self._retry_for_s), tenacity.stop_after_attempt(2)
            ),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return await retrying(call)
        except grpc.aio.AioRpcError as error:
            how = "is out of reach" if _passes(error) else "refused"
            # The code alone: details may repeat what was sent.
            raise ServiceError(
                f"The service at {self._server} {how}: {error.code().name}."
                f"{_HINTS.get(error.code(), '')}"
            ) from error

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number > 1 and isinstance(error, grpc.aio.AioRpcError):
            self._on_retry(f"The service answers {error.code().name}; trying again.")


def _written(product: product_pb2.Product) -> str:
    return product.update_time.ToJsonString()


def _passes(error: BaseException) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() in _PASSING
