"""The guarded fetch, as a story: read, check, ask, follow, all in one time."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from httpcore2 import AsyncNetworkBackend

from retrieval.domain import Deadline, Observe
from retrieval.errors import (
    DeadlineExceeded,
    DependencyExhausted,
    DependencyTimeout,
    FailedPrecondition,
    InvalidArgument,
    Reason,
    RecomposeError,
)
from retrieval.image_fetch.addresses import Address, is_public
from retrieval.image_fetch.hosts import HostRule, is_public_name
from retrieval.image_fetch.resolving import Resolve
from retrieval.image_fetch.transfer import get
from retrieval.image_fetch.uri import ImageUri, parse_image_uri
from retrieval.permits import ByteBudget, HeldBytes, Permits

DEPENDENCY: Final = "image_host"
MAX_REDIRECTS: Final = 3
_IN_FLIGHT: Final = 32
_WAITING: Final = 64

_OUTCOMES: Final = {
    Reason.IMAGE_URI_REFUSED: "blocked",
    Reason.IMAGE_TOO_MANY_BYTES: "too_large",
    Reason.IMAGE_HOST_UNREACHABLE: "unavailable",
    Reason.IMAGE_HOST_REFUSED: "refused",
    Reason.IMAGE_HOST_TIMEOUT: "timeout",
    Reason.DEADLINE_EXCEEDED: "timeout",
    Reason.DEPENDENCY_EXHAUSTED: "exhausted",
    Reason.OVERLOADED: "exhausted",
}


class GuardedImageFetcher:
    """The `ImageFetcher` port of IMAGE_URIS=allowlist and public.

    A bad host costs nobody but its caller: there is no breaker, since a shopper's addresses say
    nothing about each other, only a bound on fetches at once.
    """

    def __init__(
        self,
        may_ask: HostRule,
        resolve: Resolve,
        backend: AsyncNetworkBackend,
        tls: ssl.SSLContext,
        buffered: ByteBudget,
        *,
        budget_s: float,
        observe: Observe,
    ) -> None:
        """``resolve`` finds a name's addresses and ``backend`` connects to one; ``buffered`` is
        told of the bytes in memory; ``budget_s`` is for all of a fetch, redirects included."""
        self._may_ask = may_ask
        self._resolve = resolve
        self._backend = backend
        self._tls = tls
        self._buffered = buffered
        self._budget_s = budget_s
        self._observe = observe
        self._permits = Permits(DEPENDENCY, in_flight=_IN_FLIGHT, waiting=_WAITING)

    @asynccontextmanager
    async def fetch(self, uri: str, deadline: Deadline) -> AsyncIterator[bytes]:
        """The bytes behind a URI, which count as buffered while the block runs.

        Raises:
            InvalidArgument: IMAGE_URI_INVALID, or IMAGE_URI_REFUSED; nothing was sent to the host
                that is refused.
            FailedPrecondition: the host did not deliver.
            ImageTooLarge: over 10 MiB.
            DependencyExhausted, Overloaded: too many fetches, or too many bytes, at once.
            DeadlineExceeded: the caller's own time ran out.
        """
        target = parse_image_uri(uri)
        self._check_host(target)
        with self._buffered.holding() as held:
            yield await self._counted(target, held, deadline)

    async def _counted(self, target: ImageUri, held: HeldBytes, deadline: Deadline) -> bytes:
        started_s, outcome = time.monotonic(), "cancelled"
        try:
            content = await self._in_time(target, held, deadline)
            outcome = "ok"
            return content
        except RecomposeError as error:
            outcome = _OUTCOMES[error.reason]
            raise
        finally:
            self._observe(DEPENDENCY, outcome, time.monotonic() - started_s)

    async def _in_time(self, target: ImageUri, held: HeldBytes, deadline: Deadline) -> bytes:
        limit = deadline.capped(self._budget_s)
        try:
            await self._permits.acquire(limit)
        except DependencyTimeout:
            raise DependencyExhausted(dependency=DEPENDENCY, retry_after_s=1.0) from None
        try:
            async with asyncio.timeout(limit.remaining_s()):
                return await self._follow(target, held, limit)
        except TimeoutError:
            if limit.at_s == deadline.at_s:  # it was the caller's time, not the fetch's
                raise DeadlineExceeded from None
            raise FailedPrecondition(Reason.IMAGE_HOST_TIMEOUT, field="image.uri") from None
        finally:
            self._permits.release()

    async def _follow(self, target: ImageUri, held: HeldBytes, limit: Deadline) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            addresses = await self._addresses(target)
            answer = await get(target, addresses, self._backend, self._tls, held, limit)
            if isinstance(answer, bytes):
                return answer
            target = self._next(target, answer)
        raise FailedPrecondition(Reason.IMAGE_HOST_REFUSED, field="image.uri")

    def _next(self, target: ImageUri, location: str) -> ImageUri:
        """Where a redirect leads, checked as if a caller had sent it."""
        try:
            following = target.joined(location)
        except InvalidArgument:
            raise _refused() from None
        self._check_host(following)
        if target.scheme == "https" and following.scheme == "http":
            raise _refused()  # what began in private stays so
        return following

    def _check_host(self, target: ImageUri) -> None:
        """Whether the host may be asked, as far as that shows without looking it up."""
        if target.address is None:
            public = is_public_name(target.host)
        else:
            public = is_public(target.address)
        if not (public and self._may_ask(target.host)):
            raise _refused()

    async def _addresses(self, target: ImageUri) -> Sequence[Address]:
        """The host's addresses, all of them public: one that is not refuses the host, since it
        would be somebody's luck which of them is asked."""
        if target.address is not None:
            return [target.address]
        try:
            addresses = await self._resolve(target.host)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise FailedPrecondition(Reason.IMAGE_HOST_UNREACHABLE, field="image.uri")
        if not all(map(is_public, addresses)):
            raise _refused()
        return addresses


def _refused() -> InvalidArgument:
    return InvalidArgument(Reason.IMAGE_URI_REFUSED, field="image.uri")
