"""Computing the tokens of pictures anew, where a backup's own cannot be used."""

import asyncio
from collections.abc import Sequence

import numpy as np

from gateway.backup.patience import patiently
from gateway.pictures import PictureWorkshop
from retrieval.bundle import Bundle
from retrieval.domain import F32Array
from retrieval.ports import Encoder


class PictureEmbedder:
    """Files of an image store to tokens.

    Args:
        encoder: of the bundle.
        workshop: prepares the pictures.
        bundle: whose tokens they will be.
    """

    def __init__(self, encoder: Encoder, workshop: PictureWorkshop, bundle: Bundle) -> None:
        self._encoder = encoder
        self._workshop = workshop
        self._bundle = bundle

    async def check(self) -> None:
        """Make one real inference. Raises `RecomposeError`."""
        await patiently(self._encoder.check)

    async def embed(self, contents: Sequence[bytes]) -> F32Array:
        """Tokens [N, K, D] float32 of N pictures, one batch. Raises `RecomposeError`."""

        async def pixels(content: bytes) -> F32Array:
            return await patiently(
                lambda deadline: self._workshop.stored_pixels(content, self._bundle, deadline)
            )

        batch = np.stack(await asyncio.gather(*map(pixels, contents)))
        return await patiently(lambda deadline: self._encoder.encode_gallery(batch, deadline))
