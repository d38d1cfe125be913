"""The cache and snapshot ports in memory; held to the same suite as the real ones."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from retrieval.domain import FloatArray, Ranking
from retrieval.single_flight import SingleFlight


class MemoryEmbeddingCache:
    """Keeps everything that it computes."""

    def __init__(self) -> None:
        self._arrays: dict[bytes, FloatArray] = {}
        self._flights: SingleFlight[FloatArray] = SingleFlight()

    async def get_or_compute(
        self, key: bytes, compute: Callable[[], Awaitable[FloatArray]]
    ) -> FloatArray:
        return await self._flights.run(key, lambda: self._load(key, compute))

    async def _load(self, key: bytes, compute: Callable[[], Awaitable[FloatArray]]) -> FloatArray:
        if key not in self._arrays:
            computed = (await compute()).view()
            computed.flags.writeable = False
            self._arrays[key] = computed
        return self._arrays[key]


class MemorySnapshotStore:
    """Keeps rankings for ever, or nothing at all while `down`."""

    def __init__(self) -> None:
        self._rankings: dict[bytes, Ranking] = {}
        self.down = False

    async def put(self, key: bytes, ranking: Ranking) -> bool:
        if not self.down:
            self._rankings[key] = replace(ranking, second_stage_s=0.0)
        return not self.down

    async def get(self, key: bytes) -> Ranking | None:
        return None if self.down else self._rankings.get(key)


class MemoryLease:
    """Gives each name to who asks first, until it is told that its time has passed."""

    def __init__(self) -> None:
        self.taken: dict[bytes, float] = {}

    async def take(self, name: bytes, for_s: float) -> bool:
        if name in self.taken:
            return False
        self.taken[name] = for_s
        return True
