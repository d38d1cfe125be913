"""Rankings kept for a few minutes in Redis, so that the pages of one query stay stable."""

import hashlib
import struct
import uuid
from collections.abc import Sequence
from typing import Final

from retrieval.cache import entry_name
from retrieval.domain import Ranked
from retrieval.redis_link import RedisAbsent, RedisLink
from retrieval.sealed import seal, unseal

_PREFIX: Final = b"recompose:ranking:"
_TTL_S: Final = 300
_KIND: Final = 16
_PLACE: Final = struct.Struct("<16sd")


class RedisSnapshotStore:
    """The `SnapshotStore` port over Redis.

    Args:
        link: To a Redis that does not evict rankings for embeddings; it may be the same one on a
            small installation.
        secret: Keys the names of the entries; all replicas share it.
        ttl_s: Time to live of a ranking, in seconds; reading does not prolong it.
    """

    def __init__(self, link: RedisLink, *, secret: bytes, ttl_s: int = _TTL_S) -> None:
        self._link = link
        self._secret = hashlib.blake2b(secret).digest()
        self._ttl_s = ttl_s

    async def put(self, key: bytes, ranking: Sequence[Ranked]) -> bool:
        """Keep a ranking; False where Redis is not reachable or has no room."""
        name = entry_name(_PREFIX, self._secret, key)
        try:
            await self._link.call("SET", name, encode_ranking(name, ranking), "EX", self._ttl_s)
        except RedisAbsent:
            return False
        return True

    async def get(self, key: bytes) -> list[Ranked] | None:
        """The ranking, or None when it expired, is damaged or Redis is not reachable."""
        name = entry_name(_PREFIX, self._secret, key)
        try:
            value = await self._link.call("GET", name)
            if value is None:
                return None
            ranking = decode_ranking(name, value) if isinstance(value, bytes) else None
            if ranking is None:
                await self._link.call("DEL", name)
        except RedisAbsent:
            return None
        return ranking


def encode_ranking(name: bytes, ranking: Sequence[Ranked]) -> bytes:
    """A ranking as a value for the entry `name`: 24 bytes a place, scores as float64."""
    body = b"".join(_PLACE.pack(place.point_id.bytes, place.score) for place in ranking)
    return seal(name, _KIND, body)


def decode_ranking(name: bytes, value: bytes) -> list[Ranked] | None:
    """The ranking of a value, or None where the value is damaged."""
    body = unseal(name, _KIND, value)
    if body is None or len(body) % _PLACE.size:
        return None
    return [Ranked(uuid.UUID(bytes=point), score) for point, score in _PLACE.iter_unpack(body)]
