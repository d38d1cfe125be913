"""Rankings kept for a few minutes in Redis, so that the pages of one query stay stable."""

import hashlib
import struct
import uuid
from itertools import chain, repeat
from typing import Final

from retrieval.cache import entry_name
from retrieval.domain import Ranked, Ranking, RerankOutcome
from retrieval.redis_link import RedisAbsent, RedisLink
from retrieval.sealed import seal, unseal

_PREFIX: Final = b"recompose:ranking:"
_TTL_S: Final = 300
_KIND: Final = 16
_RERANK_KIND: Final = 17
_PLACE: Final = struct.Struct("<16sd")
_RERANK: Final = struct.Struct("<BH")
_OUTCOMES: Final = {
    1: RerankOutcome.DONE,
    2: RerankOutcome.OUT_OF_TIME,
    3: RerankOutcome.UNAVAILABLE,
}


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

    async def put(self, key: bytes, ranking: Ranking) -> bool:
        """Keep a ranking; False where Redis is not reachable or has no room."""
        name = entry_name(_PREFIX, self._secret, key)
        try:
            await self._link.call("SET", name, encode_ranking(name, ranking), "EX", self._ttl_s)
        except RedisAbsent:
            return False
        return True

    async def get(self, key: bytes) -> Ranking | None:
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


def encode_ranking(name: bytes, ranking: Ranking) -> bytes:
    """A ranking as a value for the entry `name`: 24 bytes a place, scores as float64.

    After a second stage these come behind its outcome (one byte), the number of places that it
    judged (uint16) and their probabilities (float32).
    """
    places = b"".join(_PLACE.pack(place.point_id.bytes, place.score) for place in ranking.places)
    if ranking.rerank is None:
        return seal(name, _KIND, places)
    judged = [
        place.match_probability for place in ranking.places if place.match_probability is not None
    ]
    outcome = next(code for code, one in _OUTCOMES.items() if one is ranking.rerank)
    told = _RERANK.pack(outcome, len(judged)) + struct.pack(f"<{len(judged)}f", *judged)
    return seal(name, _RERANK_KIND, told + places)


def decode_ranking(name: bytes, value: bytes) -> Ranking | None:
    """The ranking of a value, or None where the value is damaged."""
    body = unseal(name, _KIND, value)
    if body is not None:
        return _decoded(body, (), None)
    body = unseal(name, _RERANK_KIND, value)
    if body is None or len(body) < _RERANK.size:
        return None
    code, judged = _RERANK.unpack_from(body)
    start = _RERANK.size + 4 * judged
    if code not in _OUTCOMES or len(body) < start:
        return None
    probabilities: tuple[float, ...] = struct.unpack_from(f"<{judged}f", body, _RERANK.size)
    return _decoded(body[start:], probabilities, _OUTCOMES[code])


def _decoded(
    body: memoryview, probabilities: tuple[float, ...], rerank: RerankOutcome | None
) -> Ranking | None:
    if len(body) % _PLACE.size or len(body) < len(probabilities) * _PLACE.size:
        return None
    of_places = chain(probabilities, repeat(None))
    return Ranking(
        tuple(
            Ranked(uuid.UUID(bytes=point), score, match_probability=probability)
            for (point, score), probability in zip(
                _PLACE.iter_unpack(body), of_places, strict=False
            )
        ),
        rerank,
    )
