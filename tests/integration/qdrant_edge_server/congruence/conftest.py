"""The Qdrants of the congruence suite, and the line that says which were asked."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from qdrant_client import QdrantClient

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.filter_cases import COUNT

LOCAL, REAL = "local mode", "a real Qdrant"
URL = os.environ.get("QDRANT_TEST_URL", "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    real = f"a real Qdrant at {URL}" if URL else "no real Qdrant, since QDRANT_TEST_URL is not set"
    terminalreporter.write_line(
        f"congruence: qdrant_edge_server was compared with local mode and {real}."
    )


@pytest.fixture(scope="session", params=[LOCAL, REAL] if URL else [LOCAL])
def peer(request: pytest.FixtureRequest) -> Iterator[QdrantClient]:
    """Whom the server is compared with. QDRANT_TEST_URL names a gRPC port, as QDRANT_URL does."""
    if request.param == LOCAL:
        client = QdrantClient(":memory:")
    else:
        address = urlsplit(URL)
        client = QdrantClient(
            host=address.hostname,
            grpc_port=address.port or 6334,
            prefer_grpc=True,
            https=address.scheme == "https",
            api_key=os.environ.get("QDRANT_TEST_API_KEY"),
            check_compatibility=False,
            timeout=30,
        )
    yield client
    client.close()


@pytest.fixture(scope="session")
def is_local(peer: QdrantClient) -> bool:
    return not hasattr(peer._client, "grpc_points")


@pytest.fixture(scope="session")
def shared(client: QdrantClient, peer: QdrantClient) -> Iterator[str]:
    """A collection on both, for scenarios that only read."""
    yield from _on_both(client, peer, COUNT)


@pytest.fixture
def own(client: QdrantClient, peer: QdrantClient) -> Iterator[str]:
    """A small collection on both, for a scenario that writes."""
    yield from _on_both(client, peer, 30)


def _on_both(client: QdrantClient, peer: QdrantClient, count: int) -> Iterator[str]:
    name = f"congruence_{uuid.uuid4().hex[:12]}"
    each: Callable[[QdrantClient], None] = lambda one: catalog.make(one, name, count)  # noqa: E731
    each(client)
    each(peer)
    yield name
    client.delete_collection(name)
    peer.delete_collection(name)
