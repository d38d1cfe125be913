"""The registry of models in memory, over fake indexes; and spaces that follow it."""

import uuid
from collections.abc import Sequence

from gateway.space import EmbeddingSpace
from gateway.spaces import Spaces
from retrieval.domain import Deadline, IndexedModels, SwapRecord
from retrieval.errors import Reason, RecomposeError, ServiceUnavailable
from tests.support.fake_index import FakeIndex


class FakeModels:
    """The `ModelRegistry` port over a dictionary.

    Attributes:
        live: short digest of the live model.
        indexes: the collections, by short digest.
        failure: raised by every call, where set.
    """

    def __init__(self, live: str | None = None, **indexes: FakeIndex) -> None:
        self.live = live
        self.indexes = dict(indexes)
        self.failure: RecomposeError | None = None
        self._records: dict[str, SwapRecord] = {}

    async def models(self, deadline: Deadline) -> IndexedModels:
        self._begin()
        return IndexedModels(self.live, frozenset(self.indexes))

    async def move(self, model: str, deadline: Deadline) -> None:
        self._of(model)
        self.live = model

    async def delete_from(
        self, model: str, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> None:
        self._begin()
        if model in self.indexes:
            self.indexes[model].remove(point_ids, deadline)

    async def drop(self, model: str, deadline: Deadline) -> None:
        self._begin()
        self.indexes.pop(model, None)
        self._records.pop(model, None)

    async def record(self, model: str, deadline: Deadline) -> SwapRecord:
        self._of(model)
        return self._records.get(model, SwapRecord())

    async def keep_record(self, model: str, record: SwapRecord, deadline: Deadline) -> None:
        self._of(model)
        self._records[model] = record

    def _of(self, model: str) -> FakeIndex:
        self._begin()
        if model not in self.indexes:
            raise ServiceUnavailable(Reason.MODEL_MISMATCH)
        return self.indexes[model]

    def _begin(self) -> None:
        if self.failure is not None:
            raise self.failure


def spaces_over(registry: FakeModels, *spaces: EmbeddingSpace) -> Spaces:
    """Spaces that begin with the first of these and find the others when they are asked for."""

    async def open_space(model: str) -> EmbeddingSpace | None:
        return next((space for space in spaces if space.model == model), None)

    return Spaces(spaces[0], registry, open_space, lambda _: None, interval_s=0.005, budget_s=5.0)


def one_space(space: EmbeddingSpace, index: FakeIndex) -> Spaces:
    """Spaces that hold one, which is live."""
    return spaces_over(FakeModels(space.model, **{space.model: index}), space)
