"""Truthful readiness: a watcher that really infers and really searches, every few seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from gateway.spaces import Spaces
from gateway.telemetry import Metrics
from retrieval.domain import Deadline
from retrieval.errors import (
    DependencyError,
    DependencyExhausted,
    RecomposeError,
    ServiceUnavailable,
)

NOT_STARTED = "starting"
DRAINING = "shutting down"
_REST: Final = 4
_LONGEST_PAUSE_S: Final = 10.0
CATALOG_MISSING = "the catalog is not imported yet"


def pause_s(interval_s: float, took_s: float) -> float:
    """How long to wait after a good probe: longer than asked for where probes are costly.

    A large model on a processor takes a second for a picture. Trying it every two seconds would
    take a third of what it can do from searches and imports; so a probe has a fifth of the time at
    most, but is made every 10 s at least.
    """
    return max(interval_s, min(_REST * took_s, _LONGEST_PAUSE_S))


class Readiness:
    """Whether this replica should get traffic, and why not.

    Two facts are watched: the encoder answers a real inference, and the live collection is this
    model's and answers a real query. With ``ready_file`` the file must exist as well: a stack
    that imports a catalog at its start writes it when the import is done.
    """

    def __init__(
        self,
        spaces: Spaces,
        prepare_index: Callable[[Deadline], Awaitable[None]],
        metrics: Metrics,
        *,
        ready_file: Path | None,
        interval_s: float,
        probe_budget_s: float,
    ) -> None:
        """``prepare_index`` makes the collection where it is missing; it runs until it once
        succeeded."""
        self._spaces = spaces
        self._prepare_index = prepare_index
        self._metrics = metrics
        self._ready_file = ready_file
        self._interval_s = interval_s
        self._probe_budget_s = probe_budget_s
        self._prepared = False
        self._why_not = NOT_STARTED
        self._encoder_down = False
        self._draining = False

    def ready(self) -> tuple[bool, str]:
        """Whether to send traffic here, and a short reason if not."""
        why_not = DRAINING if self._draining else self._why_not
        return not why_not, why_not

    @property
    def encoder_down(self) -> bool:
        """The last inference probe failed: answers come from the cache alone.

        A probe that does not come as far as an inference, since the index fails too, leaves it.
        """
        return self._encoder_down

    def drain(self) -> None:
        """Say not ready from now on."""
        self._draining = True
        self._metrics.ready.set(False)

    async def watch(self) -> None:
        """Probe for ever. Cancel to end."""
        was_ready: bool | None = None
        while True:
            started = time.monotonic()
            self._why_not = await self._probe()
            took_s = time.monotonic() - started
            is_ready, why_not = self.ready()
            if is_ready != was_ready:
                structlog.get_logger().info("readiness", ready=is_ready, why_not=why_not)
                self._metrics.ready.set(is_ready)
                was_ready = is_ready
            # While not ready, look often: a start should not wait for a lazy watcher.
            await asyncio.sleep(
                pause_s(self._interval_s, took_s) if is_ready else min(0.25, self._interval_s)
            )

    async def _probe(self) -> str:
        deadline = Deadline.after(self._probe_budget_s)
        try:
            if not self._prepared:
                await self._prepare_index(deadline)
                self._prepared = True
            await self._check(deadline)
        except DependencyExhausted:
            return self._why_not  # busy is not down: a loaded replica must not be dropped
        except DependencyError as error:
            return f"{error.dependency}: {error.sentence}"
        except RecomposeError as error:
            return error.sentence
        if self._ready_file is not None and not self._ready_file.exists():
            return CATALOG_MISSING
        return ""

    async def _check(self, deadline: Deadline) -> None:
        """Probe the live space; where the alias moved since it was read, follow it first."""
        try:
            await self._spaces.live.index.check(deadline)
        except ServiceUnavailable:
            await self._spaces.refresh()
            await self._spaces.live.index.check(deadline)
        try:
            await self._spaces.live.encoder.check(deadline)
            self._encoder_down = False
        except DependencyExhausted:
            raise  # busy is not down
        except DependencyError:
            self._encoder_down = True
            raise
