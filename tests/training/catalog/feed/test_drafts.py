"""Columns by their many names, and the values in them."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import CatalogError
from catalog.feed.columns import Columns, match_columns
from catalog.feed.drafts import MAX_ATTRIBUTES, MAX_ROW_BYTES, Draft, draft, fitted
from catalog.feed.formats import Feed
from catalog.feed.rows import Row, RowRefusedError
from catalog.products import Product


def columns(*names: str) -> Columns:
    return match_columns(Feed(Path("feed.csv"), 1, names))


def read(**fields: Any) -> Draft:
    named = {"id": "a1", "label": "coat"} | fields
    return draft(Row("line 2", named), columns(*named))


def reason(**fields: Any) -> str:
    with pytest.raises(RowRefusedError) as caught:
        read(**fields)
    assert caught.value.message.endswith(".")
    return caught.value.reason


def test_the_smallest_feed() -> None:
    assert read() == Draft(Product("a1", category="coat"), (), ())


@pytest.mark.parametrize(
    ("id_name", "category_name"),
    [
        ("id", "category"),
        ("Item ID", "Label"),
        ("item-id", " product_type "),
        ("SKU", "google product category"),
        ("g:id", "g:product_type"),
    ],
)
def test_aliases(id_name: str, category_name: str) -> None:
    row = Row("line 2", {id_name: "a1", category_name: "Coat"})
    assert draft(row, columns(id_name, category_name)).product == Product("a1", category="coat")


def test_a_row_of_google_merchant() -> None:
    fields = {
        "id": "a1",
        "title": "Wool  coat\n",
        "brand": "Nord",
        "google_product_category": "2271",
        "product_type": "Women > Clothing > Coats & Jackets",
        "color": "Navy/Ivory",
        "size": "M",
        "price": "1,299.00 USD",
        "link": "https://shop.example/a1",
        "availability": "out_of_stock",
        "image_link": "a, 1.jpg",
        "additional_image_link": "b.jpg, c.jpg,b.jpg",
        "lifestyle_image_link": "worn.jpg",
        "material": "wool",
        "Sleeve Length": "long",
        "소매": "긴",
    }
    assert draft(Row("line 2", fields), columns(*fields)) == Draft(
        Product(
            id="a1",
            title="Wool coat",
            brand="Nord",
            category="coats & jackets",
            color="Navy",
            colors=("Navy", "Ivory"),
            sizes=("M",),
            price=1299.0,
            currency="USD",
            url="https://shop.example/a1",
            available=False,
            attributes={
                "google_product_category": "2271",
                "material": "wool",
                "sleeve_length": "long",
                "column_16": "긴",
            },
        ),
        images=("a, 1.jpg", "b.jpg", "c.jpg"),
        snapshots=("worn.jpg",),
    )


def test_the_first_name_that_has_a_value_counts() -> None:
    fields = {"id": "", "sku": "s1", "label": " ", "product_type": "Coat"}
    found = draft(Row("line 2", fields), columns(*fields)).product
    assert (found.id, found.category) == ("s1", "coat")


def test_json_values() -> None:
    found = read(
        id=17,
        price=12.5,
        currency="krw",
        available=False,
        sizes=["S", "M", "S"],
        colors=["red", 7],
        images=["a,b.jpg", "c.jpg"],
        snapshots=None,
        title=None,
        kids=True,
        weight=1.5,
        attributes={"sleeve": "long", "Neck Line": ["v", "deep"], "care": {"wash": 30}},
        empty=[],
    )
    assert found.images == ("a,b.jpg", "c.jpg")
    product = found.product
    assert (product.id, product.price, product.currency) == ("17", 12.5, "KRW")
    assert (product.sizes, product.colors, product.color) == (("S", "M"), ("red", "7"), "")
    assert not product.available
    assert product.attributes == {
        "kids": "true",
        "weight": "1.5",
        "sleeve": "long",
        "neck_line": "v, deep",
        "care_wash": "30",
    }


@pytest.mark.parametrize(
    ("told", "amount", "currency"),
    [
        ("12.00 USD", 12.0, "USD"),
        ("129000", 129000.0, ""),
        ("1.299,00 €", 1299.0, "EUR"),
        ("₩129,000", 129000.0, "KRW"),
        ("129,000원", 129000.0, "KRW"),
        ("$5", 5.0, ""),
        ("0", 0.0, ""),
        ("", None, ""),
    ],
)
def test_prices(told: str, amount: float | None, currency: str) -> None:
    product = read(price=told).product
    assert (product.price, product.currency) == (amount, currency)
    with_currency = read(price=told, currency="JPY").product
    assert with_currency.currency == (currency or "JPY")


@pytest.mark.parametrize(
    ("told", "available"),
    [
        ("in stock", True),
        ("preorder", True),
        ("품절 임박", True),
        ("", True),
        ("Out of stock", False),
        ("out_of_stock", False),
        ("https://schema.org/OutOfStock", False),
        ("sold-out", False),
        ("False", False),
        (False, False),
        (True, True),
    ],
)
def test_availability(told: Any, available: bool) -> None:
    assert read(availability=told).product.available is available


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": ""}, "ID_MISSING"),
        ({"id": None}, "ID_MISSING"),
        ({"id": "a/b"}, "PRODUCT_ID_INVALID"),
        ({"id": ".."}, "PRODUCT_ID_INVALID"),
        ({"id": "a\u200bb"}, "PRODUCT_ID_INVALID"),
        ({"id": "a" * 257}, "PRODUCT_ID_INVALID"),
        ({"id": {"x": 1}}, "FIELD_INVALID"),
        ({"id": True}, "FIELD_INVALID"),
        ({"label": " > "}, "CATEGORY_MISSING"),
        ({"label": ""}, "CATEGORY_MISSING"),
        ({"title": {"ko": "코트"}}, "FIELD_INVALID"),
        ({"title": "\ud800"}, "FIELD_INVALID"),
        ({"images": [{"url": "a.jpg"}]}, "FIELD_INVALID"),
        ({"sizes": [["S"], [{}]]}, "FIELD_INVALID"),
        ({"price": "ask us"}, "PRICE_INVALID"),
        ({"price": -1}, "PRICE_INVALID"),
        ({"price": "1" * 400}, "PRICE_INVALID"),
        ({"price": [{}]}, "FIELD_INVALID"),
    ],
)
def test_refused(fields: dict[str, Any], expected: str) -> None:
    assert reason(**fields) == expected


def test_ids_are_of_one_form() -> None:
    assert read(id="cafe\u0301").product.id == "caf\u00e9"


def test_a_product_has_room_in_the_service() -> None:
    many = {f"a{number:02}": "가" * 1000 for number in range(100)}
    long = read(title="x" * 900, sizes=["S" * 9 + str(n) for n in range(99)], **many).product
    assert (len(long.title), len(long.sizes), len(long.attributes)) == (500, 40, MAX_ATTRIBUTES)
    product = fitted(long)
    assert 14_000 < len(json.dumps(product.to_row(), ensure_ascii=False).encode()) <= MAX_ROW_BYTES
    assert list(product.attributes) == [f"a{number:02}" for number in range(9)]
    assert fitted(product) is product
    sizes = replace(long, sizes=tuple(f"{n}" + "가" * 200 for n in range(40)))
    assert (fitted(sizes).sizes, fitted(sizes).title) == ((), long.title)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("title", "label"), "has no column for the id, named one of: id, item_id"),
        (("id", "title"), "has no column for the category, named one of: category, label"),
        (("id", "label", "Sleeve Length", "sleeve-length"), "mean the same"),
    ],
)
def test_columns_that_will_not_do(names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CatalogError, match=sentence):
        columns(*names)


def test_whatever_a_row_says_it_is_a_product_or_refused() -> None:
    """Random values of every JSON kind: what is taken can be written, read back and imported."""
    rng = random.Random(7)
    texts = [
        "",
        " ",
        "coat",
        "a/b",
        "12 USD",
        "-3",
        "1e999",
        "\ud800",
        "\0",
        "코트 > 긴",
        "x" * 9000,
    ]
    names = ("id", "label", "title", "price", "size", "colors", "images", "available", "Any Thing")

    def value(depth: int) -> Any:
        kinds = [None, True, 7, 10**30, 1.5, -2, *texts]
        if depth and rng.random() < 0.3:
            inner = [value(depth - 1) for _ in range(rng.randrange(3))]
            return inner if rng.random() < 0.5 else {f"k{n}": one for n, one in enumerate(inner)}
        return rng.choice(kinds)

    taken = 0
    for _ in range(3000):
        fields = {name: value(3) for name in names if rng.random() < 0.7}
        fields = {"id": "a1", "label": "coat"} | fields
        try:
            product = fitted(draft(Row("line 2", fields), columns(*fields)).product)
        except RowRefusedError:
            continue
        taken += 1
        line = json.dumps(product.to_row(), ensure_ascii=False).encode()
        assert Product.from_row(json.loads(line)) == product
        assert len(line) <= MAX_ROW_BYTES
    assert 300 < taken < 2700
