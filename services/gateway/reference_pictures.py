"""Pictures that embeddings are computed from: what names one, and its pixels."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

from gateway.pictures import PictureWorkshop
from retrieval.bundle import Bundle
from retrieval.domain import Deadline, F32Array, Trace, UploadReference, ignore_trace
from retrieval.errors import DependencyBroken
from retrieval.ports import ImageStore

_HASH_OFF_LOOP_BYTES: Final = 1 << 20
_STORE_S: Final = 60.0
"""No limit of its own for reading a picture: the store has a budget."""


@dataclass(frozen=True, slots=True)
class ReferencePicture:
    """A resolved reference: the name of a stored picture, a product's, or an upload."""

    source: str | UploadReference
    content_id: bytes
    """Names the pixels in cache keys, without decoding them."""


def of_stored(sha256: str) -> ReferencePicture:
    """The picture that a product has, whether it is a reference or a candidate."""
    return ReferencePicture(sha256, b"stored:" + sha256.encode())


async def of_upload(upload: UploadReference) -> ReferencePicture:
    """An upload, named by the hash of its bytes; large ones are hashed off the event loop."""
    if len(upload.content) > _HASH_OFF_LOOP_BYTES:
        content_id = await asyncio.to_thread(_content_id, upload.content)
    else:
        content_id = _content_id(upload.content)
    return ReferencePicture(upload, content_id)


class PictureReader:
    """Reads and prepares pictures for an encoder."""

    def __init__(
        self, images: ImageStore, workshop: PictureWorkshop, trace: Trace = ignore_trace
    ) -> None:
        """``trace`` is told of the steps."""
        self._images = images
        self._workshop = workshop
        self._trace = trace

    async def pixels(
        self, picture: ReferencePicture, bundle: Bundle, deadline: Deadline
    ) -> F32Array:
        """``pixel_values`` [3, S, S] float32. ``deadline``: for preparing it.

        Raises the errors of an upload, and `DependencyError` (``image_store``), broken where a
        stored picture is not there.
        """
        match picture.source:
            case UploadReference(content):
                with self._trace("decode picture"):
                    return await self._workshop.upload_pixels(content, bundle, deadline)
            case sha256:
                with self._trace("read picture"):
                    stored = await self._images.get(sha256, Deadline.after(_STORE_S))
                    if stored is None:
                        raise DependencyBroken(dependency="image_store")
                with self._trace("decode picture"):
                    return await self._workshop.stored_pixels(stored, bundle, deadline)


def _content_id(content: bytes) -> bytes:
    return b"upload:" + hashlib.sha256(content).digest()
