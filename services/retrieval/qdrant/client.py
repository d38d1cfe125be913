"""One connection to Qdrant's gRPC API."""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

from qdrant_client import AsyncQdrantClient

from retrieval.grpc_cancel import mend_cancelling
from retrieval.qdrant.failures import CLIENT_FAILURES
from retrieval.renewal import Close, Renewal

DEFAULT_GRPC_PORT: Final = 6334

_CHANNEL_OPTIONS: Final[dict[str, Any]] = {
    # A restarted server is found again in about a second; gRPC's own default is up to two minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 500,
    "grpc.max_reconnect_backoff_ms": 1_000,
    # A peer that vanished without a word is noticed while calls wait for it.
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 5_000,
    # With a name that has several addresses (a headless service) calls go to all of them.
    "grpc.lb_policy_name": "round_robin",
    # A second channel has connections of its own, or it could replace nothing.
    "grpc.use_local_subchannel_pool": 1,
}
# Every call here has a deadline of its own; this one only bounds what qdrant-client gives no
# argument for, and must not be the shorter of the two.
_CLIENT_TIMEOUT_S: Final = 60
_TRIAL_S: Final = 1.0


class Connection(AsyncQdrantClient):
    """A client whose channel is replaced where it is answered no more; from `connect`.

    Attributes:
        renewal: to be told how each call ended.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.renewal = Renewal(self._replace)
        self._options = options

    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        await self.renewal.close()
        await super().close(grpc_grace, **kwargs)

    async def _replace(self) -> Close | None:
        trial = AsyncQdrantClient(**self._options)
        answered = False
        try:
            async with asyncio.timeout(_TRIAL_S):
                await trial.get_aliases()
            answered = True
        except CLIENT_FAILURES:
            return None
        finally:
            if not answered:
                await trial.close()
        # The channel with all that is made over it is in this one attribute of the client.
        self._client, trial._client = trial._client, self._client
        return trial.close


def connect(url: str, *, api_key: str | None = None) -> Connection:
    """A client of the server at ``url``; make one inside the event loop and share it.

    Nothing is sent until the first call.

    Args:
        url: ``http://HOST:PORT`` or ``https://HOST:PORT`` of the gRPC API (port 6334 if left out).
        api_key: sent with each call, where Qdrant asks for one.

    Raises:
        ValueError: the address is none of these.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("QDRANT_URL is http://HOST:PORT or https://HOST:PORT of Qdrant's gRPC API")
    mend_cancelling()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Connection(
        host=host,
        https=parts.scheme == "https",
        # Without this the client takes 6334, whatever its address says.
        grpc_port=parts.port or DEFAULT_GRPC_PORT,
        prefer_grpc=True,
        # The check is a call of the REST API, which need not be reachable from here.
        check_compatibility=False,
        api_key=api_key,
        timeout=_CLIENT_TIMEOUT_S,
        grpc_options=dict(_CHANNEL_OPTIONS),
        pool_size=1,
    )
