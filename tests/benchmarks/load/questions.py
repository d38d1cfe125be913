"""Searches of shoppers, drawn from the catalog of the stack that is asked."""

import base64
import io
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import httpx
from PIL import Image

from recompose.v1 import product_pb2, search_pb2
from tests.benchmarks.load.filters import ValueFilter

Mix = Mapping[str, float]
"""Kind of search -> its weight."""
KINDS: Final = ("composed", "text", "picture", "filtered", "paged")
"""``filtered`` is composed and has a filter; ``paged`` is the second page of one of the others."""
DEFAULT_MIX: Final[Mix] = {"composed": 0.6, "text": 0.25, "picture": 0.15}

_COLORS: Final = ("red", "navy", "black", "white", "olive", "pink", "grey", "yellow", "teal")
_CHANGES: Final = ("longer", "shorter", "with a hood", "without a print", "striped", "plain")
_KINDS: Final = ("dress", "hoodie", "skirt", "sneakers", "coat", "shirt", "bag", "trousers")
_PRODUCTS: Final = 100
_PICTURES: Final = 64
_PAGES: Final = 64
"""Second pages that wait to be asked for; the oldest are forgotten, as they are by shoppers."""


@dataclass(frozen=True, slots=True)
class Question:
    """One search, as each edge takes it."""

    kind: str
    body: dict[str, Any]
    message: search_pb2.SearchRequest
    encoded: bytes = b""
    """The JSON of the body where it was made ahead; ``body`` is empty then."""
    next_page: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    """Whom an edge tells the token of the next page."""


class Questions:
    """A seeded stream of searches.

    Most are new to the service, so that it has to embed them; a share is taken from a few that
    are asked again and again, as shops see it, which the cache answers. Second pages are those of
    first ones that were answered lately; before there are any, composed searches take their place.
    """

    def __init__(
        self,
        product_ids: Sequence[str],
        pictures: Sequence[bytes],
        *,
        filters: Sequence[ValueFilter] = (),
        mix: Mix = DEFAULT_MIX,
        repeated: float = 0.2,
        page_size: int = 20,
        seed: int = 0,
    ) -> None:
        """``repeated``: the share of first pages that were asked before.

        Raises:
            ValueError: the mix has filtered searches, and there is no filter.
        """
        if mix.get("filtered") and not filters:
            raise ValueError("The catalog has no attribute to filter by.")
        self._product_ids, self._pictures, self._filters = product_ids, pictures, filters
        self._kinds = [kind for kind in KINDS if mix.get(kind)]
        self._weights = [mix[kind] for kind in self._kinds]
        self._repeated, self._page_size = repeated, page_size
        self._random = random.Random(seed)
        self._drawn_pictures = 0
        self._pages: deque[Question] = deque(maxlen=_PAGES)
        firsts = {kind: mix[kind] for kind in self._kinds if kind != "paged"} or {"composed": 1.0}
        known = self._random.choices([*firsts], [*firsts.values()], k=20) if repeated else []
        self._known = [self._new(kind) for kind in known]

    def next(self) -> Question:
        """The next search."""
        kind = self._random.choices(self._kinds, self._weights)[0]
        if kind == "paged" and self._pages:
            return self._pages.popleft()
        if self._known and self._random.random() < self._repeated:
            return self._random.choice(self._known)
        return self._new("composed" if kind == "paged" else kind)

    def _new(self, kind: str) -> Question:
        """A first page."""
        reference: dict[str, Any] = {}
        words = ""
        if kind in {"composed", "filtered"}:
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
        filter_ = self._random.choice(self._filters) if kind == "filtered" else None
        first = question(kind, reference, words, self._page_size, filter_)
        if "paged" not in self._kinds or kind == "picture":
            return first  # the picture would have to be sent once more with the token
        return replace(first, next_page=partial(self._turn, first))

    def _turn(self, first: Question, token: str) -> None:
        self._pages.append(second_page(first, token))


def question(
    kind: str,
    reference: Mapping[str, Any],
    words: str,
    page_size: int,
    filter_: ValueFilter | None = None,
) -> Question:
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
    if filter_:
        body["filter"] = filter_.as_json()
        filter_.write_to(message.filter)
    return Question(kind, body, message)


def second_page(first: Question, token: str) -> Question:
    """What goes on where the first page ended."""
    message = search_pb2.SearchRequest()
    message.CopyFrom(first.message)
    message.page_token = token
    return Question("paged", {**first.body, "page_token": token}, message)


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
