"""A server on loopback that speaks OpenAI's chat completions, counts, and misbehaves as told."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-invented-2f7c1d90e5"
TOKENS_IN, TOKENS_OUT = 6000, 40


@dataclass(frozen=True)
class Asked:
    """A request for a completion."""

    question: str
    """The same for the same two pictures and the same round."""
    again: bool
    """Asked again with a complaint."""
    times: int
    """How often this question was asked, this time included."""
    number: int
    """Of all requests, from 1."""
    body: dict[str, Any]
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Reply:
    """What the server does."""

    status: int = 200
    content: str | None = None
    refusal: str | None = None
    finish: str = "stop"
    headers: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    usage: bool = True
    hold: threading.Event | None = None
    """Answer only when this is set."""
    lose: bool = False
    """Answer, that is charge for it, and hang up before it is sent."""


def captions_for(question: str) -> tuple[str, str]:
    """Good captions, others for each question."""
    number = int(question[:6], 16)
    return f"has {number} white buttons", f"is blue with {number} stripes"


def good(asked: Asked) -> Reply:
    first, second = captions_for(asked.question)
    return Reply(content=json.dumps({"first": first, "second": second}))


class ChatServer:
    """`behave` decides; a completion that was made is charged for once an idempotency key."""

    def __init__(self) -> None:
        self.behave: Callable[[Asked], Reply] = good
        self.asked: list[Asked] = []
        self.charged: Counter[str] = Counter()
        """Completions made, by question."""
        self.url = ""
        self._made: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def times(self) -> Counter[str]:
        """Requests, by question."""
        return Counter(asked.question for asked in self.asked)

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[Reply, bytes]:
        urls = [
            part["image_url"]["url"]
            for message in body["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]
        again = len(body["messages"]) > 2
        question = hashlib.sha256(json.dumps([urls, again]).encode()).hexdigest()
        with self._lock:
            times = self.times[question] + 1
            asked = Asked(
                question, again, times, len(self.asked) + 1, body, headers, time.monotonic()
            )
            self.asked.append(asked)
        reply = self.behave(asked)
        if reply.hold is not None:
            reply.hold.wait(120)
        if reply.raw is not None:
            return reply, reply.raw
        if reply.status != 200:
            # Like OpenAI's own: the words of a refusal may repeat the key.
            error = {"message": f"no: {headers.get('authorization')}", **reply.error}
            return reply, json.dumps({"error": error}).encode()
        with self._lock:
            key = headers["idempotency-key"]
            if key not in self._made:
                self._made[key] = self._completion(reply)
                self.charged[question] += 1
            return reply, self._made[key]

    def _completion(self, reply: Reply) -> bytes:
        message = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
        usage = {
            "prompt_tokens": TOKENS_IN,
            "completion_tokens": TOKENS_OUT,
            "total_tokens": TOKENS_IN + TOKENS_OUT,
        }
        completion = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
            **({"usage": usage} if reply.usage else {}),
        }
        return json.dumps(completion).encode()


@contextmanager
def serving() -> Iterator[ChatServer]:
    """The server, listening on a free port of loopback."""
    chat = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path != "/v1/chat/completions":
                self.send_error(404)
                return
            reply, content = chat.take(body, headers)
            self.close_connection = reply.lose
            if reply.lose:
                return
            try:
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                # The client gave up waiting, or was killed.
                self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    chat.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
