"""What an import changes in the index, written while the rest of it is still being embedded."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from retrieval.domain import Deadline, F32Array, IndexedProduct, Product
from retrieval.ports import CatalogIndex

_EVERY_S: Final = 5.0
"""Most imports are over by then, and are written at once at their end."""
_PAYLOADS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one write means for the index: a new payload, and the tokens of a new picture."""

    product: Product
    tokens: F32Array | None


class IndexWrites:
    """Changes of one import, each product's once; in an ``async with`` block.

    An import with a slow encoder may outlive its deadline. What it has embedded by then is
    written every few seconds, so that the next try finds it there and goes on from it.
    """

    def __init__(
        self, index: CatalogIndex, deadline: Deadline, *, every_s: float = _EVERY_S
    ) -> None:
        self._index = index
        self._deadline = deadline
        self._every_s = every_s
        self._waiting: list[Change] = []
        self._ended = asyncio.Event()

    async def __aenter__(self) -> "IndexWrites":
        self._now_and_then = asyncio.create_task(self._write_now_and_then())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            self._now_and_then.cancel()
        # None is left behind at work: it could overtake the next try.
        (failure,) = await asyncio.gather(self._now_and_then, return_exceptions=True)
        if kind is None and failure is not None:
            raise failure

    def add(self, change: Change) -> None:
        """Have a change written, by the end of the block at the latest where it ends well."""
        self._waiting.append(change)

    async def _write_now_and_then(self) -> None:
        while not self._ended.is_set():
            try:
                await asyncio.wait_for(self._ended.wait(), self._every_s)
            except TimeoutError:
                await self._write()
        await self._write()

    async def _write(self) -> None:
        changes, self._waiting = self._waiting, []
        indexed = [
            IndexedProduct(change.product, change.tokens)
            for change in changes
            if change.tokens is not None
        ]
        if indexed:
            await self._index.put(indexed, self._deadline)
        await self._replace([change.product for change in changes if change.tokens is None])

    async def _replace(self, products: Sequence[Product]) -> None:
        places = asyncio.Semaphore(_PAYLOADS_AT_ONCE)

        async def replace_payload(product: Product) -> None:
            async with places:
                await self._index.replace_payload(product, self._deadline)

        outcomes = await asyncio.gather(*map(replace_payload, products), return_exceptions=True)
        for failure in outcomes:
            if failure is not None:
                raise failure


def repeated(ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those that come more than once."""
    return {each for each, times in Counter(ids).items() if times > 1}
