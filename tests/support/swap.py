"""The steps of a model swap over the fakes of `two_models`, with moments to interfere in."""

import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.model_swap.parts import Progress, SwapParts
from gateway.space import EmbeddingSpace
from retrieval.domain import Deadline, Product
from tests.support.two_models import NEW, TwoModels, two_models

Hook = Callable[[str], Awaitable[None]]
"""Awaited before each call of a step to one of its ports, with the call's name."""


async def nothing(name: str) -> None:
    """Does not interfere."""


@dataclass
class FakeSide:
    """A model whose collection is made when it is asked for."""

    space: EmbeddingSpace
    copies: Any
    make: Callable[[], None]

    async def ensure(self, deadline: Deadline) -> None:
        self.make()


@dataclass
class Swap:
    """The world of the steps, and what they said and waited for."""

    models: TwoModels
    said: list[str] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    hook: Hook = nothing
    while_waiting: Callable[[], Awaitable[None]] | None = None
    parts: SwapParts = None  # type: ignore[assignment]

    async def contents(self, model: str) -> dict[str, Product]:
        """What a model's collection holds, by product id."""
        page, _ = await self.models.indexes[model].held_page(10_000, None, Deadline.after(10))
        return {held.product.id: held.product for held in page}


@contextmanager
def swapping(folder: Path) -> Iterator[Swap]:
    """The old model is live; the new one has no collection yet."""
    with two_models(folder) as models:
        del models.registry.indexes[NEW]
        swap = Swap(models)

        async def hook(name: str) -> None:
            await swap.hook(name)

        async def sleep(seconds: float) -> None:
            swap.slept_s.append(seconds)
            if swap.while_waiting is not None:
                await swap.while_waiting()

        def side(model: str) -> FakeSide:
            index = models.indexes[model]

            def make() -> None:
                models.registry.indexes[model] = index

            space = models.by_model[model]
            hooked_space = EmbeddingSpace(
                space.bundle,
                space.tokenizer,
                _hooked(space.encoder, hook),
                index,
                index,
                _hooked(index, hook),
            )
            return FakeSide(hooked_space, _hooked(index, hook), make)

        swap.parts = SwapParts(
            registry=_hooked(models.registry, hook),
            images=models.images,
            workshop=models.workshop,
            side=side,
            batch=4,
            say=swap.said.append,
            progress=_no_progress,
            now=time.time,
            sleep=sleep,
        )
        yield swap


@contextmanager
def _no_progress(what: str, total: int) -> Iterator[Progress]:
    yield lambda products: None


class _Hooked:
    def __init__(self, target: Any, hook: Hook) -> None:
        self._target = target
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            await self._hook(name)
            return await found(*arguments, **options)

        return call


def _hooked(target: Any, hook: Hook) -> Any:
    return _Hooked(target, hook)
