"""A gRPC server that speaks Qdrant's protocol and answers as a test says: for what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import RestToGrpc
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server

Answer: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Takes the call's context; returns the response, or ends the call."""


class ScriptedQdrant(PointsServicer):
    """Answers each call with the next of ``script``, and with its last from then on."""

    def __init__(self) -> None:
        self.port = 0
        self.script: list[Answer] = []
        self.calls: list[Any] = []
        self._events = {"called": asyncio.Event(), "cancelled": asyncio.Event()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def Query(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(request, context)

    async def Get(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(request, context)

    async def Upsert(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(request, context)

    async def until(self, event: str) -> None:
        """Wait for the first call (``called``), or for the first cancelled one (``cancelled``)."""
        async with asyncio.timeout(5):
            await self._events[event].wait()

    async def _answer(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        self._events["called"].set()
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        try:
            return await answer(context)
        except asyncio.CancelledError:
            self._events["cancelled"].set()
            raise


@asynccontextmanager
async def scripted_qdrant() -> AsyncIterator[ScriptedQdrant]:
    """A scripted server on a free loopback port, for the length of the block."""
    service = ScriptedQdrant()
    server = grpc.aio.server()
    add_PointsServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    service.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield service
    finally:
        await server.stop(0)


def refuses(code: grpc.StatusCode, *metadata: tuple[str, str]) -> Answer:
    """End the call with a status."""

    async def answer(context: Any) -> Any:
        await context.abort(code, "the server's own words", metadata)

    return answer


def after(seconds: float, then: Answer) -> Answer:
    """Answer later."""

    async def answer(context: Any) -> Any:
        await asyncio.sleep(seconds)
        return await then(context)

    return answer


def hits(*points: tuple[str | int | None, float]) -> Answer:
    """Answer a query with these ids and scores; an id may be text, a number or None."""

    async def answer(context: Any) -> Any:
        return wire.QueryResponse(
            result=[wire.ScoredPoint(id=_id(one), score=score) for one, score in points]
        )

    return answer


def payloads(*points: tuple[str, dict[str, Any]]) -> Answer:
    """Answer a read of points with these ids and payloads."""

    async def answer(context: Any) -> Any:
        return wire.GetResponse(
            result=[
                wire.RetrievedPoint(id=_id(one), payload=RestToGrpc.convert_payload(payload))
                for one, payload in points
            ]
        )

    return answer


def pools(*points: tuple[str, Sequence[float]]) -> Answer:
    """Answer a read of points with these ids and pooled vectors."""

    async def answer(context: Any) -> Any:
        return wire.GetResponse(
            result=[
                wire.RetrievedPoint(
                    id=_id(one),
                    vectors=wire.VectorsOutput(
                        vectors=wire.NamedVectorsOutput(
                            vectors={"pool": wire.VectorOutput(data=vector)}
                        )
                    ),
                )
                for one, vector in points
            ]
        )

    return answer


def _id(value: str | int | None) -> wire.PointId:
    if value is None:
        return wire.PointId()
    return wire.PointId(num=value) if isinstance(value, int) else wire.PointId(uuid=value)
