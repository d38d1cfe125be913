"""The list of products that every command of the catalog shares."""

import json
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.products import PRODUCTS, Product, read_products, write_products

COAT = Product(
    id="a1",
    title="울 코트",
    category="coat",
    colors=("black", "ivory"),
    price=129000.0,
    currency="KRW",
    images=("images/ab/ab01.jpg",),
    snapshots=("images/cd/cd01.jpg",),
    attributes={"sleeve": "long"},
)


def test_products_come_back_as_they_were_written(tmp_path: Path) -> None:
    sold_out = Product(id="A0", available=False)
    write_products(tmp_path, [COAT, sold_out])
    assert read_products(tmp_path) == (sold_out, COAT)


def test_a_row_is_one_of_the_indexers(tmp_path: Path) -> None:
    row = COAT.to_row()
    assert (row["id"], row["title"], row["image"]) == ("a1", "울 코트", "images/ab/ab01.jpg")
    assert row["sleeve"] == "long"
    assert "url" not in row


@pytest.mark.parametrize("line", ["{", "[]", '{"title": "no id"}', '{"id": "a", "sizes": [1]}'])
def test_a_line_that_is_no_product_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / PRODUCTS).write_text(json.dumps(COAT.to_row()) + "\n" + line + "\n")
    with pytest.raises(CatalogError, match="line 2 is no product"):
        read_products(tmp_path)


def test_no_list(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="does not exist"):
        read_products(tmp_path)
