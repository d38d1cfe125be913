"""An OpenID Connect issuer on loopback: its configuration, its keys, and tokens of any kind."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "recompose"


class OidcIssuer:
    """Keys by name, and what the server answers with; a test changes both while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, Any] = {}
        self.answers: dict[str, tuple[int, bytes]] = {}
        """Path -> an answer in place of the right one."""
        self.fetches = 0
        """Of the key set."""

    def add_rsa(self, name: str) -> None:
        """A key for RS256."""
        self.keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def add_ec(self, name: str) -> None:
        """A key for ES256."""
        self.keys[name] = ec.generate_private_key(ec.SECP256R1())

    def token(
        self,
        kid: str,
        *,
        key: Any = None,
        algorithm: str = "",
        without: tuple[str, ...] = (),
        **claims: Any,
    ) -> str:
        """A good token, but for what is said."""
        key = self.keys[kid] if key is None else key
        usual = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "front-end",
            "exp": int(time.time()) + 600,
            "scope": "openid search catalog.read",
        }
        said = {name: value for name, value in (good | claims).items() if name not in without}
        return jwt.encode(said, key, algorithm=algorithm or usual, headers={"kid": kid})

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        if path == "/keys":
            self.fetches += 1
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            content: Any = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        elif path == "/keys":
            content = {"keys": [_public(name, key) for name, key in self.keys.items()]}
        else:
            return 404, b""
        return 200, json.dumps(content).encode()


def _public(name: str, key: Any) -> dict[str, Any]:
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}


@contextmanager
def running_issuer() -> Iterator[OidcIssuer]:
    """Serve until the block ends."""
    issuer = OidcIssuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = issuer.answer(self.path)
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", body.decode())
                body = b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
