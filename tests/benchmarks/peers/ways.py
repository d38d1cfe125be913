"""Ways to ask for the same thing: of Recompose, of infinity with the index beside it, and of the
plain service. Each request is new to all of them."""

import asyncio
import base64
import itertools
import json
import secrets
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
from qdrant_client import AsyncQdrantClient, models

from recompose.v1 import search_pb2, search_pb2_grpc
from retrieval.domain import DEFAULT_CATALOG
from tests.benchmarks.peers.posting import Http
from tests.benchmarks.peers.servers import MODEL_NAME

PAGE_SIZE: Final = 20
Ask = Callable[[], Awaitable[object]]
OURS, OURS_GRPC, INFINITY, PLAIN = "recompose", "recompose, gRPC", "infinity", "plain service"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Ports on this machine, what to ask with, and how the index is asked.

    Attributes:
        rest, grpc: Recompose's edges.
        qdrant: gRPC.
        collection: the live one.
        candidates: products by their mean vector that are ranked.
        photo: a JPEG file.
        pictures: a folder with PRODUCT.jpg.
    """

    rest: int
    grpc: int
    infinity: int
    plain: int
    qdrant: int
    collection: str
    candidates: int
    photo: Path
    pictures: Path


class Ways:
    """By kind of request and who is asked.

    Attributes:
        all: each makes one request, and raises `RequestFailed` or what breaks a connection.
    """

    def __init__(self, addresses: Addresses, *, with_grpc: bool) -> None:
        self._rest, self._plain = Http(addresses.rest), Http(addresses.plain)
        self._infinity = _Infinity(addresses)
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{addresses.grpc}")
        self._search: Any = search_pb2_grpc.SearchServiceStub(self._channel)
        self._photo = addresses.photo.read_bytes()
        self._products = [(path.stem, path) for path in sorted(addresses.pictures.glob("*.jpg"))]
        self._run = secrets.token_hex(4)
        self._numbers = itertools.count()
        self.all: dict[tuple[str, str], Ask] = {
            ("embedding", INFINITY): lambda: self._infinity.embed_picture(self._new_photo()),
            ("embedding", PLAIN): lambda: self._plain.post_form("/embed", {}, self._new_photo()),
            ("picture", OURS): self._ours_picture,
            ("picture", INFINITY): lambda: self._infinity.search(self._new_photo()),
            ("picture", PLAIN): lambda: self._plain_search(image=self._new_photo()),
            ("composed", OURS): self._ours_composed,
            ("composed", INFINITY): lambda: self._infinity.search(
                self._new_photo(), self._new_words()
            ),
            ("composed", PLAIN): lambda: self._plain_search(
                image=self._new_photo(), text=self._new_words()
            ),
            ("product", OURS): self._ours_product,
            ("product", INFINITY): self._infinity_product,
            ("product", PLAIN): lambda: self._plain_search(
                product_id=self._next_product()[0], text=self._new_words()
            ),
        }
        if with_grpc:
            self.all |= {
                ("picture", OURS_GRPC): lambda: self._over_grpc(self._new_photo(), ""),
                ("composed", OURS_GRPC): lambda: self._over_grpc(
                    self._new_photo(), self._new_words()
                ),
                ("product", OURS_GRPC): lambda: self._over_grpc(
                    self._next_product()[0], self._new_words()
                ),
            }

    async def check(self) -> None:
        """Ask each for the same thing once. Raises RuntimeError: one found no products, or the
        plain service, which has our model, found others than we."""
        for photo, words in ((self._new_photo(), ""), (self._new_photo(), self._new_words())):
            ours = _ids(await self._rest.post_json(_SEARCH, _body(photo, words)))
            plain = _ids(await self._plain_search(image=photo, text=words))
            if not ours or ours != plain:
                raise RuntimeError(f"not the same products: we found {ours}, it {plain}")
            if len(await self._infinity.search(photo, words)) != PAGE_SIZE:
                raise RuntimeError("infinity's embedding found no page of products")
        for product, _ in self._products:  # so that ours are cached, as they are in a shop
            await self._rest.post_json(_SEARCH, _body(product, self._new_words()))

    async def close(self) -> None:
        """Close all connections."""
        await self._channel.close(None)
        await self._rest.close()
        await self._plain.close()
        await self._infinity.close()

    async def _ours_picture(self) -> object:
        return await self._rest.post_json(_SEARCH, _body(self._new_photo(), ""))

    async def _ours_composed(self) -> object:
        return await self._rest.post_json(_SEARCH, _body(self._new_photo(), self._new_words()))

    async def _ours_product(self) -> object:
        product, _ = self._next_product()
        return await self._rest.post_json(_SEARCH, _body(product, self._new_words()))

    async def _infinity_product(self) -> object:
        _, path = self._next_product()
        return await self._infinity.search(path.read_bytes(), self._new_words())

    async def _plain_search(self, image: bytes | None = None, **fields: str) -> bytes:
        return await self._plain.post_form("/search", {**fields, "limit": str(PAGE_SIZE)}, image)

    async def _over_grpc(self, of: bytes | str, words: str) -> object:
        message = search_pb2.SearchRequest(modification=words, page_size=PAGE_SIZE)
        if isinstance(of, str):
            message.reference.product_id = of
        else:
            message.reference.image.content = of
        return await self._search.Search(message, timeout=30)

    def _new_photo(self) -> bytes:
        """The photo with a comment in it that no file before had: its pixels are known to nobody
        who knows pictures by their bytes."""
        comment = f"{self._run} {next(self._numbers):09}".encode()
        segment = b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment
        return self._photo[:2] + segment + self._photo[2:]

    def _new_words(self) -> str:
        return f"longer, in navy, {self._run} {next(self._numbers)}"

    def _next_product(self) -> tuple[str, Path]:
        return self._products[next(self._numbers) % len(self._products)]


_SEARCH: Final = "/v1/products:search"


class _Infinity:
    """An application with infinity for its embeddings: the sum of picture and words, as CLIP is
    used for composed search, and the index asked by qdrant-client."""

    def __init__(self, addresses: Addresses) -> None:
        self._http = Http(addresses.infinity)
        self._qdrant = AsyncQdrantClient(
            host="127.0.0.1",
            grpc_port=addresses.qdrant,
            prefer_grpc=True,
            check_compatibility=False,
        )
        self._collection, self._candidates = addresses.collection, addresses.candidates

    async def embed_picture(self, photo: bytes) -> Any:
        """[D] float32."""
        uri = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
        return await self._embed(uri, "image")

    async def search(self, photo: bytes, words: str = "") -> list[Any]:
        """The products of a page."""
        wanted = [self.embed_picture(photo)]
        if words:
            wanted.append(self._embed(words, "text"))
        query = sum(await asyncio.gather(*wanted))
        query = (query / np.linalg.norm(query)).tolist()
        passing = models.Filter(
            must=[
                models.FieldCondition(key="catalog", match=models.MatchValue(value=DEFAULT_CATALOG))
            ]
        )
        answer = await self._qdrant.query_points(
            self._collection,
            prefetch=models.Prefetch(
                query=query,
                using="pool",
                filter=passing,
                limit=self._candidates,
                params=models.SearchParams(
                    quantization=models.QuantizationSearchParams(rescore=False)
                ),
            ),
            query=[query],
            using="tokens",
            search_params=models.SearchParams(
                exact=True, quantization=models.QuantizationSearchParams(ignore=True)
            ),
            limit=PAGE_SIZE,
            with_payload=True,
        )
        return [*answer.points]

    async def close(self) -> None:
        """Close both connections."""
        await self._http.close()
        await self._qdrant.close()

    async def _embed(self, what: str, modality: str) -> Any:
        body = {"model": MODEL_NAME, "input": [what], "modality": modality}
        answer = json.loads(await self._http.post_json("/embeddings", body))
        return np.asarray(answer["data"][0]["embedding"], np.float32)


def _body(of: bytes | str, words: str) -> dict[str, Any]:
    reference: dict[str, Any] = (
        {"product_id": of}
        if isinstance(of, str)
        else {"image": {"content": base64.b64encode(of).decode()}}
    )
    body: dict[str, Any] = {"reference": reference, "page_size": PAGE_SIZE}
    return {**body, "modification": words} if words else body


def _ids(answer: bytes) -> list[str]:
    return [hit["product"]["id"] for hit in json.loads(answer)["hits"]]
