"""Files served from memory: they are few and small, and no path reaches the disk."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import Request, Response

from gateway.rest_errors import ROUTE_UNKNOWN, error_response

OWN_ONLY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "connect-src 'self'; img-src 'self' blob: data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy of a page that needs nothing from elsewhere and has nothing inline."""

ALWAYS_ASK: Final = "no-cache"
NEVER_CHANGES: Final = "public, max-age=31536000, immutable"

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_COMPRESSIBLE: Final = {".html", ".css", ".js", ".json", ".svg"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str
    gzipped: bytes | None
    """The same, compressed; None where that gains nothing."""

    @classmethod
    def of(cls, name: str, content: bytes) -> "StaticFile":
        suffix = Path(name).suffix
        return cls(
            content,
            _MEDIA_TYPES.get(suffix, "application/octet-stream"),
            f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            gzip.compress(content, mtime=0) if suffix in _COMPRESSIBLE else None,
        )


def load(folder: Path) -> dict[str, StaticFile]:
    """The files of a folder by their names; folders in it are left out. Raises OSError."""
    return {
        path.name: StaticFile.of(path.name, path.read_bytes())
        for path in folder.iterdir()
        if path.is_file()
    }


def answer(
    files: Mapping[str, StaticFile],
    name: str,
    request: Request,
    *,
    policy: str = OWN_ONLY,
    cache_control: str = ALWAYS_ASK,
) -> Response:
    """A file, 304 where the caller has it already, or the API's 404."""
    file = files.get(name)
    if file is None:
        return error_response(ROUTE_UNKNOWN, request.state.request_id)
    headers = {
        "ETag": file.etag,
        "Cache-Control": cache_control,
        "Content-Security-Policy": policy,
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    content = file.content
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content = file.gzipped
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=file.media_type, headers=headers)
