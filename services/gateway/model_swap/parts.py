"""What the steps of a swap stand on."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from gateway.pictures import PictureWorkshop
from gateway.space import EmbeddingSpace
from retrieval.domain import Deadline
from retrieval.errors import DependencyExhausted, DependencyTimeout, DependencyUnavailable
from retrieval.ports import ImageStore, ModelRegistry, ProductCopies

_CALL_S: Final = 30.0
_TRIES: Final = 6
_PASSES_BY_ITSELF: Final = (DependencyUnavailable, DependencyTimeout, DependencyExhausted)
T = TypeVar("T")


class SwapRefused(Exception):
    """A step does not fit where the swap stands; nothing was changed by it. One sentence."""


class Side(Protocol):
    """One model of a swap."""

    @property
    def space(self) -> EmbeddingSpace: ...

    @property
    def copies(self) -> ProductCopies: ...

    async def ensure(self, deadline: Deadline) -> None:
        """Make what is missing of its collection."""


Progress = Callable[[int], None]
"""Told how many products more are done."""


@dataclass(frozen=True, slots=True)
class SwapParts:
    """The world, as the steps see it.

    Attributes:
        side: the side of a model, by short digest. Raises `SwapRefused` where its bundle is not
            here.
        batch: pictures in one inference.
        say: shows a sentence to whoever runs the step.
        progress: shows how far something is, of a number of products.
        now: seconds since the epoch.
        sleep: waits for some seconds.
    """

    registry: ModelRegistry
    images: ImageStore
    workshop: PictureWorkshop
    side: Callable[[str], Side]
    batch: int
    say: Callable[[str], None]
    progress: Callable[[str, int], AbstractContextManager[Progress]]
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


async def patiently(call: Callable[[Deadline], Awaitable[T]]) -> T:
    """Make a call that may be repeated, again while what it needs is busy or restarting.

    Raises the last error of `DependencyError` after about half a minute of failures, others at
    once.
    """
    async for attempt in AsyncRetrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=0.5, max=15),
        retry=retry_if_exception_type(_PASSES_BY_ITSELF),
        reraise=True,
    ):
        with attempt:
            result = await call(Deadline.after(_CALL_S))
    return result
