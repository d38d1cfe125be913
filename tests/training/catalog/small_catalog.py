"""A small catalog with captions, as crawl and caption leave it; pictures are noise."""

import json
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from catalog.pairs import PairKind
from catalog.pictures.store import PictureStore
from catalog.products import Product, write_products
from catalog.structure.captioned import CAPTIONS

COLORS = ("black", "red", "navy", "green")


def noise(seed: int) -> Image.Image:
    """Coarse noise of 96 x 120 pixels: pictures of different seeds are far from each other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 120), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "JPEG", quality: int = 90) -> bytes:
    """The picture's file."""
    stream = BytesIO()
    image.save(stream, format=form, quality=quality)
    return stream.getvalue()


def make_products(
    folder: Path, numbers: Iterable[int], categories: Sequence[str] = ("coat", "jeans")
) -> list[Product]:
    """Products with a picture and a snapshot each; every third picture is a WebP."""
    store = PictureStore(folder)
    products = []
    for number in numbers:
        form = "WEBP" if number % 3 == 0 else "JPEG"
        products.append(
            Product(
                id=f"p{number:03}",
                title=f"Garment {number}",
                category=categories[number % len(categories)],
                color=COLORS[number % len(COLORS)],
                url=f"https://shop.example/p/{number}",
                images=(store.add(encoded(noise(2 * number), form)).path,),
                snapshots=(store.add(encoded(noise(2 * number + 1))).path,),
                attributes={"sleeve": "long" if number % 2 else "short"},
            )
        )
    return products


def caption_row(kind: PairKind, reference: Product, target: Product) -> dict[str, object]:
    """A line of captions.jsonl."""
    snapshot = kind is PairKind.SNAPSHOT
    return {
        "kind": kind.value,
        "category": target.category,
        "reference": reference.snapshots[0] if snapshot else reference.images[0],
        "target": target.images[0],
        "reference_id": reference.id,
        "target_id": target.id,
        "captions": [f"is {target.color}", f"shows the {target.color} {target.category} alone"],
        "captioner": "attributes:v1",
    }


def write_catalog(folder: Path, products: Sequence[Product], *, apart: int = 2) -> None:
    """Products, a snapshot question for each, and one for each two of a category."""
    write_products(folder, products)
    rows = [caption_row(PairKind.SNAPSHOT, product, product) for product in products]
    rows += [
        caption_row(PairKind.PRODUCT, reference, target)
        for reference, target in zip(products, products[apart:], strict=False)
        if reference.category == target.category
    ]
    write_captions(folder, rows)


def write_captions(folder: Path, rows: Iterable[dict[str, object]]) -> None:
    """Replace captions.jsonl."""
    (folder / CAPTIONS).write_text("".join(json.dumps(row) + "\n" for row in rows))
