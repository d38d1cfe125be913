"""A site of pictures on loopback, and what it was asked for."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class PictureHost:
    """``port`` of loopback; ``asked`` holds path and user agent of each request, in their order."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def picture_host(files: Mapping[str, bytes]) -> Iterator[PictureHost]:
    """Serves files by their path, and 404 for each other path, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append((self.path, self.headers["User-Agent"]))
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = PictureHost(server.server_port)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
