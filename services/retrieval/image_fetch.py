"""Fetching a picture's URI. It is off: a shop that sends pictures needs no way out."""

from retrieval.domain import Deadline
from retrieval.errors import InvalidArgument, Reason


class DisabledImageFetcher:
    """The `ImageFetcher` port of IMAGE_URIS=off: refuses every URI, and sends no packet."""

    async def fetch(self, uri: str, deadline: Deadline) -> bytes:
        """Raises InvalidArgument (IMAGE_URI_DISABLED)."""
        raise InvalidArgument(Reason.IMAGE_URI_DISABLED, field="image.uri")
