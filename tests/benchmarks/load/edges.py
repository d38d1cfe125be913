"""Clients of the two edges that cost little, and say of each request what became of it."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

import grpc
import h11
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from recompose.v1 import search_pb2_grpc
from tests.benchmarks.load.questions import Question
from tests.benchmarks.load.samples import Outcome

Told = tuple[Outcome, str]
"""What became of a request, and the reason where it was not answered."""

_READ_BYTES: Final = 1 << 16
_IDLE_S: Final = 1.0
"""Less than the grace of a gateway that ends (DRAIN_GRACE_S): in it each answer ends its
connection, and what was idle all the while is closed with the doors, maybe while a request is on
its way. Clients that would lose none keep to the same."""
_BY_CODE: Final[dict[grpc.StatusCode | int, Outcome]] = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: "refused",
    429: "refused",
    grpc.StatusCode.DEADLINE_EXCEEDED: "late",
    504: "late",
}
_ROUND_ROBIN: Final = json.dumps(
    {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
)
"""Client-side balancing that leaves out who says of itself that it is not serving (gRFC A17)."""


class Edge(Protocol):
    """One edge of one gateway or several. Cancelling `ask` gives the request up."""

    name: str

    async def ask(self, question: Question, deadline_s: float) -> Told: ...

    async def close(self) -> None: ...


class GrpcEdge:
    """gRPC; with several addresses by round robin over those that say they serve."""

    name = "grpc"

    def __init__(self, addresses: Sequence[str]) -> None:
        """``addresses``: 127.0.0.1:PORT."""
        self._channel = grpc.aio.insecure_channel(
            "ipv4:" + ",".join(addresses),
            options=[
                ("grpc.service_config", _ROUND_ROBIN),
                # One that is gone comes back soon enough for what is measured here.
                ("grpc.max_reconnect_backoff_ms", 1000),
                # Channels to one address would otherwise share their connection.
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self._search: Any = search_pb2_grpc.SearchServiceStub(self._channel)

    async def ask(self, question: Question, deadline_s: float) -> Told:
        """Search once."""
        try:
            answer = await self._search.Search(question.message, timeout=deadline_s)
        except grpc.aio.AioRpcError as error:
            outcome = _BY_CODE.get(error.code(), "failed")
            return outcome, _grpc_reason(error)
        if question.next_page and answer.next_page_token:
            question.next_page(answer.next_page_token)
        return "answered", ""

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)


class RestEdge:
    """HTTP/1.1 over connections that are kept, each in its turn.

    With several addresses it takes one after the other, and of refused connections alone tries the
    next address.
    """

    name = "rest"

    def __init__(self, addresses: Sequence[str]) -> None:
        """``addresses``: 127.0.0.1:PORT."""
        self._addresses = [_split(address) for address in addresses]
        self._idle: list[deque[_Connection]] = [deque() for _ in addresses]
        self._turn = 0

    async def ask(self, question: Question, deadline_s: float) -> Told:
        """Search once."""
        body = question.encoded or json.dumps(question.body).encode()
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(deadline_s):
                connection = await self._connection()
                code, content, again = await connection.post("/v1/products:search", body)
        except TimeoutError:
            return "late", "NO_ANSWER"
        except ConnectionRefusedError:
            return "failed", "CONNECTION_REFUSED"
        except (OSError, h11.RemoteProtocolError):
            return "failed", "CONNECTION_LOST"
        else:
            if again:
                connection.idle_from_s = asyncio.get_running_loop().time()
                connection.pool.append(connection)
                connection = None
        finally:
            if connection is not None:
                connection.end()
        if code == 200:
            if question.next_page and (token := json.loads(content).get("next_page_token")):
                question.next_page(token)
            return "answered", ""
        return _BY_CODE.get(code, "failed"), _rest_reason(code, content)

    def leave(self, address: str) -> None:
        """Ask it nothing more, as a balancer that has noticed that it is not ready."""
        place = self._addresses.index(_split(address))
        del self._addresses[place]
        _end_all(self._idle.pop(place))

    async def close(self) -> None:
        """Close what is idle."""
        for pool in self._idle:
            _end_all(pool)

    async def _connection(self) -> "_Connection":
        """Raises OSError: no address takes a connection."""
        self._turn += 1
        first = self._turn
        for attempt in range(len(self._addresses)):
            turn = (first + attempt) % len(self._addresses)
            (host, port), pool = self._addresses[turn], self._idle[turn]
            while pool:
                connection = pool.popleft()
                if connection.is_open:
                    return connection
                connection.end()
            try:
                return _Connection(*await asyncio.open_connection(host, port), host, pool)
            except ConnectionRefusedError:
                if attempt + 1 == len(self._addresses):
                    raise
        raise AssertionError("there is no address")


def _end_all(pool: "deque[_Connection]") -> None:
    while pool:
        pool.popleft().end()


class _Connection:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        host: str,
        pool: "deque[_Connection]",
    ) -> None:
        self._reader, self._writer, self._host, self.pool = reader, writer, host, pool
        self._http = h11.Connection(h11.CLIENT)
        self.idle_from_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can be used again: not closed, nor about to be by a server that had nothing
        to do on it for 5 s."""
        idle_s = asyncio.get_running_loop().time() - self.idle_from_s
        return idle_s < _IDLE_S and not self._reader.at_eof() and self._reader.exception() is None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection can be used again.

        Raises OSError, h11.RemoteProtocolError: it broke off.
        """
        http = self._http
        headers = [
            ("Host", self._host),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        head = http.send(h11.Request(method="POST", target=path, headers=headers))
        assert head is not None
        self._writer.write(head + (http.send(h11.Data(data=body)) or b""))
        self._writer.write(http.send(h11.EndOfMessage()) or b"")
        await self._writer.drain()
        status, content = 0, b""
        while True:
            event: Any = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
        again = http.our_state is h11.DONE and http.their_state is h11.DONE
        if again:
            http.start_next_cycle()
        return status, content, again

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _grpc_reason(error: grpc.aio.AioRpcError) -> str:
    call: Any = error  # it has what the function reads of a call
    status = rpc_status.from_call(call)
    info = error_details_pb2.ErrorInfo()
    if status is not None and any(detail.Unpack(info) for detail in status.details):
        return f"{error.code().name} {info.reason}"
    return error.code().name


def _rest_reason(code: int, content: bytes) -> str:
    try:
        return f"{code} {json.loads(content)['error']['details'][0]['reason']}"
    except (ValueError, LookupError, TypeError):
        return str(code)
