"""Start, serve, drain: both edges on one event loop, from first probe to last answer, and the
health port beside them."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn

from gateway.process import make_prompt
from gateway.tls import Certificates
from gateway.wiring import Gateway

if TYPE_CHECKING:
    from fastapi import FastAPI

_PROBE_S: Final = 1.0
"""Time that the last probe gets."""


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the gateway has one for both edges."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(gateway: Gateway) -> None:
    """Run until SIGTERM or SIGINT, then drain.

    Draining: say not ready at once, wait a grace period so that load balancers notice, close the
    doors, give requests in flight their time, then close everything.
    Raises OSError when a port cannot be bound.
    """
    settings = gateway.settings
    log = structlog.get_logger()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)

    rest = _Server(_config(gateway.rest_app, gateway.certificates, settings.drain_budget_s))
    health = _Server(_config(gateway.health_app, None, _PROBE_S))
    listening = [_listen(settings.http_host, settings.http_port)]
    if settings.health_port is not None:
        listening.append(_listen(settings.http_host, settings.health_port))
    await gateway.grpc_server.start()
    background = [asyncio.create_task(watch()) for watch in gateway.watchers]
    serving, *probed = (
        asyncio.create_task(server.serve(sockets=[each]))
        for server, each in zip((rest, health), listening, strict=False)
    )
    make_prompt()
    log.info(
        "serving",
        http_port=settings.http_port,
        grpc_port=settings.grpc_port,
        health_port=settings.health_port,
    )

    await _until(stop, serving, *probed, *background)
    log.info("draining", in_flight=gateway.admission.in_flight)
    gateway.readiness.drain()
    await asyncio.sleep(settings.drain_grace_s)
    # What was sent before its caller could know of the closing doors is served like any other:
    # admission closes last. gRPC tells its clients by GOAWAY, REST by closing connections.
    rest.should_exit = True
    await asyncio.gather(serving, gateway.grpc_server.stop(settings.drain_budget_s))
    gateway.admission.close()
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    # Until here probes are told that it drains, and metrics how the last requests ended.
    health.should_exit = True
    await asyncio.gather(*probed)
    await gateway.close()
    log.info("stopped")


def _config(
    app: "FastAPI", certificates: Certificates | None, last_answers_s: float
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_context_factory=None if certificates is None else lambda *_: certificates.rest,
        timeout_graceful_shutdown=max(1, round(last_answers_s)),
    )


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError, where uvicorn's own would end the process.

    The socket names no protocol, so asyncio does not set TCP_NODELAY on its connections: without
    it an answer whose head and body are two writes waits 40 ms for a delayed acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def _until(stop: asyncio.Event, *tasks: "asyncio.Task[None]") -> None:
    """Wait for the stop signal; a task that ends before it failed, and its error goes on."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
    stopping.cancel()
