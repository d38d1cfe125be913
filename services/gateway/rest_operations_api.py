"""What runs beside the API: health, readiness, metrics, the documentation and the page."""

from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.edge_parts import EdgeParts
from gateway.rest_encode import JsonResponse
from gateway.rest_errors import ROUTE_UNKNOWN, error_response

_PAGE_FOLDER: Final = Path(__file__).parent / "page"
_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_OWN_ONLY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCS: Final = _OWN_ONLY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI styles its elements inline."""


class OperationsApi:
    """Serves files from memory: they are few and small, and no path reaches the disk."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._page = _load(_PAGE_FOLDER)
        self._docs = _load(Path(fastapi_offline.__file__).parent / "static")

    async def healthz(self, request: Request) -> Response:
        return JsonResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        ready, reason = self._parts.readiness.ready()
        return JsonResponse(
            {"status": "ready" if ready else "not ready", "reason": reason},
            status_code=200 if ready else 503,
        )

    async def metrics(self, request: Request) -> Response:
        return Response(
            generate_latest(self._parts.metrics.registry), media_type=CONTENT_TYPE_LATEST
        )

    async def page(self, request: Request) -> Response:
        return _file(self._page, "index.html", _OWN_ONLY, request)

    async def page_file(self, request: Request) -> Response:
        return _file(self._page, request.path_params["name"], _OWN_ONLY, request)

    async def docs(self, request: Request) -> Response:
        return _file(self._page, "docs.html", _DOCS, request)

    async def docs_file(self, request: Request) -> Response:
        return _file(self._docs, request.path_params["name"], _DOCS, request)

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in (
            ("/", self.page),
            ("/page/{name}", self.page_file),
            ("/docs", self.docs),
            ("/docs/{name}", self.docs_file),
        ):
            app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)


def _load(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _file(files: dict[str, bytes], name: str, policy: str, request: Request) -> Response:
    content = files.get(name)
    if content is None:
        return error_response(ROUTE_UNKNOWN, request.state.request_id)
    return Response(
        content,
        media_type=_MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream"),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"},
    )
