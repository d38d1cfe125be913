"""Changes of an import on their way into the index: what is written when, and what is not lost."""

import asyncio
import time
import uuid

import numpy as np
import pytest

from gateway.index_writes import Change, IndexWrites, repeated
from retrieval.domain import Deadline, Product, point_id
from retrieval.errors import DependencyUnavailable
from tests.support.core import FIELDS
from tests.support.fake_encoder import SIZES
from tests.support.fake_index import FakeIndex


def deadline() -> Deadline:
    return Deadline.after(60)


def change(name: str) -> Change:
    tokens = np.zeros((SIZES.query_tokens, SIZES.embed_dim), np.float32)
    tokens[:, 0] = 1
    return Change(
        Product(
            id=name, title=name, attributes={}, catalog="default", updated_at_s=time.time(),
            image_sha256="0" * 64, image_width=1, image_height=1, source_sha256="1" * 64,
        ),
        tokens,
    )  # fmt: skip


async def held(index: FakeIndex, *names: str) -> list[str]:
    found = await index.get([point_id("default", name) for name in names], deadline())
    return sorted(product.id for product in found.values())


async def until_held(index: FakeIndex, name: str) -> None:
    async with asyncio.timeout(10):
        while not await held(index, name):  # noqa: ASYNC110 - nobody tells when it is there
            await asyncio.sleep(0.01)


async def test_a_short_import_is_written_at_its_end_and_whole() -> None:
    index = FakeIndex(FIELDS)
    async with IndexWrites(index, deadline()) as writes:
        writes.add(change("a"))
        await asyncio.sleep(0.05)
        assert await held(index, "a") == []
        writes.add(change("b"))
    assert await held(index, "a", "b") == ["a", "b"]


async def test_a_long_one_is_written_now_and_then() -> None:
    index = FakeIndex(FIELDS)
    async with IndexWrites(index, deadline(), every_s=0.02) as writes:
        for name in ("a", "b"):
            writes.add(change(name))
            await until_held(index, name)


async def test_an_import_that_fails_leaves_what_was_ready_and_its_own_error() -> None:
    index = FakeIndex(FIELDS)

    async def run() -> None:
        async with IndexWrites(index, deadline()) as writes:
            writes.add(change("a"))
            raise DependencyUnavailable(dependency="triton")

    with pytest.raises(DependencyUnavailable) as raised:
        await run()
    assert raised.value.dependency == "triton"
    assert await held(index, "a") == ["a"]


async def test_a_write_that_fails_in_the_midst_fails_the_import() -> None:
    index = FakeIndex(FIELDS)

    async def run() -> None:
        async with IndexWrites(index, deadline(), every_s=0.01) as writes:
            index.failure = DependencyUnavailable(dependency="qdrant")
            writes.add(change("a"))
            await asyncio.sleep(0.1)
            index.failure = None
            writes.add(change("b"))

    with pytest.raises(DependencyUnavailable) as raised:
        await run()
    assert raised.value.dependency == "qdrant"


async def test_an_import_that_is_cancelled_stops_its_write() -> None:
    index = FakeIndex(FIELDS)
    begun = asyncio.Event()

    async def hang(deadline: Deadline) -> None:
        begun.set()
        await asyncio.sleep(60)

    index.before_write = hang

    async def run() -> None:
        async with IndexWrites(index, deadline(), every_s=0.01) as writes:
            writes.add(change("a"))
            await asyncio.sleep(60)

    before = asyncio.all_tasks()
    running = asyncio.create_task(run())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == before


def test_ids_that_come_more_than_once() -> None:
    a, b, c = (uuid.uuid4() for _ in range(3))
    assert repeated([a, b, a, c, b, a]) == {a, b}
    assert repeated([]) == set()
