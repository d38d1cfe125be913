"""Who may do what only one replica should: whoever wrote a name into Redis first."""

import math
from typing import Final

from retrieval.redis_link import RedisAbsent, RedisLink

_PREFIX: Final = b"recompose:lease:"


class RedisLease:
    """The `Lease` port over Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def take(self, name: bytes, for_s: float) -> bool:
        """Whether this is the only one to take ``name`` until ``for_s`` seconds have passed.

        True also where Redis is not reachable.
        """
        try:
            answer = await self._link.call(
                "SET", _PREFIX + name, b"", "NX", "EX", max(1, math.ceil(for_s))
            )
        except RedisAbsent:
            return True
        return answer is not None
