"""A wire between a gRPC client and a real server: it passes calls on and keeps their metadata."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass(frozen=True)
class Passed:
    """A call: its full method and its metadata."""

    method: str
    metadata: dict[str, Any]


class Tap(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Unary calls of any service, as bytes.

    ``refusals`` makes calls of a method (its short name) fail with a status, in words that must go
    no further than the gateway.
    """

    WORDS = "an upstream's own words"

    def __init__(self, channel: grpc.Channel) -> None:
        self.port = 0
        self.calls: list[Passed] = []
        self.refusals: dict[str, grpc.StatusCode] = {}
        self._channel = channel

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def of(self, method: str) -> list[Passed]:
        """The calls of a method, by its short name."""
        return [call for call in self.calls if call.method.endswith(f"/{method}")]

    def service(self, details: Any) -> Any:
        def passed_on(request: bytes, context: Any) -> bytes:
            metadata = list(context.invocation_metadata())
            self.calls.append(Passed(details.method, dict(metadata)))
            refusal = self.refusals.get(details.method.rpartition("/")[2])
            if refusal is not None:
                context.abort(refusal, self.WORDS)
            own = ("user-agent", "te", "content-type")
            call: Any = self._channel.unary_unary(details.method, None, None)
            try:
                answer: bytes = call(
                    request,
                    metadata=[(key, value) for key, value in metadata if key not in own],
                    timeout=context.time_remaining(),
                )
            except grpc.RpcError as error:
                failed: Any = error
                context.abort(failed.code(), failed.details())
            return answer

        return grpc.unary_unary_rpc_method_handler(passed_on)


@contextmanager
def tapped(address: str) -> Iterator[Tap]:
    """A wire to the server at an address, for the length of the block."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        tap = Tap(channel)
        server = grpc.server(ThreadPoolExecutor(8), handlers=[tap], options=options)
        tap.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield tap
        finally:
            server.stop(None).wait()
