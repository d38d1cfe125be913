"""A real composed search against a running gateway; ends with 0 where it is right.

``search.py URL [CATALOG]`` imports two products with drawn pictures into a catalog (one of
its own where none is named), asks for one of them "in blue", finds the other, and deletes both.
RECOMPOSE_API_KEY holds its key where the gateway asks for one; RECOMPOSE_TLS_CA is a file with the
roots of its certificate, RECOMPOSE_TLS_CERT and RECOMPOSE_TLS_KEY the one to show to it.
"""

import base64
import json
import os
import secrets
import ssl
import struct
import sys
import urllib.error
import urllib.request
import zlib
from typing import Any

_SIDE = 96
_TIMEOUT_S = 60


def main(base: str, catalog: str) -> int:
    """Search in ``catalog`` at ``base`` (http://HOST:PORT); answers with the exit status."""
    products = {"red": (200, 30, 30), "blue": (30, 30, 200)}
    try:
        try:
            for name, color in products.items():
                picture = base64.b64encode(png(color)).decode()
                body = {"title": name, "catalog": catalog, "image": {"content": picture}}
                call(base, "PUT", f"/v1/products/{name}", body)
            question = {
                "catalog": catalog,
                "reference": {"product_id": "red"},
                "modification": "the same in blue",
                "page_size": 5,
            }
            answer = call(base, "POST", "/v1/products:search", question)
        finally:
            for name in products:
                call(base, "DELETE", f"/v1/products/{name}?catalog={catalog}")
    except (OSError, ValueError) as error:
        code = f" with {error.code}" if isinstance(error, urllib.error.HTTPError) else ""
        print(f"search: the gateway failed{code}: {type(error).__name__}.")
        return 1
    found = [hit["product"]["id"] for hit in answer.get("hits", [])]
    if found != ["blue"]:
        print(f"search: one other product was expected, and {len(found)} were found.")
        return 1
    print("search: a composed search found what it should.")
    return 0


def call(base: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One call of the REST API. Raises OSError (HTTPError for a status)."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    if key := os.environ.get("RECOMPOSE_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(base + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=tls()) as answer:
        text = answer.read()
    return json.loads(text) if text else {}


def tls() -> ssl.SSLContext:
    """How the gateway is checked, where its address is one of https."""
    context = ssl.create_default_context(cafile=os.environ.get("RECOMPOSE_TLS_CA"))
    if certificate := os.environ.get("RECOMPOSE_TLS_CERT"):
        context.load_cert_chain(certificate, os.environ.get("RECOMPOSE_TLS_KEY"))
    return context


def png(color: tuple[int, int, int]) -> bytes:
    """A picture of one color, _SIDE pixels square."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        sum_ = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(color) * _SIDE) * _SIDE
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


if __name__ == "__main__":
    own = sys.argv[2] if len(sys.argv) > 2 else f"helm-test-{secrets.token_hex(6)}"
    sys.exit(main(sys.argv[1].rstrip("/"), own))
