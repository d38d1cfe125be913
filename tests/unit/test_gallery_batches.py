"""Pictures of an import in batches: when one goes, what lies in memory, who hears of a failure."""

import asyncio

import numpy as np
import pytest

from gateway.gallery_batches import Encode, GalleryBatches
from gateway.inference_size import InferenceSize
from retrieval.domain import F32Array
from retrieval.errors import DependencyUnavailable


class Encoder:
    """Answers each picture with its own first number, once it is let; keeps batch sizes."""

    def __init__(self, *, open: bool = True) -> None:
        self.batches: list[int] = []
        self.cancelled = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        if open:
            self.gate.set()

    async def __call__(self, pixels: F32Array) -> F32Array:
        self.batches.append(len(pixels))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return pixels[:, 0, :1, :1]


def picture(number: int) -> F32Array:
    return np.full((3, 2, 2), number, np.float32)


def batches_of(encode: Encode, size: int, products: int) -> GalleryBatches:
    return GalleryBatches(encode, lambda: size, ceiling=size, products=products)


async def embedded(batches: GalleryBatches, number: int) -> float:
    with batches.place() as place:
        await place.enter()
        return float((await place.embed(picture(number)))[0, 0])


async def unchanged(batches: GalleryBatches) -> None:
    with batches.place():
        await asyncio.sleep(0)


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("products", [1, 4, 5, 23])
async def test_each_picture_gets_its_own_tokens_in_full_batches(products: int) -> None:
    encoder = Encoder()
    async with batches_of(encoder, 4, products) as batches:
        found = await asyncio.gather(*(embedded(batches, number) for number in range(products)))
    assert found == list(range(products))
    assert sorted(encoder.batches, reverse=True) == [4] * (products // 4) + (
        [products % 4] if products % 4 else []
    )


async def test_a_full_batch_goes_while_others_are_still_prepared() -> None:
    encoder = Encoder()
    async with batches_of(encoder, 2, 3) as batches:
        first = [asyncio.create_task(embedded(batches, number)) for number in range(2)]
        await asyncio.wait_for(asyncio.gather(*first), 5)
        assert encoder.batches == [2]
        assert await asyncio.wait_for(embedded(batches, 7), 5) == 7


async def test_the_last_batch_waits_for_no_product_that_brings_no_picture() -> None:
    encoder = Encoder()
    async with batches_of(encoder, 4, 3) as batches:
        waiting = asyncio.create_task(embedded(batches, 1))
        await settled()
        assert encoder.batches == []
        await unchanged(batches)
        with pytest.raises(ValueError, match="broken"), batches.place():
            raise ValueError("broken")
        assert await asyncio.wait_for(waiting, 5) == 1
    assert encoder.batches == [1]


async def test_no_more_than_two_batches_lie_in_memory() -> None:
    encoder = Encoder(open=False)
    async with batches_of(encoder, 2, 20) as batches:
        tasks = [asyncio.create_task(embedded(batches, number)) for number in range(20)]
        await settled()
        assert encoder.batches == [2, 2]
        encoder.gate.set()
        assert await asyncio.wait_for(asyncio.gather(*tasks), 5) == list(range(20))


async def test_what_gathered_is_split_where_batches_became_smaller() -> None:
    encoder, size = Encoder(), [4]
    async with GalleryBatches(encoder, lambda: size[0], ceiling=4, products=4) as batches:
        tasks = [asyncio.create_task(embedded(batches, number)) for number in range(3)]
        await settled()
        size[0] = 2
        assert await asyncio.wait_for(embedded(batches, 3), 5) == 3
        assert await asyncio.gather(*tasks) == [0, 1, 2]
    assert encoder.batches == [2, 2]


def test_an_inference_grows_to_what_fits_a_quarter_of_a_second() -> None:
    size = InferenceSize(16)
    sizes = []
    for _ in range(6):
        sizes.append(size.pictures)
        size.took(size.pictures, 0.01 * size.pictures)
    assert sizes == [1, 2, 4, 8, 16, 16]


def test_an_inference_of_a_slow_encoder_shrinks_to_one_picture_and_grows_again() -> None:
    size = InferenceSize(16)
    for _ in range(5):
        size.took(size.pictures, 0.01)
    size.took(16, 8.0)
    assert size.pictures == 1
    size.took(1, 0.7)
    assert size.pictures == 1
    size.took(1, 0.05)
    assert size.pictures == 2
    size.took(2, 0.1)
    assert size.pictures == 4
    size.took(4, 0.2)
    assert size.pictures == 5


async def test_a_failure_is_told_to_each_picture_of_its_batch() -> None:
    encoder = Encoder()
    encoder.failure = DependencyUnavailable(dependency="triton")
    async with batches_of(encoder, 2, 4) as batches:
        told = await asyncio.gather(
            *(embedded(batches, number) for number in range(4)), return_exceptions=True
        )
    assert [type(one) for one in told] == [DependencyUnavailable] * 4


async def test_tokens_of_another_number_than_pictures_are_a_failure() -> None:
    async def short(pixels: F32Array) -> F32Array:
        return pixels[1:]

    async with batches_of(short, 2, 2) as batches:
        told = await asyncio.wait_for(
            asyncio.gather(*(embedded(batches, n) for n in range(2)), return_exceptions=True), 5
        )
    assert [type(one) for one in told] == [ValueError] * 2


async def test_an_import_that_is_given_up_ends_its_inferences() -> None:
    encoder = Encoder(open=False)

    async def work() -> None:
        async with batches_of(encoder, 2, 7) as batches:
            await asyncio.gather(*(embedded(batches, number) for number in range(7)))

    task = asyncio.create_task(work())
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled()
    assert (encoder.batches, encoder.cancelled) == ([2, 2], 2)
