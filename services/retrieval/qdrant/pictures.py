"""Which pictures the products of every collection refer to."""

from collections.abc import Sequence
from typing import Any, Final

from qdrant_client import AsyncQdrantClient, models

from retrieval.domain import Deadline, Observe, ReferencedPictures, ignore_observation
from retrieval.errors import DependencyBroken
from retrieval.qdrant.calls import Calls
from retrieval.qdrant.failures import DEPENDENCY
from retrieval.qdrant.payload import IMAGE_SHA256
from retrieval.qdrant.schema import ALIAS

_PAGE: Final = 1000
_SHA256_BYTES: Final = 32


class QdrantPictureReferences:
    """The `PictureReferences` port over one Qdrant address.

    Args:
        client: from `connect`.
        budget_s: for each call, one page of products.
        observe: told of each call.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        *,
        budget_s: float = 10.0,
        observe: Observe = ignore_observation,
    ) -> None:
        self._client = client
        self._budget_s = budget_s
        self._calls = Calls(client, observe)

    async def referenced(self, deadline: Deadline) -> ReferencedPictures:
        """The pictures of all products of all catalogs, in the collections of all models.

        A collection that is not live counts too: to roll back to a model needs its pictures. A
        payload that does not say which picture it means is `DependencyBroken`: taken for none, a
        picture in use would look unused.
        """
        found: set[bytes] = set()
        products = 0
        for collection in await self._collections(deadline):
            after: Any = None
            while True:
                records, after = await self._page(collection, after, deadline)
                products += len(records)
                found.update(name for record in records if (name := _picture(record)))
                if after is None:
                    break
        return ReferencedPictures(frozenset(found), products)

    async def _collections(self, deadline: Deadline) -> Sequence[str]:
        answer = await self._calls.read(
            "get_collections", lambda _: self._client.get_collections(), deadline, self._budget_s
        )
        names = (collection.name for collection in answer.collections)
        return sorted(name for name in names if name.startswith(f"{ALIAS}_"))

    async def _page(
        self, collection: str, after: Any, deadline: Deadline
    ) -> tuple[list[models.Record], Any]:
        return await self._calls.read(
            "scroll",
            lambda timeout_s: self._client.scroll(
                collection,
                limit=_PAGE,
                offset=after,
                with_payload=[IMAGE_SHA256],
                with_vectors=False,
                timeout=timeout_s,
            ),
            deadline,
            self._budget_s,
        )

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def _picture(record: models.Record) -> bytes | None:
    """The picture's sha256, or None where the product says that it has none."""
    value = (record.payload or {}).get(IMAGE_SHA256)
    if value == "":
        return None
    try:
        name = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        name = b""
    if len(name) != _SHA256_BYTES:
        raise DependencyBroken(dependency=DEPENDENCY)
    return name
