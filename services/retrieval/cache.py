"""Embeddings by content, in Redis: reference embeds and query vectors.

Entries are named by a keyed hash, so that whoever reads the names learns nothing of pictures and
words. Eviction is Redis's own (allkeys-lfu under maxmemory); the time to live bounds how long
something made from a person's picture is kept.
"""

import asyncio
import contextlib
import hashlib
import math
import struct
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

import numpy as np

from retrieval.domain import CacheKind, FloatArray, Trace, ignore_trace
from retrieval.permits import ByteRoom
from retrieval.redis_link import RedisAbsent, RedisLink
from retrieval.sealed import seal, unseal
from retrieval.single_flight import SingleFlight

_PREFIX: Final = b"recompose:embedding:"
_TTL_S: Final = 7 * 24 * 3600
_Dtype = np.dtype[np.float16] | np.dtype[np.float32]
_DTYPES: Final[dict[int, _Dtype]] = {1: np.dtype(np.float16), 2: np.dtype(np.float32)}
_MAX_DIMENSIONS: Final = 4
AT_ONCE_BYTES: Final = 2 << 20
"""Arrays that Redis should be asked for, or given, at once: it has 20 ms for each, in which a
gigabit a second carries 2.5 MB. Embeds of full size take 724 KB, and second stages have dozens."""
_MOST_UNWRITTEN: Final = 64
"""Arrays on their way to Redis whose callers have gone on; the callers of more wait for it."""
_FRESH_S: Final = 1.0
"""For how long a process itself keeps what it computed. Redis may be too busy to take it, or to
give it back in time, just when many ask for it at once: they would compute it again."""


class CacheOutcome(StrEnum):
    """How one lookup ended; callers that joined a running one are not counted."""

    HIT = "hit"
    MISS = "miss"
    DAMAGED = "damaged"
    ABSENT = "absent"


def ignore_outcome(outcome: CacheOutcome) -> None:
    """The observer of callers that keep no metrics."""


def embedding_key(digest: str, version: int, kind: CacheKind, *content: bytes) -> bytes:
    """32 bytes that name an embedding.

    Args:
        digest: Of the model.
        version: Of the preprocessing.
        kind: Of embedding.
        content: What it was made from; parts are kept apart, so ("ab", "c") is not ("a", "bc").
    """
    named = hashlib.blake2b(digest_size=32)
    for part in (digest.encode(), str(version).encode(), kind.encode(), *content):
        named.update(struct.pack("<Q", len(part)))
        named.update(part)
    return named.digest()


class RedisEmbeddingCache:
    """The `EmbeddingCache` port over Redis.

    Args:
        link: To a Redis whose memory is bounded and evicts by LFU.
        secret: Keys the names of the entries; all replicas share it.
        ttl_s: Time to live of an entry, in seconds.
        fresh_s: For how long the process keeps what it computed itself, in seconds.
        count: Told how each lookup ended.
        trace: Told of lookups and of what is stored.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        secret: bytes,
        ttl_s: int = _TTL_S,
        fresh_s: float = _FRESH_S,
        count: Callable[[CacheOutcome], None] = ignore_outcome,
        trace: Trace = ignore_trace,
    ) -> None:
        self._link = link
        self._secret = hashlib.blake2b(secret).digest()
        self._ttl_s = ttl_s
        self._fresh_s = fresh_s
        self._count = count
        self._trace = trace
        self._flights: SingleFlight[FloatArray] = SingleFlight()
        self._fresh: dict[bytes, FloatArray] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._writes = ByteRoom(AT_ONCE_BYTES)

    async def get_or_compute(
        self, key: bytes, compute: Callable[[], Awaitable[FloatArray]]
    ) -> FloatArray:
        """The array stored under `key`, else the computed one, stored.

        Callers that ask for one key at the same time share one lookup and one computation, and
        its error, which is not stored. A caller's cancellation does not touch the others. What was
        computed is given back at once and stored meanwhile; who asks before it is, or within a
        second, has it from this process.

        Returns:
            A read-only array, float16 or float32, of the computed shape.

        Raises:
            Whatever `compute` raises, and nothing for the sake of Redis.
        """
        return await self._flights.run(key, lambda: self._load(key, compute))

    async def settle(self) -> None:
        """Wait until what was computed so far is stored, or cannot be."""
        if self._writing:
            await asyncio.wait(self._writing)

    async def _load(self, key: bytes, compute: Callable[[], Awaitable[FloatArray]]) -> FloatArray:
        name = entry_name(_PREFIX, self._secret, key)
        found = await self._read(name)
        if found is not None:
            return found
        computed = (await compute()).view()
        computed.flags.writeable = False  # Many callers share it.
        _kind_of(computed)  # now, where somebody is there to be told
        if len(self._writing) < _MOST_UNWRITTEN:
            self._fresh[name] = computed
            writing = asyncio.create_task(self._write(name, computed))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)
        else:
            await self._write(name, computed)
        return computed

    async def _read(self, name: bytes) -> FloatArray | None:
        with self._trace("cache get") as span:
            found, outcome = await self._look_up(name)
            span.note("recompose.cache.outcome", outcome.value)
        self._count(outcome)
        return found

    async def _look_up(self, name: bytes) -> tuple[FloatArray | None, CacheOutcome]:
        fresh = self._fresh.get(name)
        if fresh is not None:
            return fresh, CacheOutcome.HIT
        try:
            value = await self._link.call("GET", name)
            if value is None:
                return None, CacheOutcome.MISS
            found = decode_array(name, value) if isinstance(value, bytes) else None
        except RedisAbsent:
            return None, CacheOutcome.ABSENT
        if found is not None:
            return found, CacheOutcome.HIT
        with contextlib.suppress(RedisAbsent):
            await self._link.call("DEL", name)
        return None, CacheOutcome.DAMAGED

    async def _write(self, name: bytes, array: FloatArray) -> None:
        leave = await self._writes.take(array.nbytes)
        try:
            with self._trace("cache put"), contextlib.suppress(RedisAbsent):
                # Full or gone: the answer does not depend on it.
                await self._link.call("SET", name, encode_array(name, array), "EX", self._ttl_s)
        finally:
            leave()
            # With many new ones, each is let go once written: their number stays bounded.
            if self._fresh_s and len(self._fresh) < _MOST_UNWRITTEN:
                asyncio.get_running_loop().call_later(self._fresh_s, self._fresh.pop, name, None)
            else:
                self._fresh.pop(name, None)


def entry_name(prefix: bytes, secret: bytes, key: bytes) -> bytes:
    """The name of an entry in Redis: a prefix people can tell apart, and a keyed hash."""
    return prefix + hashlib.blake2b(key, key=secret, digest_size=16).hexdigest().encode()


def encode_array(name: bytes, array: FloatArray) -> bytes:
    """A float16 or float32 array as a value for the entry `name`.

    Raises ValueError for another dtype.
    """
    kind = _kind_of(array)
    shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    return seal(name, kind, shape + array.tobytes())


def _kind_of(array: FloatArray) -> int:
    """The kind of body that holds an array. Raises ValueError where none does."""
    kind = next((kind for kind, dtype in _DTYPES.items() if dtype == array.dtype), None)
    if kind is None or array.ndim > _MAX_DIMENSIONS:
        raise ValueError(f"cannot cache {array.dtype} with {array.ndim} dimensions")
    return kind


def decode_array(name: bytes, value: bytes) -> FloatArray | None:
    """The read-only array of a value, or None where the value is damaged."""
    for kind, dtype in _DTYPES.items():
        body = unseal(name, kind, value)
        if body is None:
            continue
        dimensions = body[0] if body else _MAX_DIMENSIONS + 1
        start = 1 + 4 * dimensions
        if dimensions > _MAX_DIMENSIONS or len(body) < start:
            return None
        shape = struct.unpack_from(f"<{dimensions}I", body, 1)
        if len(body) - start != math.prod(shape) * dtype.itemsize:
            return None
        array: FloatArray = np.frombuffer(body, dtype=dtype, offset=start).reshape(shape)
        return array
    return None
