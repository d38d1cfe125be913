"""One connection to Qdrant's gRPC API."""

from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from qdrant_client import AsyncQdrantClient

from retrieval.grpc_cancel import mend_cancelling

Connection: TypeAlias = AsyncQdrantClient
"""What `connect` gives and the adapters of this package take."""
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
}
# Every call here has a deadline of its own; this one only bounds what qdrant-client gives no
# argument for, and must not be the shorter of the two.
_CLIENT_TIMEOUT_S: Final = 60


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
    return AsyncQdrantClient(
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
