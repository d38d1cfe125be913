"""Pictures of candidates on their way to the encoder: what comes while it is busy is its next
batch, whichever searches it is for."""

import asyncio
import time
from collections.abc import Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from gateway.inference_size import InferenceSize
from gateway.space import EmbeddingSpace
from retrieval.domain import Deadline, F32Array, FloatArray

_AT_ONCE: Final = 2
"""One batch at work and one behind it keep an encoder busy; shoppers' pictures wait behind them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    space: EmbeddingSpace
    pixels: F32Array
    embeds: "asyncio.Future[FloatArray]"
    context: Context
    """Of the request that it is for."""


class EmbedBatches:
    """Embeds single pictures in batches that belong to no caller.

    Who leaves takes only its own picture away; a batch that nobody waits for any more is cancelled.
    """

    def __init__(self, ceiling: int, encoder_budget_s: float) -> None:
        """At most ``ceiling`` pictures a batch, fewer where the encoder takes long for them;
        ``encoder_budget_s`` bounds each inference."""
        self._size = InferenceSize(ceiling)
        self._encoder_budget_s = encoder_budget_s
        self._waiting: list[_Picture] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def embed(self, space: EmbeddingSpace, pixels: F32Array) -> FloatArray:
        """A picture's embeds [P, W] in the bundle's precision, of ``pixel_values`` [3, S, S]
        float32. Raises `DependencyError` (``triton``)."""
        embeds: asyncio.Future[FloatArray] = asyncio.get_running_loop().create_future()
        picture = _Picture(space, pixels, embeds, copy_context())
        self._waiting.append(picture)
        self._send()
        return await embeds

    def _send(self) -> None:
        while len(self._under_way) < _AT_ONCE and (batch := self._next()):
            # In the trace of the first, not of who happened to end just now.
            task = asyncio.create_task(self._encode(batch), context=batch[0].context)
            self._under_way.add(task)
            task.add_done_callback(self._ended)
            left = partial(_cancel_if_unwanted, task, batch)
            for picture in batch:
                picture.embeds.add_done_callback(left)

    def _next(self) -> list[_Picture]:
        """Those that have waited longest, of one model and still wanted."""
        wanted = [picture for picture in self._waiting if not picture.embeds.done()]
        batch = [picture for picture in wanted if picture.space is wanted[0].space]
        batch = batch[: self._size.pictures]
        self._waiting = [picture for picture in wanted if picture not in batch]
        return batch

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._send()

    async def _encode(self, batch: Sequence[_Picture]) -> None:
        pixels = np.stack([picture.pixels for picture in batch])
        began_s = time.monotonic()
        try:
            found = await batch[0].space.encoder.encode_images(
                pixels, Deadline.after(self._encoder_budget_s)
            )
            told = list(zip(batch, found.embeds, strict=True))
        except asyncio.CancelledError:
            raise  # nobody waits for it any more
        except Exception as error:  # noqa: BLE001 - whoever waits for the embeds is told
            for picture in batch:
                if not picture.embeds.done():
                    picture.embeds.set_exception(error)
            return
        self._size.took(len(batch), time.monotonic() - began_s)
        for picture, embeds in told:
            if not picture.embeds.done():
                # A copy: a row that is kept must not keep the whole batch in memory.
                picture.embeds.set_result(embeds.copy())


def _cancel_if_unwanted(
    task: "asyncio.Task[None]", batch: Sequence[_Picture], _: "asyncio.Future[FloatArray]"
) -> None:
    if all(picture.embeds.done() for picture in batch):
        task.cancel()  # does nothing to one that brought them
