"""grpc.health.v1.Health, answered from readiness at the moment of the question."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.edge_parts import ReadinessProbe
from gateway.readiness import DRAINING

WATCH_INTERVAL_S: Final = 0.2

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthService(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Health of the server as a whole (the empty name) and of each service by name."""

    def __init__(self, readiness: ReadinessProbe, services: Collection[str]) -> None:
        self._readiness = readiness
        self._names = {"", *services}

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "No such service.")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        told = None
        while True:
            status = self._status(request.service)
            ending = self._readiness.ready() == (False, DRAINING)
            if status != told:
                yield health_pb2.HealthCheckResponse(status=status)
                told = status
            # A watcher asks anew at once, and must not do so without a pause.
            await asyncio.sleep(WATCH_INTERVAL_S)
            if ending:
                return  # a watcher must not keep the server from ending

    def _status(self, service: str) -> Any:
        if service not in self._names:
            return _UNKNOWN
        ready, _ = self._readiness.ready()
        return _SERVING if ready else _NOT_SERVING
