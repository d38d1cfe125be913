"""HTTP/1.1 over connections that are kept, at next to no cost to the machine that is measured."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

_END_OF_HEAD: Final = b"\r\n\r\n"


class RequestFailed(Exception):
    """An answer other than 200; the text is its status line and what it says."""


class Http:
    """Asks one server; as many connections as there are requests at a time."""

    def __init__(self, port: int) -> None:
        """``port``: on this machine."""
        self._port = port
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def post_json(self, path: str, body: Mapping[str, Any]) -> bytes:
        """The body of the answer. Raises `RequestFailed`, OSError, asyncio.IncompleteReadError."""
        return await self.post(path, "application/json", json.dumps(body).encode())

    async def post_form(
        self, path: str, fields: Mapping[str, str], image: bytes | None = None
    ) -> bytes:
        """As `post_json`, of a multipart form with a file ``image``."""
        boundary = secrets.token_hex(12)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        body = "".join(parts).encode()
        if image is not None:
            head = (
                f'--{boundary}\r\nContent-Disposition: form-data; name="image"; '
                'filename="image.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
            )
            body += head.encode() + image + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        return await self.post(path, f"multipart/form-data; boundary={boundary}", body)

    async def post(self, path: str, kind: str, body: bytes) -> bytes:
        """As `post_json`, of any body."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await self._connection()
        try:
            writer.write(head.encode() + body)
            await writer.drain()
            answered = await reader.readuntil(_END_OF_HEAD)
            status, *lines = answered.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
            content = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        if status.split(" ")[1] != "200":
            raise RequestFailed(f"{status}: {content[:300].decode(errors='replace')}")
        return content

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.popleft()[1].close()
