"""How large and how fresh the live index is, read from the index itself every few seconds.

So it does not matter which replica imported what, nor which was restarted since.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from retrieval.domain import Deadline
from retrieval.errors import RecomposeError
from retrieval.ports import AuditedIndex

_INTERVAL_S: Final = 15.0
_BUDGET_S: Final = 5.0


class IndexWatch:
    """Tells of a collection while it is the live one.

    Args:
        index: what is asked.
        tell: told the number of products, and when one was last written (since the epoch).
        wanted: whether the collection is the live one now.
        interval_s: between two readings.
    """

    def __init__(
        self,
        index: AuditedIndex,
        tell: Callable[[int, float | None], None],
        wanted: Callable[[], bool],
        *,
        interval_s: float = _INTERVAL_S,
    ) -> None:
        self._index = index
        self._tell = tell
        self._wanted = wanted
        self._interval_s = interval_s

    async def look(self) -> None:
        """Read now, and tell. Raises `RecomposeError`; what was told last then stays."""
        if not self._wanted():
            return
        deadline = Deadline.after(_BUDGET_S)
        products = await self._index.count(deadline)
        written_at_s = await self._index.last_written_s(deadline)
        if self._wanted():  # a swap may have come between
            self._tell(products, written_at_s)

    async def watch(self) -> None:
        """Look for ever. Cancel to end."""
        while True:
            with contextlib.suppress(RecomposeError):  # counted where the call was made
                await self.look()
            await asyncio.sleep(self._interval_s)
