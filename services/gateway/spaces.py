"""The spaces that this process holds, and which of them is live.

The alias in the index says which model is live. Each replica reads it every second (`watch`), so
all of them follow a move within about a second, each between two requests: a request takes a
space once, with all that belongs to it, and the collection by its own name.

Searches go on in the space that they have, whatever the alias says by now: it is a whole answer of
one model, and its collection stays until it is retired. A write must not be late: what reaches the
old collection long after a move would be lost with it. So a write is allowed only while the alias
was seen at its space within the last `TRUSTED_S`, which is what a swap's last synchronisation
counts on (`model_swap.switch`).
"""

import asyncio
import contextlib
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from gateway.space import EmbeddingSpace
from retrieval.domain import Deadline, IndexedModels
from retrieval.errors import Reason, RecomposeError, ServiceUnavailable
from retrieval.ports import ModelRegistry

TRUSTED_S: Final = 5.0
"""How long what was read of the alias holds for a write, in seconds."""

Open = Callable[[str], Awaitable[EmbeddingSpace | None]]
"""The space of a model, by short digest; None where its bundle is not here."""


class Spaces:
    """Holds spaces and follows the alias.

    Args:
        first: of the bundle that the process was started with; live until the alias is read.
        registry: where the alias and the collections are.
        open_space: asked for the spaces of further models that have a collection.
        announce: told of the space that went live.
        interval_s: between two readings of the alias.
        budget_s: time for one, and for trying out a space before it goes live.
    """

    def __init__(
        self,
        first: EmbeddingSpace,
        registry: ModelRegistry,
        open_space: Open,
        announce: Callable[[EmbeddingSpace], None],
        *,
        interval_s: float,
        budget_s: float,
    ) -> None:
        self._registry = registry
        self._open = open_space
        self._announce = announce
        self._interval_s = interval_s
        self._budget_s = budget_s
        self._first = first
        self._live = first
        self._held = {first.model: first}
        self._seen = IndexedModels(None, frozenset())
        self._seen_at_s = -math.inf
        self._reading = asyncio.Lock()

    @property
    def live(self) -> EmbeddingSpace:
        """What a request takes, once."""
        return self._live

    def of(self, model: str) -> EmbeddingSpace | None:
        """The space of a model, where it is held and its collection is still there."""
        space = self._held.get(model)
        return space if space is self._live or model in self._seen.all else None

    @property
    def follows(self) -> bool:
        """Whether the live space is the one that the alias names."""
        return self._seen.live == self._live.model

    @property
    def nothing_is_live(self) -> bool:
        """Whether the index has no alias, as when nothing was ever served from it."""
        return self._seen_at_s >= 0 and self._seen.live is None

    async def refresh(self) -> None:
        """Read the alias now, and follow it.

        Raises:
            ServiceUnavailable: it names a model that is not held here, or none (MODEL_MISMATCH).
            DependencyError: it cannot be read, or its model does not answer. The live space
                stays as it was.
        """
        async with self._reading:
            deadline = Deadline.after(self._budget_s)
            began_s = time.monotonic()
            seen = await self._registry.models(deadline)
            self._seen, self._seen_at_s = seen, began_s
            await self._hold(seen.all)
            if seen.live != self._live.model:
                await self._follow(seen.live, deadline)

    async def _hold(self, models: frozenset[str]) -> None:
        for model in models - self._held.keys():
            space = await self._open(model)
            if space is not None:
                self._held[model] = space
                structlog.get_logger().info("model_held", model=model)
        for model in self._held.keys() - models - {self._live.model, self._first.model}:
            del self._held[model]
            structlog.get_logger().info("model_dropped", model=model)

    async def _follow(self, model: str | None, deadline: Deadline) -> None:
        space = None if model is None else self._held.get(model)
        if space is None:
            raise ServiceUnavailable(Reason.MODEL_MISMATCH)
        # First see that it answers: until it does, whole answers of the old model are better.
        await space.encoder.check(deadline)
        space.tuned.current = await space.audits.tuning(deadline)
        self._live = space
        self._announce(space)
        structlog.get_logger().info("model_live", model=model)

    async def allow_write(self, model: str, deadline: Deadline) -> None:
        """Return if products of this model may be written now.

        Raises:
            ServiceUnavailable: the alias names another model (MODEL_MISMATCH).
            DependencyError: it cannot be read.
        """
        if time.monotonic() - self._seen_at_s >= TRUSTED_S:
            with contextlib.suppress(ServiceUnavailable):  # decided below
                await self.refresh()
        if self._seen.live != model:
            raise ServiceUnavailable(Reason.MODEL_MISMATCH)

    async def delete(
        self, space: EmbeddingSpace, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> None:
        """Remove products from the collections of all models, the last of them ``space``'s.

        So a product that is in another model's collection and not in the live one was written
        there, and never deleted here: a synchronisation may take it over.
        """
        await self.allow_write(space.model, deadline)
        for model in sorted(self._seen.all - {space.model}):
            await self._registry.delete_from(model, point_ids, deadline)
        await space.catalog_index.delete(point_ids, deadline)

    async def watch(self) -> None:
        """Follow the alias for ever, and keep up what each held space needs. Cancel to end."""
        async with asyncio.TaskGroup() as group:
            tasks: dict[str, list[asyncio.Task[None]]] = {}
            while True:
                indexed = {model for model in self._held if self.of(model) is not None}
                for model in tasks.keys() - indexed:
                    for task in tasks.pop(model):
                        task.cancel()
                for model in indexed - tasks.keys():
                    watches = self._held[model].watches
                    tasks[model] = [group.create_task(watch()) for watch in watches]
                with contextlib.suppress(RecomposeError):  # counted; readiness says what is wrong
                    await self.refresh()
                await asyncio.sleep(self._interval_s)
