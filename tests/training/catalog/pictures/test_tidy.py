"""One picture of each view, and no placeholders."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.pictures.store import PictureStore
from catalog.pictures.tidy import Tidied, tidy
from catalog.products import Product
from tests.training.catalog.pictures.drawn import drawn, encoded


class Shop:
    """A folder with pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = PictureStore(folder)

    def picture(self, image: Image.Image, quality: int = 85) -> str:
        return self.store.add(encoded(image, "JPEG", quality=quality)).path

    def tidy(self, *products: Product) -> Tidied:
        return tidy(self.folder, products)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def reasons(tidied: Tidied) -> list[tuple[str, str, str]]:
    return [(row.id, row.picture, row.reason) for row in tidied.set_aside]


def test_the_same_bytes_stay_once(shop: Shop) -> None:
    one, two = shop.picture(drawn(1)), shop.picture(drawn(2))
    product = Product("a", images=(one, two, one), snapshots=(two,))
    tidied = shop.tidy(product)
    assert tidied == Tidied((Product("a", images=(one, two)),), ())


def test_of_near_identical_pictures_the_largest_stays_in_the_first_place(shop: Shop) -> None:
    small = shop.picture(drawn(1).resize((120, 160)))
    other = shop.picture(drawn(2))
    large = shop.picture(drawn(1))
    coarse = shop.picture(drawn(1), quality=50)
    tidied = shop.tidy(Product("a", images=(small, other, coarse), snapshots=(large,)))
    assert tidied.products == (Product("a", images=(large, other)),)
    assert reasons(tidied) == [
        ("a", small, "IMAGE_NEAR_IDENTICAL"),
        ("a", coarse, "IMAGE_NEAR_IDENTICAL"),
    ]


def test_the_same_cut_in_another_colour_stays(shop: Shop) -> None:
    """Equal in gray, so that the fingerprints are equal: the colours tell them apart."""

    def shirt(chroma: int) -> str:
        planes = np.stack([np.asarray(drawn(1, mode="L"))] + [np.full((320, 240), 128)] * 2, 2)
        planes[80:240, 60:180, 1] = chroma
        return shop.picture(Image.fromarray(planes.astype(np.uint8), "YCbCr").convert("RGB"), 95)

    colours = (shirt(108), shirt(150))
    assert shop.tidy(Product("a", images=colours)).products[0].images == colours


def test_a_picture_of_many_different_products_is_a_placeholder(shop: Shop) -> None:
    banner, again = shop.picture(drawn(0)), shop.picture(drawn(0), quality=60)
    products = [
        Product(f"{n}", images=(again if n == 3 else banner, shop.picture(drawn(n))))
        for n in range(1, 6)
    ]
    tidied = shop.tidy(*products)
    assert [product.images for product in tidied.products] == [p.images[1:] for p in products]
    assert {reason for _, _, reason in reasons(tidied)} == {"IMAGE_PLACEHOLDER"}
    assert len(tidied.set_aside) == 5
    four = shop.tidy(*products[:4])
    assert four == Tidied(tuple(products[:4]), ())


def test_a_product_without_a_picture_left_is_set_aside(shop: Shop) -> None:
    banner = shop.picture(drawn(0))
    tidied = shop.tidy(
        *(Product(f"{n}", images=(banner,)) for n in range(5)),
        Product("6", images=(shop.picture(drawn(6)),)),
        Product("7"),
    )
    assert [product.id for product in tidied.products] == ["6"]
    assert reasons(tidied)[-1] == ("7", "", "NO_PICTURE")
    assert [reason for _, _, reason in reasons(tidied)].count("NO_PICTURE") == 6


@pytest.mark.parametrize(
    "products",
    [
        [Product(f"{n}", attributes={"item_group_id": "coat"}) for n in range(6)],
        [
            Product(f"{n}", title=f"Wool coat, {size}")
            for n, size in enumerate(["XS", "S", "M", "L", "XL"])
        ],
        [Product(f"{n}", title=f"Coat {n}", sizes=(f"{n}",)) for n in range(36, 44)],
    ],
)
def test_sizes_of_one_product_share_its_picture(shop: Shop, products: list[Product]) -> None:
    coat = shop.picture(drawn(1))
    shown = [replace(product, images=(coat,)) for product in products]
    assert shop.tidy(*shown) == Tidied(tuple(shown), ())


def test_a_large_shop_allows_more_chance(shop: Shop) -> None:
    """Two percent of 500 are 10."""
    banner = shop.picture(drawn(0))
    own = shop.picture(drawn(1))
    sizes = [Product(f"s{n}", images=(own,), attributes={"item_group_id": "1"}) for n in range(491)]
    shared = [Product(f"p{n}", images=(banner,)) for n in range(9)]
    assert shop.tidy(*sizes, *shared).set_aside == ()
    tenth = Product("p9", images=(banner,))
    assert len(shop.tidy(*sizes[1:], *shared, tenth).set_aside) == 20


def test_a_picture_that_is_gone(shop: Shop) -> None:
    kept = shop.picture(drawn(1))
    tidied = shop.tidy(Product("a", images=("images/00/none.jpg", kept)))
    assert tidied.products == (Product("a", images=(kept,)),)
    assert reasons(tidied) == [("a", "images/00/none.jpg", "IMAGE_UNREADABLE")]
