"""Making a backup: page by page out of the index, a part of it in memory at a time."""

import asyncio
import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from gateway.backup.failures import BackupRefused
from gateway.backup.folder import BackupFolder, write_synced
from gateway.backup.manifest import MANIFEST, KeptTuning, Manifest, Model, Part, Parts, written
from gateway.backup.patience import patiently
from gateway.backup.progress import Progress
from gateway.backup.records import F16Array, SavedProduct, products_file, tokens_file
from retrieval.domain import IndexedProduct
from retrieval.image_store.pictures import is_name
from retrieval.ports import AuditedIndex, PictureFiles, PortableIndex

_NAME: Final = "%Y%m%dT%H%M%SZ"
_PART_FLOATS: Final = 2**23
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: its name, what it holds, and what it added to the folder."""

    name: str
    manifest: Manifest
    pictures_added: int
    bytes_added: int


@dataclass(slots=True)
class _Draft:
    """A backup being written.

    Attributes:
        folder: where.
        tokens: room for those of a part, [N, K, D] float16; None leaves them out. The same for
            all parts, as buffers of this size that come and go would scatter the memory.
        products: of the part that is being gathered.
    """

    folder: Path
    tokens: F16Array | None
    products: list[SavedProduct] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)
    catalogs: Counter[str] = field(default_factory=Counter)
    without_picture: int = 0
    unreadable: int = 0
    pictures_added: int = 0
    bytes_added: int = 0


class Backup:
    """Copies one model's catalogs into a folder.

    Args:
        index: what is copied.
        audits: of the same index.
        images: where its pictures are.
        model: of the index.
        now: seconds since 1970.
        part_products: in a file, or fewer where their tokens are large.
    """

    def __init__(
        self,
        index: PortableIndex,
        audits: AuditedIndex,
        images: PictureFiles,
        model: Model,
        *,
        now: Callable[[], float] = time.time,
        part_products: int = 1000,
    ) -> None:
        self._index = index
        self._audits = audits
        self._images = images
        self._model = model
        self._now = now
        sizes = model.query_tokens * model.embed_dim
        self._part_products = max(1, min(part_products, _PART_FLOATS // sizes))

    async def run(self, folder: BackupFolder, progress: Progress, *, tokens: bool = True) -> Made:
        """Make one backup, with or without the tokens; it is there whole or not at all.

        Raises:
            BackupRefused: the index holds no products or is not the live one, or another backup
                is being written.
            RecomposeError: the index or the image store cannot be read.
            OSError: the folder cannot be written.
        """
        if not await patiently(self._index.is_live):
            raise BackupRefused(
                "the live index is not that of this model: BUNDLE_DIR names the bundle to back up"
            )
        total = await patiently(self._audits.count)
        if not total:
            raise BackupRefused(
                "the index holds no products, which cannot be told from one that was lost"
            )
        with folder.writing():
            name, began_at = self._named(folder)
            draft = _Draft(folder.begin(name), self._room() if tokens else None)
            progress.begin("backing up", total)
            await self._copy(folder, draft, progress)
            manifest = Manifest(
                began_at=began_at,
                ended_at=self._time().isoformat(timespec="seconds"),
                model=self._model,
                catalogs=dict(sorted(draft.catalogs.items())),
                without_picture=draft.without_picture,
                unreadable=draft.unreadable,
                tuning=await self._tuning(),
                parts=tuple(draft.parts),
            )
            content = written(manifest)
            await asyncio.to_thread(write_synced, draft.folder / MANIFEST, content)
            await asyncio.to_thread(folder.publish, name)
        progress.end()
        return Made(name, manifest, draft.pictures_added, draft.bytes_added + len(content))

    def _named(self, folder: BackupFolder) -> tuple[str, str]:
        """A name that sorts behind all that are there, and when the backup began."""
        began = self._time()
        moment = began
        if names := folder.names():
            last = datetime.strptime(names[-1], _NAME).replace(tzinfo=UTC)
            moment = max(began, last + timedelta(seconds=1))
        return moment.strftime(_NAME), began.isoformat(timespec="seconds")

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    async def _tuning(self) -> KeptTuning | None:
        tuning = await patiently(self._audits.tuning)
        return None if tuning is None else KeptTuning.of(tuning)

    def _room(self) -> F16Array:
        model = self._model
        return np.empty((self._part_products, model.query_tokens, model.embed_dim), np.float16)

    async def _copy(self, folder: BackupFolder, draft: _Draft, progress: Progress) -> None:
        after: uuid.UUID | None = None
        while True:
            page = await patiently(lambda deadline, after=after: self._index.page(after, deadline))  # type: ignore[misc]
            draft.unreadable += page.unreadable
            saved = await self._save_pictures(folder, draft, page.products)
            for item in page.products:
                product = item.product
                has_picture = saved.get(product.image_sha256, False)
                if draft.tokens is not None:
                    draft.tokens[len(draft.products)] = item.tokens
                draft.products.append(SavedProduct(product, has_picture))
                draft.catalogs[product.catalog] += 1
                draft.without_picture += not has_picture
                if len(draft.products) == self._part_products:
                    await asyncio.to_thread(self._write_part, draft)
            progress.add(len(page.products))
            after = page.following
            if after is None:
                break
        if draft.products:
            await asyncio.to_thread(self._write_part, draft)
        if not draft.parts:
            raise BackupRefused("none of the index's points is a product that can be read")

    async def _save_pictures(
        self, folder: BackupFolder, draft: _Draft, products: tuple[IndexedProduct, ...]
    ) -> dict[str, bool]:
        """Copy what the folder lacks; by name, whether the folder has it now."""
        names = sorted({item.product.image_sha256 for item in products})
        places = asyncio.Semaphore(_AT_ONCE)

        async def save(sha256: str) -> bool:
            async with places:
                return await self._save_picture(folder, draft, sha256)

        ends = await asyncio.gather(*map(save, names), return_exceptions=True)
        saved = {}
        for name, end in zip(names, ends, strict=True):
            if isinstance(end, BaseException):
                raise end
            saved[name] = end
        return saved

    async def _save_picture(self, folder: BackupFolder, draft: _Draft, sha256: str) -> bool:
        if not is_name(sha256):
            return False
        if await asyncio.to_thread(folder.pictures.has, sha256):
            return True
        content = await patiently(lambda deadline: self._images.get(sha256, deadline))
        if content is None:
            return False
        await asyncio.to_thread(folder.pictures.write, sha256, content)
        draft.pictures_added += 1
        draft.bytes_added += len(content)
        return True

    def _write_part(self, draft: _Draft) -> None:
        number, count = f"{len(draft.parts):05d}", len(draft.products)
        lines = products_file(draft.products)
        products = _add(draft, f"products-{number}.jsonl", lines)
        tokens = None
        if draft.tokens is not None:
            tokens = _add(draft, f"tokens-{number}.npy", *tokens_file(draft.tokens[:count]))
        draft.parts.append(Parts(count=count, products=products, tokens=tokens))
        draft.products.clear()


def _add(draft: _Draft, name: str, *pieces: bytes | memoryview) -> Part:
    """Write a file of a backup; what its manifest says of it."""
    write_synced(draft.folder / name, *pieces)
    total = hashlib.sha256()
    for piece in pieces:
        total.update(piece)
    size = sum(map(len, pieces))
    draft.bytes_added += size
    return Part(name=name, bytes=size, sha256=total.hexdigest())
