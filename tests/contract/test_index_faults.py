"""What the index says when Qdrant is down, slow, restarted, or answers with what cannot be used."""

import asyncio
import contextlib
import gc
import math
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import grpc
import pytest

from retrieval.domain import Deadline, IndexQuery, Product
from retrieval.errors import (
    DependencyBroken,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
    Reason,
    RecomposeError,
    ServiceUnavailable,
)
from retrieval.qdrant import QdrantIndex, connect
from retrieval.qdrant.failures import STATUS_ERRORS
from retrieval.qdrant.payload import to_payload
from tests.support.freeze import freeze
from tests.support.index_cases import (
    CATALOG,
    EMBED_DIM,
    FIELDS,
    QUERY_TOKENS,
    catalog_of,
    product,
    random_query,
)
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.scripted_qdrant import (
    after,
    hits,
    payloads,
    pools,
    refuses,
    scripted_qdrant,
)

BUDGET_S = 0.2
QUERY = IndexQuery(CATALOG, random_query(seed=1), 10)


class Watched:
    """An index with a record of what it told its observer."""

    def __init__(self, url: str, *, budget_s: float = 5.0) -> None:
        self.observed: list[tuple[str, str]] = []
        self.index = QdrantIndex(
            connect(url),
            digest=uuid.uuid4().hex,
            query_tokens=QUERY_TOKENS,
            embed_dim=EMBED_DIM,
            fields=FIELDS,
            budget_s=budget_s,
            observe=lambda dependency, outcome, _: self.observed.append((dependency, outcome)),
        )

    @property
    def outcomes(self) -> list[str]:
        assert {dependency for dependency, _ in self.observed} <= {"qdrant"}
        return [outcome for _, outcome in self.observed]

    async def search(self, seconds: float = 10) -> Any:
        return await self.index.search(QUERY, Deadline.after(seconds))

    async def fails(self, error: type[RecomposeError], seconds: float = 10) -> float:
        """Search; it must raise ``error``. Returns the seconds that took."""
        started = time.monotonic()
        with pytest.raises(error):
            await self.search(seconds)
        return time.monotonic() - started

    async def fails_within(self, error: type[RecomposeError], seconds: float = 10) -> float:
        """As `fails`, the quickest of three: the machine may be busy with something else."""
        return min([await self.fails(error, seconds) for _ in range(3)])


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    """A server for the tests that leave it as they found it."""
    with server_in_memory() as process:
        yield process


@pytest.fixture
def own_server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


# --- down and slow --------------------------------------------------------------------------


async def test_a_dead_server_is_unavailable_within_a_quarter_second() -> None:
    watched = Watched(f"http://127.0.0.1:{_free_port()}", budget_s=BUDGET_S)
    assert await watched.fails_within(DependencyUnavailable) < 0.25
    assert watched.outcomes[:2] == ["unavailable"] * 2  # a read is tried twice
    await watched.index.close()


async def test_a_restarted_server_is_found_again_with_all_that_was_written(
    own_server: QdrantProcess,
) -> None:
    watched = Watched(own_server.url)
    await watched.index.ensure_collection(Deadline.after(10))
    await watched.index.put(catalog_of(9), Deadline.after(10))
    before = await watched.search()
    own_server.kill()
    assert await watched.fails_within(DependencyUnavailable) < 0.25
    again = QdrantProcess(own_server.data_dir, own_server.port)
    try:
        deadline = Deadline.after(5)
        while True:
            try:
                assert await watched.search() == before
                break
            except DependencyUnavailable:
                assert deadline.remaining_s(), "not found again"
                await asyncio.sleep(0.05)
    finally:
        again.close()
    await watched.index.close()


async def test_a_stalled_server_times_out_with_the_budget(server: QdrantProcess) -> None:
    watched = Watched(server.url, budget_s=BUDGET_S)
    await watched.index.ensure_collection(Deadline.after(10))
    freeze(server.process.pid)
    watched.observed.clear()
    try:
        assert BUDGET_S - 0.01 < await watched.fails_within(DependencyTimeout) < 0.3
        # The caller's own deadline is the shorter one.
        assert await watched.fails_within(DependencyTimeout, seconds=0.05) < 0.15
        assert await watched.fails_within(DependencyTimeout, seconds=0) < 0.05
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert watched.outcomes == ["timeout"] * 9
    await watched.index.close()


async def test_a_server_that_takes_connections_and_says_nothing_times_out() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        watched = Watched(f"http://127.0.0.1:{silent.getsockname()[1]}", budget_s=BUDGET_S)
        assert BUDGET_S - 0.01 < await watched.fails(DependencyTimeout) < 0.4
        await watched.index.close()


# --- answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
async def test_each_status_has_its_error(code: grpc.StatusCode) -> None:
    async with scripted_qdrant() as qdrant:
        qdrant.script = [refuses(code)]
        watched = Watched(qdrant.url)
        kind = STATUS_ERRORS[code] or ServiceUnavailable
        with pytest.raises(kind) as caught:
            await watched.search()
        assert "own words" not in str(caught.value)
        if STATUS_ERRORS[code] is None:
            assert caught.value.reason is Reason.MODEL_MISMATCH
        assert len(qdrant.calls) == 1 + issubclass(kind, DependencyUnavailable)
        await watched.index.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_hint_of_a_full_server_reaches_the_caller() -> None:
    async with scripted_qdrant() as qdrant:
        full = refuses(grpc.StatusCode.RESOURCE_EXHAUSTED, ("retry-after", "7"))
        qdrant.script = [full, hits()]
        watched = Watched(qdrant.url)
        assert await _retry_hint(watched) == 7.0
        await watched.search()
        await watched.index.close()
        # grpc.aio complains, when it drops the call, of the exception that qdrant-client raised
        # in it: here and now, not in a later test.
        gc.collect()


async def _retry_hint(watched: Watched) -> float | None:
    try:
        await watched.search()
    except DependencyExhausted as error:
        return error.retry_after_s
    return None


async def test_unusable_hits_are_dropped_and_counted() -> None:
    good = str(uuid.uuid4())
    async with scripted_qdrant() as qdrant:
        qdrant.script = [
            hits((str(uuid.uuid4()), math.nan), (good, 0.5), ("no uuid", 0.4), (12, 0.3)),
            hits((str(uuid.uuid4()), math.inf), (12, 0.3)),
            hits((None, 0.5)),
            hits(),
        ]
        watched = Watched(qdrant.url)
        assert [(str(hit.point_id), hit.score) for hit in await watched.search()] == [(good, 0.5)]
        assert watched.outcomes == ["ok", *["unusable_hit"] * 3]
        await watched.fails(DependencyBroken)
        assert watched.outcomes[4:] == ["ok", *["unusable_hit"] * 2]
        await watched.fails(DependencyBroken)
        assert await watched.search() == []
        await watched.index.close()


async def test_payloads_that_cannot_be_read_are_dropped_and_counted() -> None:
    good = product(3)
    newer = to_payload(good) | {"stock": {"Lyon": 3}}
    newer["attributes"] = newer["attributes"] | {"materials": {"wool": 1}, "gone": None}
    older = {"id": "sku", "attributes": {"size": 3, "sale": True, "sizes": [1, 2.5]}}
    async with scripted_qdrant() as qdrant:
        others = [str(uuid.uuid4()) for _ in range(4)]
        bad: list[tuple[str, dict[str, Any]]] = [
            (others[0], {}),
            (others[1], {"id": 3}),
            (others[2], {"id": "x", "title": [1]}),
        ]
        qdrant.script = [
            payloads((str(good.point_id), newer), (others[3], older), *bad),
            payloads(*bad),
        ]
        watched = Watched(qdrant.url)
        found = await watched.index.get([good.point_id], Deadline.after(5))
        assert found == {
            good.point_id: good,
            uuid.UUID(others[3]): Product(
                "sku", "", {"size": 3.0, "sale": True, "sizes": [1.0, 2.5]}
            ),
        }
        assert type(found[uuid.UUID(others[3])].attributes["size"]) is float
        assert watched.outcomes == ["ok", *["unusable_hit"] * 3]
        with pytest.raises(DependencyBroken):
            await watched.index.get([good.point_id], Deadline.after(5))
        await watched.index.close()


async def test_a_missing_collection_is_a_model_mismatch(server: QdrantProcess) -> None:
    watched = Watched(server.url)
    for call in (
        watched.search(),
        watched.index.get([uuid.uuid4()], Deadline.after(5)),
        watched.index.list(CATALOG, 10, None, Deadline.after(5)),
        watched.index.replace_payload(product(1), Deadline.after(5)),
        watched.index.put(catalog_of(1), Deadline.after(5)),
        watched.index.check(Deadline.after(5)),
    ):
        with pytest.raises(ServiceUnavailable) as caught:
            await call
        assert caught.value.reason is Reason.MODEL_MISMATCH
    await watched.index.close()


# --- tries ----------------------------------------------------------------------------------


async def test_a_read_is_tried_once_more_and_a_write_is_not() -> None:
    async with scripted_qdrant() as qdrant:
        down = refuses(grpc.StatusCode.UNAVAILABLE)
        qdrant.script = [down, hits()]
        watched = Watched(qdrant.url)
        assert await watched.search() == []
        assert watched.outcomes == ["unavailable", "ok"]
        qdrant.script = [down]
        with pytest.raises(DependencyUnavailable):
            await watched.index.put(catalog_of(1), Deadline.after(5))
        assert len(qdrant.calls) == 3
        await watched.index.close()


async def test_nothing_is_tried_again_with_less_than_half_of_the_budget_left() -> None:
    async with scripted_qdrant() as qdrant:
        qdrant.script = [after(0.3, refuses(grpc.StatusCode.UNAVAILABLE)), hits()]
        watched = Watched(qdrant.url, budget_s=0.5)
        await watched.fails(DependencyUnavailable)
        assert len(qdrant.calls) == 1
        await watched.index.close()


async def test_a_server_that_keeps_failing_is_not_asked_twice_as_much() -> None:
    async with scripted_qdrant() as qdrant:
        qdrant.script = [refuses(grpc.StatusCode.UNAVAILABLE)]
        watched = Watched(qdrant.url)
        for _ in range(30):
            await watched.fails(DependencyUnavailable)
        # Five in a row open the breaker; after that one a second is asked, as a trial.
        assert 5 <= len(qdrant.calls) <= 10
        assert watched.outcomes.count("open") >= 20
        qdrant.script = [hits()]
        async with asyncio.timeout(20):
            while watched.outcomes[-1] != "ok":
                with contextlib.suppress(DependencyUnavailable):
                    await watched.search()
                await asyncio.sleep(0.05)
        for _ in range(80):
            await watched.search()
        qdrant.script = [refuses(grpc.StatusCode.UNAVAILABLE), hits()]
        assert await watched.search() == []  # enough went well since: a retry is allowed again
        await watched.index.close()


async def test_a_cancelled_search_reaches_the_server_and_stays_cancelled() -> None:
    async with scripted_qdrant() as qdrant:
        qdrant.script = [after(5, hits())]
        watched = Watched(qdrant.url, budget_s=5)
        task = asyncio.create_task(watched.search())
        await qdrant.until("called")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert watched.outcomes == ["cancelled"]
        await qdrant.until("cancelled")
        await watched.index.close()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
    return port


# --- the address ----------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "localhost:6334", "grpc://x:1", "http://", "http://x:6334/a"])
async def test_another_address_than_an_http_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="QDRANT_URL"):
        connect(url)


async def test_pooled_vectors_that_cannot_be_used_are_dropped_and_counted() -> None:
    good = [1.0] + [0.0] * (EMBED_DIM - 1)
    ids = [uuid.uuid4() for _ in range(4)]
    bad = ([math.nan] * EMBED_DIM, [1.0], [0.0] * EMBED_DIM)
    async with scripted_qdrant() as server:
        watched = Watched(server.url)
        server.script = [
            pools(
                (str(ids[0]), good), *((str(one), v) for one, v in zip(ids[1:], bad, strict=True))
            ),
            pools((str(ids[1]), bad[0])),
        ]
        found = await watched.index.pools(ids, Deadline.after(10))
        assert found.keys() == {ids[0]}
        assert watched.outcomes.count("unusable_hit") == 3
        with pytest.raises(DependencyBroken):
            await watched.index.pools(ids[1:2], Deadline.after(10))
        await watched.index.close()
