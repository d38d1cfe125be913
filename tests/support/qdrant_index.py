"""A Qdrant index of its own for a test, and a server whose data lie in memory."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qdrant_client import AsyncQdrantClient

from retrieval.domain import Deadline
from retrieval.qdrant import QdrantIndex
from tests.support.index_cases import EMBED_DIM, FIELDS, QUERY_TOKENS
from tests.support.qdrant import QdrantProcess, running_qdrant

# The server syncs each write; a folder in memory keeps other users of the disk out of the test.
MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def soon() -> Deadline:
    return Deadline.after(10)


def qdrant_index(client: AsyncQdrantClient, digest: str | None = None) -> QdrantIndex:
    """An index of its own, else of ``digest``; in local mode a search may take seconds."""
    return QdrantIndex(
        client,
        digest=digest or uuid.uuid4().hex,
        query_tokens=QUERY_TOKENS,
        embed_dim=EMBED_DIM,
        fields=FIELDS,
        budget_s=5.0,
    )


@contextmanager
def server_in_memory() -> Iterator[QdrantProcess]:
    """A server process for the length of the block."""
    with TemporaryDirectory(dir=MEMORY_FOLDER) as folder, running_qdrant(Path(folder)) as process:
        yield process
