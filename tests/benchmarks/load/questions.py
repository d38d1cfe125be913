"""Searches of shoppers, drawn from the catalog of the stack that is asked."""

import base64
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
from PIL import Image

from recompose.v1 import product_pb2, search_pb2

Mix = Mapping[str, float]
"""Kind of search -> its weight."""
KINDS: Final = ("composed", "text", "picture")
DEFAULT_MIX: Final[Mix] = {"composed": 0.6, "text": 0.25, "picture": 0.15}

_COLORS: Final = ("red", "navy", "black", "white", "olive", "pink", "grey", "yellow", "teal")
_CHANGES: Final = ("longer", "shorter", "with a hood", "without a print", "striped", "plain")
_KINDS: Final = ("dress", "hoodie", "skirt", "sneakers", "coat", "shirt", "bag", "trousers")
_PRODUCTS: Final = 100
_PICTURES: Final = 64


@dataclass(frozen=True, slots=True)
class Question:
    """One search, as each edge takes it."""

    kind: str
    body: dict[str, Any]
    message: search_pb2.SearchRequest
    encoded: bytes = b""
    """The JSON of the body where it was made ahead; ``body`` is empty then."""


class Questions:
    """A seeded stream of searches.

    Most are new to the service, so that it has to embed them; a share is taken from a few that
    are asked again and again, as shops see it, which the cache answers.
    """

    def __init__(
        self,
        product_ids: Sequence[str],
        pictures: Sequence[bytes],
        *,
        mix: Mix = DEFAULT_MIX,
        repeated: float = 0.2,
        page_size: int = 20,
        seed: int = 0,
    ) -> None:
        """``repeated``: the share that was asked before."""
        self._product_ids, self._pictures = product_ids, pictures
        self._kinds = [kind for kind in KINDS if mix.get(kind)]
        self._weights = [mix[kind] for kind in self._kinds]
        self._repeated, self._page_size = repeated, page_size
        self._random = random.Random(seed)
        self._number = self._drawn_pictures = 0
        self._known = [self._new() for _ in range(20)] if repeated else []

    def next(self) -> Question:
        """The next search."""
        if self._known and self._random.random() < self._repeated:
            return self._random.choice(self._known)
        return self._new()

    def _new(self) -> Question:
        self._number += 1
        kind = self._random.choices(self._kinds, self._weights)[0]
        reference: dict[str, Any] = {}
        words = ""
        if kind == "composed":
            reference = {"product_id": self._random.choice(self._product_ids)}
            words = f"{self._random.choice(_CHANGES)} and in {self._random.choice(_COLORS)}"
        elif kind == "text":
            words = f"a {self._random.choice(_COLORS)} {self._random.choice(_KINDS)}"
        if words:
            # No two are equal: the number is a word like any other to the tokenizer.
            words += f", number {self._random.getrandbits(32)}"
        else:
            reference = {"image": self._pictures[self._drawn_pictures % len(self._pictures)]}
            self._drawn_pictures += 1
        return question(kind, reference, words, self._page_size)


def question(kind: str, reference: Mapping[str, Any], words: str, page_size: int) -> Question:
    """A search in both forms. ``reference`` has ``product_id``, ``image`` (bytes), or nothing."""
    body: dict[str, Any] = {"page_size": page_size, "view": "basic"}
    message = search_pb2.SearchRequest(page_size=page_size, view=product_pb2.PRODUCT_VIEW_BASIC)
    if words:
        body["modification"] = message.modification = words
    if "product_id" in reference:
        body["reference"] = {"product_id": reference["product_id"]}
        message.reference.product_id = reference["product_id"]
    elif "image" in reference:
        content: bytes = reference["image"]
        body["reference"] = {"image": {"content": base64.b64encode(content).decode()}}
        message.reference.image.content = content
    return Question(kind, body, message)


def read_catalog(rest: httpx.Client, seed: int = 0) -> tuple[list[str], list[bytes]]:
    """Ids of products of the running stack, and pictures that it has not seen.

    Raises:
        ValueError: there are no products, or none with a picture; the text is one sentence.
        httpx.HTTPError: the stack cannot be asked.
    """
    answer = rest.get("/v1/products", params={"page_size": _PRODUCTS})
    answer.raise_for_status()
    products = answer.json()["products"]
    if not products:
        raise ValueError("The catalog is empty: there is nothing to search for.")
    random_ = random.Random(seed)
    with_picture = [product for product in products if product.get("image_uri")]
    pictures = []
    for product in with_picture[:_PICTURES]:
        stored = rest.get(product["image_uri"])
        stored.raise_for_status()
        pictures.append(_unlike(stored.content, random_))
    if not pictures:
        raise ValueError("No product of the catalog has a picture to search with.")
    return [product["id"] for product in products], pictures


def _unlike(content: bytes, random_: random.Random) -> bytes:
    """The picture with a dot that no other has: the cache does not know it."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    for _ in range(4):
        place = random_.randrange(picture.width), random_.randrange(picture.height)
        picture.putpixel(place, (random_.randrange(256), random_.randrange(256), 0))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=88)
    return written.getvalue()
