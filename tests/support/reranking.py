"""Both edges around the real core, to ask for second stages on each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import pytest
from google.protobuf.json_format import ParseDict

from recompose.v1 import search_pb2
from retrieval.domain import Deadline
from tests.support.core import Core, write
from tests.support.edges import Edges, Refusal, grpc_refusal, rest_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts

QUERY: Final[dict[str, Any]] = {"reference": {"product_id": "p1"}, "modification": "in red"}
MESSAGE: Final[dict[str, Any]] = {"reference": {"productId": "p1"}, "modification": "in red"}
"""The same as protobuf has it in JSON."""
PRODUCTS: Final = 30


@dataclass(frozen=True)
class RerankingShop:
    """A shop of `PRODUCTS`, of which p1 is the reference of each question."""

    core: Core
    edges: Edges

    async def ask(self, **fields: Any) -> httpx.Response:
        """A search over REST."""
        return await self.edges.rest.post("/v1/products:search", json={**QUERY, **fields})

    async def call(self, **fields: Any) -> search_pb2.SearchResponse:
        """A search over gRPC."""
        asked = ParseDict({**MESSAGE, **fields}, search_pb2.SearchRequest())
        answer: search_pb2.SearchResponse = await self.edges.search.Search(asked)
        return answer

    async def both(
        self, *, page_size: int = 100, page_token: str = "", **fields: Any
    ) -> dict[str, Any]:
        """The answer of both edges, which must be alike; as REST tells it.

        Scores are doubles on one edge and float32 on the other.
        """
        rest = await self.ask(page_size=page_size, page_token=page_token, **fields)
        assert rest.status_code == 200, rest.text
        message = await self.call(pageSize=page_size, pageToken=page_token, **fields)
        answer: dict[str, Any] = rest.json()
        assert [hit.product.id for hit in message.hits] == ids(answer)
        assert [
            hit.match_probability if hit.HasField("match_probability") else None
            for hit in message.hits
        ] == probabilities(answer)
        assert [hit.score for hit in message.hits] == pytest.approx(
            [hit["score"] for hit in answer["hits"]]
        )
        name = search_pb2.RerankOutcome.Name(message.rerank).removeprefix("RERANK_OUTCOME_")
        assert name == answer.get("rerank", "UNSPECIFIED")
        assert (message.degraded, message.repeated) == (answer["degraded"], answer["repeated"])
        return answer

    async def refused(self, body: dict[str, Any], message: dict[str, Any]) -> Refusal:
        """How both edges refuse: alike."""
        rest = await self.edges.rest.post("/v1/products:search", json=body)
        assert rest.status_code == 422
        asked = ParseDict(message, search_pb2.SearchRequest())
        told = await grpc_refusal(self.edges.search.Search(asked))
        assert rest_refusal(rest) == told
        return told


@asynccontextmanager
async def reranking_shop(core: Core) -> AsyncIterator[RerankingShop]:
    """The shop around a core without products, for the length of the block."""
    writes = [write(number) for number in range(PRODUCTS)]
    await core.catalog.import_products("", writes, Deadline.after(10))
    async with serving(replace(edge_parts(FakeCore()), search=core.search)) as edges:
        yield RerankingShop(core, edges)


def ids(answer: dict[str, Any]) -> list[str]:
    """Of the products of a REST answer."""
    return [hit["product"]["id"] for hit in answer["hits"]]


def probabilities(answer: dict[str, Any]) -> list[float | None]:
    """Of the hits of a REST answer; None where one was not judged."""
    return [hit.get("match_probability") for hit in answer["hits"]]
