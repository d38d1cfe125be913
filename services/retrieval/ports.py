"""What the core needs from the world. Each port is small; adapters live beside this file."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from PIL import Image

from retrieval.domain import (
    Deadline,
    F32Array,
    Facet,
    Filter,
    FloatArray,
    HeldProduct,
    I64Array,
    ImageEmbeddings,
    IndexedModels,
    IndexedProduct,
    IndexPage,
    IndexQuery,
    PictureShelf,
    Product,
    Ranked,
    Ranking,
    ReferencedPictures,
    Restoring,
    StoredPicture,
    SwapRecord,
    Tuning,
)

BULK_BUDGET_S: Final = 10.0
"""Time for one call to the index that no search waits for: also for one write of products."""


class Encoder(Protocol):
    """The three graphs of one bundle. Raises `DependencyError` of dependency ``triton``."""

    async def encode_images(self, pixel_values: F32Array, deadline: Deadline) -> ImageEmbeddings:
        """Embed pictures: pixel_values [B, 3, S, S] float32."""

    async def encode_gallery(self, pixel_values: F32Array, deadline: Deadline) -> F32Array:
        """What is indexed of pictures, and no more: tokens [B, K, D] float32."""

    async def compose(
        self,
        image_embeds: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        """Composed queries [B, D] from embeds [B, P, W] and texts [B, T]."""

    async def encode_texts(
        self, input_ids: I64Array, attention_mask: I64Array, deadline: Deadline
    ) -> F32Array:
        """Text-only queries [B, D] from texts [B, T]."""

    async def check(self, deadline: Deadline) -> None:
        """Make one real inference with each graph; raises if any cannot answer."""


class Reranker(Protocol):
    """The second stage of one bundle, which looks at a reference, a text and a candidate at once.

    Raises `DependencyError` of dependency ``triton``.
    """

    async def match(
        self,
        reference: FloatArray,
        candidates: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        """Probability [C] float32, 0 to 1, that each candidate answers one query.

        The reference's embeds [P, W], those of C candidates [C, P, W], in the bundle's precision,
        and the text's ids and mask [T].
        """


class ProductIndex(Protocol):
    """Searching and reading one model's collection. Raises `DependencyError` (``qdrant``)."""

    async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        """The best ``query.limit`` points of a catalog, best first."""

    async def get(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, Product]:
        """The products of these points; unknown ones are left out."""

    async def pools(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, F32Array]:
        """Pooled vectors of these points, [D] of unit norm; unknown ones are left out."""

    async def check(self, deadline: Deadline) -> None:
        """Make one real query; raises `ServiceUnavailable` (MODEL_MISMATCH) when the live alias
        names a collection of another model."""


class CatalogIndex(Protocol):
    """Writing and listing one model's collection. Raises `DependencyError` (``qdrant``)."""

    async def put(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        """Write products durably, replacing those with the same ids."""

    async def replace_payload(self, product: Product, deadline: Deadline) -> None:
        """Replace title and attributes of a product and keep its tokens; do nothing where the
        index has no such product any more, or has it with another picture by now."""

    async def delete(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        """Remove points durably; unknown ones are no error."""

    async def facet(
        self, catalog: str, field: str, filter: Filter | None, limit: int, deadline: Deadline
    ) -> Facet:
        """Counts of a field's values, most frequent first; of numbers their range."""

    async def list(
        self,
        catalog: str,
        limit: int,
        after: uuid.UUID | None,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> tuple[list[Product], uuid.UUID | None]:
        """A page of what passes the filter in point-id order, and where the next page begins
        (None at the end)."""


class AuditedIndex(Protocol):
    """What an audit of one model's collection needs besides searching it: products to ask about,
    and a place for what it found, the same for every replica. Raises `DependencyError`
    (``qdrant``)."""

    async def count(self, deadline: Deadline, *, updated_after_s: float | None = None) -> int:
        """Products of all catalogs, or those that were written after a time since the epoch."""

    async def last_written_s(self, deadline: Deadline) -> float | None:
        """When a product of any catalog was last written, since the epoch; None without any."""

    async def sample(self, count: int, deadline: Deadline) -> list[IndexedProduct]:
        """``count`` products of any catalog, drawn anew by each call; all where there are fewer."""

    async def tuning(self, deadline: Deadline) -> Tuning | None:
        """What was kept last; None where nothing was, or nothing that can be read."""

    async def keep(self, tuning: Tuning, deadline: Deadline) -> None:
        """Keep a tuning with the collection, durably, in place of an older one."""


class ProductCopies(Protocol):
    """One model's collection as the source or the target of a synchronisation. What is written by
    these methods counts as copied, and never takes the place of what was written otherwise.
    Raises `DependencyError` (``qdrant``)."""

    async def held_page(
        self,
        limit: int,
        after: uuid.UUID | None,
        deadline: Deadline,
        *,
        updated_after_s: float | None = None,
    ) -> tuple[list[HeldProduct], uuid.UUID | None]:
        """Products of all catalogs in point-id order, and where the next page begins; all of
        them, or those that were written after a time since the epoch."""

    async def find(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, HeldProduct]:
        """The products of these points; unknown ones are left out."""

    async def take_all_for_copies(self, deadline: Deadline) -> None:
        """Let everything that is here count as copied from now on."""

    async def put_copies(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        """Write products durably where there is none, or a copy."""

    async def put_copied_payload(self, product: Product, deadline: Deadline) -> None:
        """Replace all of a copy but its tokens; what is no copy, or not there, stays so."""

    async def delete_copies(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        """Remove those of these points that are copies."""


class ModelRegistry(Protocol):
    """The collections of all models, by short digest, and the alias that names the live one.
    Raises `DependencyError` (``qdrant``)."""

    async def models(self, deadline: Deadline) -> IndexedModels:
        """Which models have a collection, and which is live."""

    async def move(self, model: str, deadline: Deadline) -> None:
        """Make a model the live one, in one step."""

    async def delete_from(
        self, model: str, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> None:
        """Remove points from a model's collection; neither need exist."""

    async def drop(self, model: str, deadline: Deadline) -> None:
        """Remove a model's collection; it need not exist."""

    async def record(self, model: str, deadline: Deadline) -> SwapRecord:
        """How far a swap to this model has come; a blank one where nothing was kept."""

    async def keep_record(self, model: str, record: SwapRecord, deadline: Deadline) -> None:
        """Keep a record with the model's collection, durably, in place of an older one."""


class PortableIndex(Protocol):
    """All of one model's collection, to copy it and to make it anew. Raises `DependencyError`
    (``qdrant``); reading one that does not exist is `ServiceUnavailable` (MODEL_MISMATCH)."""

    async def page(self, after: uuid.UUID | None, deadline: Deadline) -> IndexPage:
        """Products of all catalogs in point-id order, beginning at ``after``."""

    async def is_live(self, deadline: Deadline) -> bool:
        """Whether it is this collection that is searched."""

    async def prepare(self, deadline: Deadline) -> None:
        """Make the collection where it is missing, without making it live."""

    async def go_live(self, deadline: Deadline) -> bool:
        """Make the collection live where none is; returns whether it is the live one."""

    async def restoring(self, deadline: Deadline) -> Restoring | None:
        """The unfinished restore that was noted last."""

    async def note(self, restoring: Restoring | None, deadline: Deadline) -> None:
        """Keep how far a restore is with the collection, durably; None when it has ended."""


class EmbeddingCache(Protocol):
    """Arrays by key. Never raises for the store's sake: without it every key is a miss."""

    async def get_or_compute(
        self, key: bytes, compute: Callable[[], Awaitable[FloatArray]]
    ) -> FloatArray:
        """The array stored under the key, else the computed one, stored. Equal keys that are
        asked for at the same time are computed once."""


class SnapshotStore(Protocol):
    """Rankings kept for a few minutes, so that pages stay stable."""

    async def put(self, key: bytes, ranking: Ranking) -> bool:
        """Keep a ranking; False where the store is not reachable."""

    async def get(self, key: bytes) -> Ranking | None:
        """The ranking, or None when it expired or the store is not reachable."""


class Lease(Protocol):
    """A right that one replica has at a time, for what is wasteful but harmless if done twice."""

    async def take(self, name: bytes, for_s: float) -> bool:
        """Whether this replica has it now: then no other does until ``for_s`` seconds have
        passed, except where the store of leases is not reachable."""


class ImageStore(Protocol):
    """Normalised pictures by content. Raises `DependencyError` (``image_store``)."""

    async def put(self, image: Image.Image, deadline: Deadline) -> str:
        """Keep an 8-bit RGB picture durably; returns the sha256 (hex) that names it."""

    async def get(self, sha256: str, deadline: Deadline) -> bytes | None:
        """The encoded picture (lossless), or None where it is missing or damaged."""


class PictureFiles(Protocol):
    """Pictures as files, to copy them. Raises `DependencyError` (``image_store``)."""

    async def get(self, sha256: str, deadline: Deadline) -> bytes | None:
        """The encoded picture (lossless), or None where it is missing or damaged."""

    async def put_file(self, sha256: str, content: bytes, deadline: Deadline) -> None:
        """Keep a file that `get` gave, durably; raises ValueError where it is not that picture."""


class PictureTrash(Protocol):
    """Removing pictures in two steps. Raises `DependencyError` (``image_store``)."""

    def pictures(self, shelf: PictureShelf, deadline: Deadline) -> AsyncIterator[StoredPicture]:
        """All pictures of a shelf, in no order."""

    async def trash(self, sha256: str, deadline: Deadline) -> None:
        """Set a picture aside; `ImageStore.get` still finds it, its age begins anew."""

    async def restore(self, sha256: str, deadline: Deadline) -> None:
        """Take a picture back from the trash."""

    async def expunge(self, sha256: str, before_s: float, deadline: Deadline) -> None:
        """Remove a picture of the trash for good, unless it came there after ``before_s``."""


class PictureReferences(Protocol):
    """Which pictures are in use. Raises `DependencyError` (``qdrant``)."""

    async def referenced(self, deadline: Deadline) -> ReferencedPictures:
        """The pictures of all products of all catalogs, in the collections of all models."""


class ImageFetcher(Protocol):
    """The guarded fetch of picture URIs."""

    def fetch(self, uri: str, deadline: Deadline) -> AbstractAsyncContextManager[bytes]:
        """The bytes behind a URI, which count as buffered while the block runs.

        Raises InvalidArgument (IMAGE_URI_DISABLED, IMAGE_URI_INVALID, IMAGE_URI_REFUSED) before
        any packet is sent to the host that is refused, FailedPrecondition when the host fails,
        and ImageTooLarge."""
