"""How often a caller may call: its rate and its quota."""

from gateway.access.caller import Caller
from retrieval.errors import RateLimited, Reason
from retrieval.rate_limit import Bucket, RateLimit
from retrieval.redis_link import RedisAbsent


class CallerLimits:
    """Each caller's buckets: those of all replicas, or this process' own while Redis is absent.

    Without Redis a caller may call each replica as often as its key allows: too often, but not
    without bound.
    """

    def __init__(self, shared: RateLimit, local: RateLimit) -> None:
        self._shared = shared
        self._local = local

    async def take(self, caller: Caller) -> None:
        """Count one call. Raises RateLimited (RATE_LIMITED, QUOTA_EXHAUSTED)."""
        limits = [
            (Reason.RATE_LIMITED, caller.rate),
            (Reason.QUOTA_EXHAUSTED, caller.quota),
        ]
        due = [(reason, rate) for reason, rate in limits if rate is not None]
        if not due:
            return
        buckets = [
            Bucket(f"{caller.id}:{reason}".encode(), rate.times, rate.seconds)
            for reason, rate in due
        ]
        try:
            full = await self._shared.take(buckets)
        except RedisAbsent:
            full = await self._local.take(buckets)
        if full is not None:
            raise RateLimited(due[full.place][0], retry_after_s=full.wait_s)
