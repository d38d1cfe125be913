"""IMAGE_URIS=off: a shop that sends pictures needs no way out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from retrieval.domain import Deadline
from retrieval.errors import InvalidArgument, Reason


class DisabledImageFetcher:
    """The `ImageFetcher` port that refuses every URI, and sends no packet."""

    @asynccontextmanager
    async def fetch(self, uri: str, deadline: Deadline) -> AsyncIterator[bytes]:
        """Raises InvalidArgument (IMAGE_URI_DISABLED)."""
        raise InvalidArgument(Reason.IMAGE_URI_DISABLED, field="image.uri")
        yield b""  # makes it a generator
