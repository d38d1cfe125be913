"""What callers sent counts together on both edges while it is in memory, and is given back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from gateway.edge_parts import EdgeParts
from recompose.v1 import catalog_pb2, product_pb2, search_pb2
from retrieval.errors import Reason, Unauthenticated
from retrieval.permits import ByteBudget
from tests.support.edges import refusal_of, rest_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts

PICTURE = b"\x89" * 2000
SEARCH = search_pb2.SearchRequest(
    reference=search_pb2.Reference(image=product_pb2.Image(content=PICTURE))
)


def parts_with(core: FakeCore, limit_bytes: int) -> tuple[EdgeParts, ByteBudget]:
    budget = ByteBudget(limit_bytes)
    return replace(edge_parts(core), buffered=budget), budget


def write(number: int) -> catalog_pb2.ImportProductsRequest:
    return catalog_pb2.ImportProductsRequest(
        product=product_pb2.Product(id=f"p-{number}"), image=product_pb2.Image(content=PICTURE)
    )


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """The error of a call that finds too much in memory, as `Overloaded` is told on gRPC."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    refusal = refusal_of(caught.value)
    assert (refusal.status, refusal.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
    return caught.value


def hint_of(error: Any) -> duration_pb2.Duration:
    status = rpc_status.from_call(error)
    assert status is not None
    retry = error_details_pb2.RetryInfo()
    assert status.details[1].Unpack(retry)
    return retry.retry_delay


async def test_messages_in_memory_are_bounded_together_and_released() -> None:
    core = FakeCore(hold=asyncio.Event())
    parts, budget = parts_with(core, 3000)
    async with serving(parts) as edges:
        first = asyncio.ensure_future(edges.search.Search(SEARCH))
        await core.entered.wait()
        assert budget.taken_bytes == SEARCH.ByteSize()
        hint = hint_of(await refused(edges.search.Search(SEARCH)))
        rest = await edges.rest.post("/v1/products:search", files={"image": PICTURE})
        assert (rest.status_code, rest_refusal(rest).reason) == (429, "OVERLOADED")
        assert hint.ToTimedelta().total_seconds() == float(rest.headers["retry-after"])
        assert len(core.calls) == 1
        assert core.hold is not None
        core.hold.set()
        await first
        assert budget.taken_bytes == 0
        await edges.search.Search(SEARCH)
    assert budget.taken_bytes == 0


async def test_a_body_of_rest_leaves_less_for_grpc() -> None:
    core = FakeCore(hold=asyncio.Event())
    parts, budget = parts_with(core, 3000)
    async with serving(parts) as edges:
        question = edges.rest.post("/v1/products:search", files={"image": PICTURE})
        first = asyncio.create_task(question)
        await core.entered.wait()
        await refused(edges.search.Search(SEARCH))
        assert core.hold is not None
        core.hold.set()
        assert (await first).status_code == 200
        await edges.search.Search(SEARCH)
    assert budget.taken_bytes == 0


async def test_each_message_of_an_import_counts_until_the_import_ends() -> None:
    core = FakeCore(hold=asyncio.Event())
    parts, budget = parts_with(core, 5000)
    async with serving(parts) as edges:
        await refused(edges.catalog.ImportProducts(iter([write(1), write(2), write(3)])))
        assert core.calls == []
        assert budget.taken_bytes == 0
        first = asyncio.ensure_future(edges.catalog.ImportProducts(iter([write(1), write(2)])))
        await core.entered.wait()
        assert budget.taken_bytes == write(1).ByteSize() + write(2).ByteSize()
        assert core.hold is not None
        core.hold.set()
        assert len((await first).results) == 2
    assert budget.taken_bytes == 0


async def test_a_caller_that_goes_away_gives_back() -> None:
    core = FakeCore(hold=asyncio.Event())
    parts, budget = parts_with(core, 3000)
    async with serving(parts) as edges:
        call = edges.search.Search(SEARCH)
        waiting = asyncio.ensure_future(call)
        await core.entered.wait()
        call.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await core.left.wait()
        await _released(budget)


async def test_it_counts_while_it_is_asked_who_is_calling() -> None:
    """A message is in memory by then, also that of somebody who is let in nowhere."""
    core, asked, answer = FakeCore(), asyncio.Event(), asyncio.Event()

    class SlowAccess:
        @asynccontextmanager
        async def enter(self, authorization: Sequence[str], method: str) -> AsyncIterator[None]:
            asked.set()
            await answer.wait()
            raise Unauthenticated(Reason.CREDENTIALS_MISSING)
            yield

    parts, budget = parts_with(core, 3000)
    async with serving(replace(parts, access=SlowAccess())) as edges:
        first = asyncio.ensure_future(edges.search.Search(SEARCH))
        await asked.wait()
        assert budget.taken_bytes == SEARCH.ByteSize()
        await refused(edges.search.Search(SEARCH))
        answer.set()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await first
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        await _released(budget)
    assert core.calls == []


async def _released(budget: ByteBudget) -> None:
    """All that was counted is given back in time."""
    async with asyncio.timeout(10):
        while budget.taken_bytes:  # noqa: ASYNC110 - the end of a call tells nobody
            await asyncio.sleep(0.01)
