"""Pictures of candidates in batches: what goes together, and who hears of what became of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from gateway.embed_batches import EmbedBatches
from gateway.space import EmbeddingSpace
from retrieval.domain import Deadline, F32Array, FloatArray, ImageEmbeddings
from retrieval.errors import DependencyUnavailable


@dataclass
class Encoder:
    """Answers each picture with its own first number, once it is let; keeps batch sizes."""

    batches: list[int] = field(default_factory=list)
    cancelled: int = 0
    failure: Exception | None = None
    missing: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def encode_images(self, pixels: F32Array, deadline: Deadline) -> ImageEmbeddings:
        self.batches.append(len(pixels))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        kept = pixels[: len(pixels) - self.missing, 0]
        return ImageEmbeddings(kept, kept)


@dataclass(eq=False)
class Space:
    """As much of a space as an encoder needs."""

    encoder: Encoder


class Asking:
    """Asks for the embeds of numbered pictures."""

    def __init__(self) -> None:
        self.encoder = Encoder()
        self.space = Space(self.encoder)
        self.batches = EmbedBatches(4, encoder_budget_s=10)

    def ask(self, *numbers: int, space: Space | None = None) -> list["asyncio.Task[FloatArray]"]:
        where = cast(EmbeddingSpace, space or self.space)
        return [
            asyncio.create_task(self.batches.embed(where, np.full((3, 2, 2), number, np.float32)))
            for number in numbers
        ]

    async def learn(self) -> None:
        """Let it find that four pictures at a time are quick."""
        self.encoder.gate.set()
        for _ in range(3):
            await asyncio.gather(*self.ask(*range(8)))
        self.encoder.gate.clear()
        self.encoder.batches.clear()


@pytest.fixture
async def asking() -> Asking:
    asking = Asking()
    await asking.learn()
    return asking


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_the_encoder_is_busy_goes_together(asking: Asking) -> None:
    asked = asking.ask(1)
    await settled()
    asked += asking.ask(2)
    await settled()
    asked += asking.ask(*range(3, 10))
    await settled()
    assert asking.encoder.batches == [1, 1]
    asking.encoder.gate.set()
    found = await asyncio.gather(*asked)
    assert asking.encoder.batches == [1, 1, 4, 3]
    assert [float(embeds[0, 0]) for embeds in found] == list(range(1, 10))


async def test_no_result_keeps_the_batch_it_came_in(asking: Asking) -> None:
    asking.encoder.gate.set()
    for embeds in await asyncio.gather(*asking.ask(1, 2, 3)):
        assert embeds.base is None


async def test_the_pictures_of_two_models_are_never_in_one_batch(asking: Asking) -> None:
    other = Space(Encoder())
    asked = asking.ask(1, 2)
    await settled()
    asked += [*asking.ask(3), *asking.ask(4, 5, space=other), *asking.ask(6)]
    await settled()
    asking.encoder.gate.set()
    other.encoder.gate.set()
    await asyncio.gather(*asked)
    assert sum(asking.encoder.batches) == 4
    assert sum(other.encoder.batches) == 2


async def test_an_error_reaches_all_of_the_batch_and_no_other(asking: Asking) -> None:
    asking.encoder.failure = DependencyUnavailable(dependency="triton")
    asking.encoder.gate.set()
    for outcome in await asyncio.gather(*asking.ask(1, 2, 3), return_exceptions=True):
        assert isinstance(outcome, DependencyUnavailable)
    asking.encoder.failure = None
    assert len(await asyncio.gather(*asking.ask(1, 2, 3))) == 3


async def test_too_few_answers_are_an_error_and_leave_nobody_waiting(asking: Asking) -> None:
    asking.encoder.missing = 1
    asking.encoder.gate.set()
    found: list[Any] = await asyncio.gather(*asking.ask(1, 2), return_exceptions=True)
    assert [type(one) for one in found] == [ValueError, ValueError]


async def test_who_leaves_takes_only_its_own_picture_away(asking: Asking) -> None:
    under_way = asking.ask(1, 2)
    await settled()
    waiting = asking.ask(3, 4)
    await settled()
    under_way[0].cancel()
    waiting[0].cancel()
    await settled()
    asking.encoder.gate.set()
    assert float((await under_way[1])[0, 0]) == 2
    assert float((await waiting[1])[0, 0]) == 4
    assert asking.encoder.cancelled in (0, 1)  # 1 where each of the first went alone
    assert sum(asking.encoder.batches) == 3


async def test_a_batch_that_nobody_waits_for_is_cancelled(asking: Asking) -> None:
    asked = asking.ask(1, 2)
    await settled()
    for one in asked:
        one.cancel()
    await settled()
    assert asking.encoder.cancelled == len(asking.encoder.batches)
    asking.encoder.gate.set()
    assert len(await asyncio.gather(*asking.ask(3))) == 1
