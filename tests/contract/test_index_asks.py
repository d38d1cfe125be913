"""An index asks before each call that writes products, and makes none that is refused."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from retrieval.domain import Deadline
from retrieval.errors import Reason, ServiceUnavailable
from retrieval.qdrant import QdrantIndex, connect
from tests.support.index_cases import (
    CATALOG,
    EMBED_DIM,
    FIELDS,
    QUERY_TOKENS,
    catalog_of,
    ids,
)
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory, soon

# Of this size 1,024 products go into one call.
COUNT = 2500


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


def asking(server: QdrantProcess, ask: Callable[[Deadline], Awaitable[None]]) -> QdrantIndex:
    return QdrantIndex(
        connect(server.url),
        digest="a" * 64,
        query_tokens=QUERY_TOKENS,
        embed_dim=EMBED_DIM,
        fields=FIELDS,
        budget_s=5.0,
        before_write=ask,
    )


async def test_each_call_that_writes_is_asked_for(server: QdrantProcess) -> None:
    allowed, asked = 2, 0

    async def ask(deadline: Deadline) -> None:
        nonlocal asked
        asked += 1
        if asked > allowed:
            raise ServiceUnavailable(Reason.MODEL_MISMATCH)

    index = asking(server, ask)
    await index.ensure_collection(soon())
    items = catalog_of(COUNT)
    with pytest.raises(ServiceUnavailable):  # in the midst of it, as when another model goes live
        await index.put(items, Deadline.after(60))
    assert asked == 3
    assert await index.audits.count(soon()) == 2 * 1024
    for write in (
        index.replace_payload(replace(items[0].product, title="other"), soon()),
        index.delete([items[0].product.point_id], soon()),
    ):
        with pytest.raises(ServiceUnavailable):
            await write
    (wanted,) = ids([0])
    assert await index.get([wanted], soon()) == {wanted: items[0].product}
    listed, _ = await index.list(CATALOG, 1, None, soon())  # reading needs no leave
    assert listed
    assert asked == 5
    await index.close()
