"""qdrant-client's local mode, which also takes the messages that the adapter sends."""

from typing import Any

from qdrant_client import AsyncQdrantClient
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc


class LocalQdrant(AsyncQdrantClient):
    """A client over collections in memory."""

    def __init__(self) -> None:
        super().__init__(":memory:")

    @property
    def grpc_points(self) -> Any:
        """The two calls of the raw client that the adapter makes."""
        return _Points(self)


class _Points:
    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client

    async def Query(  # noqa: N802 - the name of the rpc
        self, message: wire.QueryPoints, timeout: int
    ) -> wire.QueryResponse:
        asked = GrpcToRest.convert_query_points(message)
        answer = await self._client.query_points(
            message.collection_name,
            query=asked.query,
            prefetch=asked.prefetch,
            using=asked.using,
            query_filter=asked.filter,
            search_params=asked.params,
            limit=message.limit,
            with_payload=asked.with_payload or False,
        )
        return wire.QueryResponse(result=map(RestToGrpc.convert_scored_point, answer.points))

    async def Get(  # noqa: N802
        self, message: wire.GetPoints, timeout: int
    ) -> wire.GetResponse:
        records = await self._client.retrieve(
            message.collection_name, [one.uuid for one in message.ids], with_payload=True
        )
        return wire.GetResponse(result=map(RestToGrpc.convert_record, records))
