"""What the tests of the guarded fetch ask with."""

from typing import Any

import pytest

from retrieval.domain import Deadline
from retrieval.errors import RecomposeError
from tests.support.internet import Internet

URI = "http://shop.example/a.png"
CONTENT = b"a picture, as far as the fetch knows" * 100


async def fetch(internet: Internet, uri: str = URI, within_s: float = 10, **options: Any) -> bytes:
    async with internet.fetcher(**options).fetch(uri, Deadline.after(within_s)) as content:
        assert internet.buffered.taken_bytes == len(content)
    return content


async def failure(
    internet: Internet, uri: str = URI, within_s: float = 10, **options: Any
) -> RecomposeError:
    """What a fetch ends with; nothing may stay counted as in memory."""
    with pytest.raises(RecomposeError) as caught:
        await fetch(internet, uri, within_s, **options)
    assert internet.buffered.taken_bytes == 0
    return caught.value
