"""A gateway that answers every call alike, for what stands before it or calls it."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call as it came in; ``body`` out of JSON."""

    method: str
    path: str
    body: Any
    authorization: str | None = None
    certificate: str | None = None
    """Serial number of the one that the caller showed."""


Asked = list[Call]


@contextmanager
def gateway(
    hits: list[str], status: int = 200, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, Asked]]:
    """Its address, and what it was asked; searches are answered with products ``hits``. Every call
    has a connection of its own."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(
                Call(
                    self.command,
                    self.path,
                    json.loads(body) if body else None,
                    self.headers.get("Authorization"),
                    _serial(self.connection),
                )
            )
            found = {"hits": [{"product": {"id": name}, "score": 0.5} for name in hits]}
            content = b"" if self.command == "DELETE" else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Says nothing of handshakes that fail."""

    def handle_error(self, *_: object) -> None:
        pass


def _serial(connection: Any) -> str | None:
    if not isinstance(connection, ssl.SSLSocket):
        return None
    shown: Any = connection.getpeercert()
    return str(shown["serialNumber"]) if shown else None
