"""The route that searches take: what the last audit chose, read again every few seconds.

A search costs no round trip for it, and every replica follows an audit, whoever made it, within
one interval.
"""

import asyncio
from collections.abc import Callable

import structlog

from retrieval.domain import Deadline, F32Array, Pooled, Scan, Tuning
from retrieval.errors import RecomposeError
from retrieval.ports import AuditedIndex

_RETRY_S = 1.0


class Tuned:
    """What the searches of an embedding space follow; nothing before the first audit is read."""

    def __init__(self) -> None:
        self.current: Tuning | None = None

    def route_of(self, vectors: F32Array) -> Pooled | Scan | None:
        """The chosen route of a query, [D] or [K, D]; None leaves the index to its own."""
        return None if self.current is None else self.current.route_of(vectors)


class TuningWatch:
    """Keeps a space's `Tuned` as fresh as its interval.

    Args:
        audits: where a tuning is kept.
        tuned: what searches follow.
        announce: told of the tuning after each reading.
        interval_s: between two readings.
        budget_s: time for one.
    """

    def __init__(
        self,
        audits: AuditedIndex,
        tuned: Tuned,
        announce: Callable[[Tuning | None], None],
        *,
        interval_s: float,
        budget_s: float,
    ) -> None:
        self._audits = audits
        self._tuned = tuned
        self._announce = announce
        self._interval_s = interval_s
        self._budget_s = budget_s

    async def refresh(self) -> None:
        """Read the tuning now. Raises `RecomposeError`; searches then go on as before."""
        found = await self._audits.tuning(Deadline.after(self._budget_s))
        if found != self._tuned.current:
            self._tuned.current = found
            if found is not None:
                structlog.get_logger().info(
                    "tuning",
                    route=_word(found.route),
                    image_only_route=_word(found.image_only_route or found.route),
                    recall=round(found.recall, 4),
                    products=found.products,
                )
        self._announce(found)

    async def watch(self) -> None:
        """Refresh for ever. Cancel to end."""
        while True:
            try:
                await self.refresh()
            except RecomposeError:
                # The call is counted where it was made; what was chosen is still the best known.
                await asyncio.sleep(min(_RETRY_S, self._interval_s))
            else:
                await asyncio.sleep(self._interval_s)


def _word(route: Pooled | Scan) -> str | int:
    return "scan" if isinstance(route, Scan) else route.depth
