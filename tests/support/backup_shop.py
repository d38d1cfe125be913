"""A shop to back up: several catalogs with odd attributes, pictures, and what it answers."""

import asyncio
import io
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from retrieval.bundle import Bundle, load_bundle
from retrieval.domain import (
    AttributeValue,
    Deadline,
    IndexedProduct,
    IndexQuery,
    PictureShelf,
    Pooled,
    Product,
    Tuning,
)
from retrieval.image_store import content_sha256
from retrieval.qdrant import QdrantIndex, connect
from tests.support.image_places import FilePlace
from tests.support.index_cases import FIELDS, FILTERS, product, random_query, random_tokens

ROOT = Path(__file__).resolve().parents[2]
CATALOGS = ("default", "spring", "autumn-2")
ODD: Mapping[str, AttributeValue] = {
    "note": 'line\nbreak, \u2028, "quotes", \\, <html>, \'; DROP TABLE',
    "words": ["Größe", "サイズ", "👩🏽‍🦰", ""],
    "nothing": [],
    "mixed": ["1", 1.0, True, 0.1, -0.0, 1e300],
    "yes": True,
    "one": 1.0,
    "third": 1 / 3,
}
TUNING = Tuning(Pooled(700), recall=0.9975, products=90, sample=20, audited_at_s=1.75e9 + 0.125)
_FIELDS = ",".join(f"{name}:{kind}" for name, kind in FIELDS.items())


def soon() -> Deadline:
    return Deadline.after(60)


def picture(number: int) -> Image.Image:
    """One of many small pictures."""
    return Image.new("RGB", (16, 16), (number % 256, number // 256, 9))


@dataclass
class Shop:
    """One Qdrant address, one image store, and the settings of a gateway over both."""

    url: str
    place: FilePlace
    bundle_dir: Path
    settings: Mapping[str, str]
    api_key: str | None = None

    @property
    def bundle(self) -> Bundle:
        return load_bundle(self.bundle_dir)

    @property
    def environment(self) -> dict[str, str]:
        """Of the commands."""
        return {
            "QDRANT_URL": self.url,
            "BUNDLE_DIR": str(self.bundle_dir),
            "FILTERABLE_FIELDS": _FIELDS,
            # What is looked at is what a command does, not how long a busy machine takes.
            "QDRANT_BUDGET_S": "30",
            "IMAGE_STORE_BUDGET_S": "30",
            "TRITON_BUDGET_S": "30",
            **({"QDRANT_API_KEY": self.api_key} if self.api_key else {}),
            **self.settings,
        }

    def index(self) -> QdrantIndex:
        """A client of its own; make it inside the event loop and close it there."""
        sizes = self.bundle.sizes
        return QdrantIndex(
            connect(self.url, api_key=self.api_key),
            digest=self.bundle.digest,
            query_tokens=sizes.query_tokens,
            embed_dim=sizes.embed_dim,
            fields=FIELDS,
            budget_s=30.0,
        )

    def items(self, count: int, pictures: int) -> list[IndexedProduct]:
        """Products over all catalogs in turn; every tenth has the odd attributes."""
        sizes = self.bundle.sizes
        tokens = random_tokens(
            count, seed=5, query_tokens=sizes.query_tokens, embed_dim=sizes.embed_dim
        )
        names = [content_sha256(picture(number)) for number in range(pictures)]
        return [
            IndexedProduct(
                replace(
                    product(n, CATALOGS[n % 3], **(ODD if n % 10 == 0 else {})),
                    image_sha256=names[n % pictures],
                ),
                tokens[n],
            )
            for n in range(count)
        ]

    async def fill(self, count: int, pictures: int) -> None:
        """A live index of ``count`` products, its pictures, and an audit's choice."""
        await self.keep_pictures(range(pictures))
        index = self.index()
        await index.ensure_collection(soon())
        await index.put(self.items(count, pictures), soon())
        await index.audits.keep(TUNING, soon())
        await index.close()

    async def destroy(self) -> None:
        """Delete the index, which takes its alias along, and every picture."""
        index, client = self.index(), connect(self.url, api_key=self.api_key)
        await client.delete_collection(index.collection)
        await client.close()
        await index.close()
        for name in self.place.names(PictureShelf.KEPT):
            self.place.path(PictureShelf.KEPT, name).unlink()
        await asyncio.sleep(self.place.settle_s)

    async def keep_pictures(self, numbers: Sequence[int]) -> None:
        """Write pictures as a folder keeps them, which is quick even where S3 serves them."""

        def write() -> None:
            for number in numbers:
                image, file = picture(number), io.BytesIO()
                image.save(file, "WEBP", lossless=True, quality=0, method=0)
                path = self.place.path(PictureShelf.KEPT, content_sha256(image))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.getvalue())

        await asyncio.to_thread(write)
        await asyncio.sleep(self.place.settle_s)

    async def answers(self) -> dict[str, Any]:
        """All that a shopper and a shop can ask, as the answers to compare."""
        found: dict[str, Any] = {}
        index = self.index()
        sizes = self.bundle.sizes
        for catalog in CATALOGS:
            found[f"{catalog}: list"] = await _listed(index, catalog)
            found[f"{catalog}: facets"] = await index.facets(
                catalog, ["color", "tags", "sale", "made in"], None, 100, soon()
            )
            for seed in range(3):
                query = random_query(seed=seed, embed_dim=sizes.embed_dim)
                asked = IndexQuery(catalog, query, 40)
                found[f"{catalog}: search {seed}"] = await index.search(asked, soon())
            for name, (condition, _) in FILTERS.items():
                asked = IndexQuery(catalog, query, 20, condition)
                found[f"{catalog}: {name}"] = await index.search(asked, soon())
        found["tuning"] = await index.audits.tuning(soon())
        found["unfinished"] = await index.portable.restoring(soon())
        await index.check(soon())
        await index.close()
        found["pictures"] = {
            name: self.place.path(PictureShelf.KEPT, name).read_bytes()
            for name in self.place.names(PictureShelf.KEPT)
        }
        return found

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """A command of the gateway to its end."""
        return subprocess.run(
            self._command(arguments),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def killed_when(self, condition: Callable[[], bool], *arguments: object) -> bool:
        """Start a command and kill it when the condition holds; whether it had not yet ended."""
        process = subprocess.Popen(
            self._command(arguments),
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end_s = time.monotonic() + 240
        while not condition() and process.poll() is None:
            assert time.monotonic() < end_s
            time.sleep(0.002)
        process.kill()
        return process.wait() == -9

    def _command(self, arguments: Sequence[object]) -> list[str]:
        return [sys.executable, "-m", "gateway", *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT / "services"), **self.environment}


async def _listed(index: QdrantIndex, catalog: str) -> list[Product]:
    found: list[Product] = []
    after: uuid.UUID | None = None
    while True:
        page, after = await index.list(catalog, 100, after, soon())
        found += page
        if after is None:
            return found
