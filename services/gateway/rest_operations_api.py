"""What runs beside the API: health, readiness, metrics and the documentation."""

from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.edge_parts import EdgeParts
from gateway.rest_encode import JsonResponse
from gateway.static_files import OWN_ONLY, answer, load

_DOCS_PAGE: Final = Path(__file__).parent / "docs_page"
_SWAGGER_UI: Final = Path(fastapi_offline.__file__).parent / "static"
_DOCS: Final = OWN_ONLY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI styles its elements inline."""


class ProbesApi:
    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts

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


class DocsApi:
    def __init__(self) -> None:
        self._docs = load(_SWAGGER_UI) | load(_DOCS_PAGE)

    async def docs(self, request: Request) -> Response:
        return answer(self._docs, "index.html", request, policy=_DOCS)

    async def docs_file(self, request: Request) -> Response:
        return answer(self._docs, request.path_params["name"], request, policy=_DOCS)

    def add_to(self, app: FastAPI) -> None:
        """Route to the documentation."""
        app.add_api_route("/docs", self.docs, methods=["GET"], include_in_schema=False)
        app.add_api_route("/docs/{name}", self.docs_file, methods=["GET"], include_in_schema=False)
