"""The storefront, served beside the API for one machine; in production a web server does this.

What it needs of a server is little, and `deploy/storefront/Caddyfile` says the same to one: the
page at ``/`` and ``/products/{id}``, files below ``/assets`` whose names change with their
content, and ``/storefront.json`` with what differs from shop to shop.
"""

import json
from pathlib import Path

from fastapi import FastAPI, Request, Response

from gateway.static_files import ALWAYS_ASK, NEVER_CHANGES, StaticFile, answer, load

_PAGE = "index.html"
_CONFIG = "storefront.json"


class StorefrontMissing(Exception):
    """The folder holds no built storefront; the message is one sentence."""


class Storefront:
    """A built storefront, held in memory (about 4 MB, most of it fonts)."""

    def __init__(self, folder: Path, *, image_uris: bool) -> None:
        """``image_uris``: whether the service fetches pictures by their address.

        Raises:
            StorefrontMissing: ``folder`` is not what ``npm run build`` writes.
        """
        try:
            self._files = load(folder)
            self._assets = load(folder / "assets")
            config = json.loads(self._files[_CONFIG].content)
            config["image_uris"] = image_uris
            self._files[_CONFIG] = StaticFile.of(_CONFIG, json.dumps(config).encode())
            self._files[_PAGE]
        except (OSError, KeyError, ValueError, TypeError):
            raise StorefrontMissing(
                "STOREFRONT_DIR holds no built storefront: run `make storefront`, or leave it out."
            ) from None

    async def page(self, request: Request) -> Response:
        return answer(self._files, _PAGE, request)

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        cache_control = NEVER_CHANGES if name in self._assets else ALWAYS_ASK
        return answer(self._assets, name, request, cache_control=cache_control)

    async def file(self, request: Request) -> Response:
        return answer(self._files, request.url.path.removeprefix("/"), request)

    def add_to(self, app: FastAPI) -> None:
        """Route to it."""
        routes = {"/": self.page, "/products/{id}": self.page, "/assets/{name}": self.asset}
        routes |= {f"/{name}": self.file for name in self._files if name != _PAGE}
        for path, endpoint in routes.items():
            app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)
