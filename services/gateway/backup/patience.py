"""A command has time: what fails for the moment is tried again."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from retrieval.domain import Deadline
from retrieval.errors import DependencyExhausted, DependencyTimeout, DependencyUnavailable

T = TypeVar("T")
_TRIES: Final = 5
_FIRST_WAIT_S: Final = 0.25
_LONGEST_WAIT_S: Final = 8.0
_CALL_S: Final = 120.0


async def patiently(call: Callable[[Deadline], Awaitable[T]]) -> T:
    """Make a call that may be repeated, up to five times within seconds; raises the last error."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(
            (DependencyUnavailable, DependencyTimeout, DependencyExhausted)
        ),
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            return await call(Deadline.after(_CALL_S))
    raise AssertionError("the last try raises")
