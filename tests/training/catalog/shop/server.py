"""The test shop on a loopback port. It writes down every request."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.training.catalog.shop.site import Answer, Site


@dataclass(frozen=True)
class Asked:
    """A request and how it was answered."""

    at: float
    """Monotonic seconds at which it came."""
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    status: int
    """0: not answered."""


class Shop:
    """The site with its log. `before` may do something when a request comes; True: no answer."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.log: list[Asked] = []
        self.before: Callable[[str], bool] = lambda target: False
        self._lock = threading.Lock()

    def handle(self, target: str, headers: dict[str, str]) -> Answer | None:
        """What to say; None: hang up."""
        at = time.monotonic()
        with self._lock:
            hang_up = self.before(target)
            answer = None if hang_up else _conditional(self.site.answer(target), headers)
            self.log.append(Asked(at, target, headers, answer.status if answer else 0))
        return answer

    def forget(self) -> list[Asked]:
        """The log so far, which begins anew."""
        with self._lock:
            log, self.log = self.log, []
        return log


def _conditional(answer: Answer, headers: dict[str, str]) -> Answer:
    same = "ETag" in answer.headers and headers.get("if-none-match") == answer.headers["ETag"]
    modified = answer.headers.get("Last-Modified")
    if same or (modified is not None and headers.get("if-modified-since") == modified):
        return Answer(304, headers=answer.headers)
    return answer


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = shop.handle(self.path, headers)
            if answer is None:
                self.close_connection = True
                return
            length = len(answer.body) if answer.stated_bytes is None else answer.stated_bytes
            self.send_response(answer.status)
            if answer.status != 304:
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(length))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.status != 304:
                self.wfile.write(answer.body)
            if answer.stated_bytes is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A crawler that is killed breaks its connections."""


@contextmanager
def open_shop(
    inside: str = "http://127.0.0.1:9", tls: ssl.SSLContext | None = None
) -> Iterator[Shop]:
    """A shop that answers until the end; `inside` is where one of its redirects leads.

    With `tls` it is called localhost, as certificates want a name.
    """
    site = Site(inside)
    shop = Shop(site)
    server = _Quiet(("127.0.0.1", 0), _handler(shop))
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        site.address = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody may reach: its port, and who did all the same."""
    reached: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            reached.append(self.client_address[0])
            super().setup()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield str(server.server_address[1]), reached
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
