"""Products embedded anew, from the pictures that the image store keeps."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from gateway.model_swap.parts import SwapParts, patiently
from gateway.space import EmbeddingSpace
from retrieval.domain import Deadline, F32Array, Product

_READ_AT_ONCE: Final = 4


async def pixels_of(
    parts: SwapParts, space: EmbeddingSpace, products: Sequence[Product]
) -> list[F32Array | None]:
    """``pixel_values`` [3, S, S] float32 of each product; None where there is no whole picture."""
    places = asyncio.Semaphore(_READ_AT_ONCE)

    async def one(product: Product) -> F32Array | None:
        async def read(deadline: Deadline) -> F32Array | None:
            content = await parts.images.get(product.image_sha256, deadline)
            if content is None:
                return None
            return await parts.workshop.stored_pixels(content, space.bundle, deadline)

        async with places:
            return await patiently(read)

    return list(await asyncio.gather(*map(one, products)))


async def embed(space: EmbeddingSpace, pixels: Sequence[F32Array]) -> F32Array:
    """Tokens [N, K, D] float32 of N pictures under a model, one batch."""
    batch = np.stack(pixels)
    return await patiently(partial(space.encoder.encode_gallery, batch))
