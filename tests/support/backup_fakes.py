"""A shop of fakes to back up and restore, for tests of the use cases."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.backup.embedding import PictureEmbedder
from gateway.backup.folder import BackupFolder
from gateway.backup.making import Backup, Made
from gateway.backup.manifest import Model
from gateway.backup.reading import OpenBackup
from gateway.backup.restoring import Restore, Restored
from gateway.pictures import PictureWorkshop
from retrieval.domain import (
    Deadline,
    F32Array,
    IndexedProduct,
    PictureShelf,
    Pooled,
    Product,
    Restoring,
    Scan,
    Tuning,
)
from retrieval.errors import DependencyBroken
from tests.support.fake_encoder import BUNDLE, FakeEncoder
from tests.support.fake_image_store import MemoryImageStore
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import FIELDS, unit

SIZES = BUNDLE.sizes
MODEL = Model(
    name=BUNDLE.name,
    digest=BUNDLE.digest,
    query_tokens=SIZES.query_tokens,
    embed_dim=SIZES.embed_dim,
)
TUNING = Tuning(
    Pooled(300),
    recall=0.995,
    products=9,
    sample=20,
    audited_at_s=1.7e9,
    image_only_route=Scan(),
)


def soon() -> Deadline:
    return Deadline.after(60)


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (16, 16), (number % 256, number // 256, 5))


def picture_file(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def files(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The files of a folder that fit, in order."""
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def tokens_of(number: int) -> F32Array:
    """Tokens [K, D] that belong to one picture, as float16 holds them."""
    random = np.random.default_rng(number)
    tokens = unit(random.normal(size=(SIZES.query_tokens, SIZES.embed_dim)))
    return tokens.astype(np.float16).astype(np.float32)


class Silent:
    """The progress that nobody looks at."""

    def begin(self, work: str, total: int) -> None:
        pass

    def add(self, products: int) -> None:
        pass

    def end(self) -> None:
        pass


@dataclass
class FakeShop:
    """An index, an image store, and what backs them up and restores them.

    Attributes:
        part_products: products in a file of a backup.
        embeds: whether a restore computes the tokens anew.
    """

    index: FakeIndex = field(default_factory=lambda: FakeIndex(FIELDS))
    images: MemoryImageStore = field(default_factory=MemoryImageStore)
    model: Model = MODEL
    now_s: float = 1_790_000_000.0
    part_products: int = 40
    embeds: bool = False
    encoder: FakeEncoder = field(default_factory=FakeEncoder)

    async def add(self, numbers: Sequence[int], *, catalog: str = "default") -> None:
        """Import products; each has the picture of its number."""
        for number in numbers:
            await self.add_one(f"p{number}", number, catalog=catalog)

    async def add_one(self, product_id: str, picture_number: int, *, catalog: str) -> None:
        """As an import does it: the picture first, then the product that shows it."""
        sha256 = await self.images.put(picture(picture_number), soon())
        product = Product(
            id=product_id,
            title=f"{product_id} №",
            attributes={"color": "red", "price": picture_number / 3, "picture": picture_number},
            catalog=catalog,
            image_sha256=sha256,
            image_width=16,
            image_height=16,
            updated_at_s=1.7e9 + picture_number,
            source_sha256=f"{picture_number:064x}",
        )
        await self.index.put([IndexedProduct(product, tokens_of(picture_number))], soon())

    async def everything(self) -> dict[tuple[str, str], tuple[Product, bytes]]:
        """All products with the bytes of their tokens."""
        found, after = {}, None
        while True:
            page = await self.index.page(after, soon())
            for item in page.products:
                key = (item.product.catalog, item.product.id)
                found[key] = (item.product, item.tokens.tobytes())
            if (after := page.following) is None:
                return found

    def pictures(self) -> dict[str, bytes]:
        """Kept pictures by name."""
        kept = self.images.shelves[PictureShelf.KEPT]
        return {name: content for name, (content, _) in kept.items()}

    async def back_up(self, target: Path, *, tokens: bool = True) -> Made:
        backup = Backup(
            self.index,
            self.index,
            self.images,
            self.model,
            now=lambda: self.now_s,
            part_products=self.part_products,
        )
        return await backup.run(BackupFolder(target), Silent(), tokens=tokens)

    async def restore(
        self, source: Path, name: str | None = None, *, into_existing: bool = False
    ) -> Restored:
        workshop = PictureWorkshop(2)
        embedder = PictureEmbedder(self.encoder, workshop, BUNDLE) if self.embeds else None
        try:
            restore = Restore(self.index, self.index, self.index, self.images, self.model, embedder)
            backup = OpenBackup(BackupFolder(source), name)
            return await restore.run(backup, Silent(), into_existing=into_existing)
        finally:
            workshop.close()

    def other_model(self) -> "FakeShop":
        """An empty shop that serves another model."""
        return FakeShop(model=replace_digest(self.model))


def replace_digest(model: Model) -> Model:
    return model.model_copy(update={"digest": "f" * 64})


class Counting(FakeIndex):
    """Counts what is put, and fails after so many calls of `put` as it is told."""

    def __init__(self) -> None:
        super().__init__(FIELDS)
        self.calls = 0
        self.fails_after: int | None = None
        self.notes: list[Restoring | None] = []

    async def put(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        if self.calls == self.fails_after:
            raise DependencyBroken(dependency="qdrant")
        self.calls += 1
        await super().put(products, deadline)

    async def note(self, restoring: Restoring | None, deadline: Deadline) -> None:
        self.notes.append(restoring)
        await super().note(restoring, deadline)


@dataclass
class Fresh(FakeShop):
    """An empty shop to restore into."""

    index: Counting = field(default_factory=Counting)


async def assert_embedded(shop: FakeShop, other: FakeShop) -> None:
    """The same products and pictures; equal pictures have equal tokens, others have not."""
    before, after = await shop.everything(), await other.everything()
    assert {key: product for key, (product, _) in after.items()} == {
        key: product for key, (product, _) in before.items()
    }
    assert other.pictures() == shop.pictures()
    by_picture = {product.image_sha256: tokens for product, tokens in after.values()}
    assert len(set(by_picture.values())) == len(by_picture)
    assert all(by_picture[product.image_sha256] == tokens for product, tokens in after.values())


async def backed_up(target: Path) -> FakeShop:
    """A shop of 130 products in two catalogs, whose backup, of four parts, lies in a folder."""
    shop = FakeShop()
    await shop.add(range(100))
    await shop.add(range(90, 120), catalog="autumn")
    await shop.index.keep(TUNING, soon())
    await shop.back_up(target)
    return shop
