"""Start, serve, drain: both edges on one event loop, from first probe to last answer."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn

from gateway.process import make_prompt
from gateway.wiring import Gateway


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

    certificates = gateway.certificates
    rest = _Server(
        uvicorn.Config(
            gateway.rest_app,
            host=settings.http_host,
            port=settings.http_port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_context_factory=None if certificates is None else lambda *_: certificates.rest,
            timeout_graceful_shutdown=max(1, round(settings.drain_budget_s)),
        )
    )
    listening = _listen(settings.http_host, settings.http_port)
    await gateway.grpc_server.start()
    background = [asyncio.create_task(watch()) for watch in gateway.watchers]
    serving = asyncio.create_task(rest.serve(sockets=[listening]))
    make_prompt()
    log.info("serving", http_port=settings.http_port, grpc_port=settings.grpc_port)

    await _until(stop, serving, *background)
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
    await gateway.close()
    log.info("stopped")


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
