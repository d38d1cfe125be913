"""One server process for the folder's tests; each test makes collections of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from qdrant_client import QdrantClient

from tests.support.qdrant import QdrantProcess, running_qdrant


@pytest.fixture(scope="session")
def server() -> Iterator[QdrantProcess]:
    with running_qdrant() as process:
        yield process


@pytest.fixture(scope="session")
def client(server: QdrantProcess) -> Iterator[QdrantClient]:
    client = server.client()
    yield client
    client.close()


@pytest.fixture
def name(client: QdrantClient) -> Iterator[str]:
    """The name of a collection the test may make; it is dropped afterwards."""
    name = f"products_{uuid.uuid4().hex[:12]}"
    yield name
    client.delete_collection(name)
