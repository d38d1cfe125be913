"""Prices, currencies and availability as shops write them."""

import pytest

from catalog.crawl.reading.values import (
    clean,
    currency_of,
    distinct,
    read_availability,
    read_price,
    split_list,
)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("129000", "KRW", (129000.0, "KRW")),
        ("129,000원", "", (129000.0, "KRW")),
        ("₩ 129,000", "", (129000.0, "KRW")),
        ("1.299", "EUR", (1.299, "EUR")),
        ("1.299,00 €", "", (1299.0, "EUR")),
        ("£12.50", "", (12.5, "GBP")),
        ("$12.50", "", (12.5, "")),
        ("$12.50", "USD", (12.5, "USD")),
        (89.9, "eur", (89.9, "EUR")),
        ("on request", "EUR", (None, "")),
        ("", "", (None, "")),
        ("inf", "EUR", (None, "")),
    ],
)
def test_prices(value: object, hint: str, expected: tuple[float | None, str]) -> None:
    assert read_price(value, hint) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["https://schema.org/InStock"], True),
        (["http://schema.org/OutOfStock", "http://schema.org/InStock"], True),
        (["OutOfStock", "SoldOut"], False),
        (["in stock"], True),
        (["out of stock"], False),
        (["oos"], False),
        (["who knows"], None),
        ([], None),
    ],
)
def test_availability(texts: list[str], expected: bool | None) -> None:
    assert read_availability(texts) is expected


def test_texts() -> None:
    assert clean(" a\x00b\n\tc ") == "a b c"
    assert len(clean("x" * 10_000)) == 500
    assert distinct(["Black", "", "black", "white"]) == ("Black", "white")
    assert split_list("black, ivory|navy; red") == ["black", "ivory", "navy", "red"]
    assert currency_of("krw") == "KRW"
    assert currency_of("$") == ""
