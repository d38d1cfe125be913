"""Attributes count by what they show, in one spelling."""

import pytest

from catalog.color.names import COLOR_NAMES, read_color
from catalog.products import Product
from catalog.selection.traits import traits


@pytest.mark.parametrize(
    ("text", "word", "family"),
    [
        ("Navy", "navy", "navy"),
        ("navy blue", "navy", "navy"),
        ("02 Heather Grey", "gray", "gray"),
        ("Light Blue", "light blue", "blue"),
        ("sky blue", "light blue", "blue"),
        ("dark olive green", "dark green", "green"),
        ("BURGUNDY (RED)", "red", "red"),
        ("black/white", "black and white", ""),
        ("white & white", "white", "white"),
        ("네이비", "navy", "navy"),
        ("[블랙] 01", "black", "black"),
        ("라이트 그레이", "light gray", "gray"),
        ("다크그린", "dark green", "green"),
        ("스카이 블루", "light blue", "blue"),
        ("연청", "light blue", "blue"),
        ("카키", "khaki green", "green"),
        ("아이보리 / 블랙", "ivory and black", ""),
    ],
)
def test_a_shops_word_for_a_colour(text: str, word: str, family: str) -> None:
    color = read_color(text)
    assert color is not None
    assert (color.word, color.family) == (word, family)
    assert read_color(color.word) == color, "what is read once more means the same"


@pytest.mark.parametrize("text", ["", "FREE", "오트밀크", "03", "multi", "reddish-brownish?!"])
def test_no_colour_known_here(text: str) -> None:
    assert read_color(text) is None


def test_each_family_reads_as_itself() -> None:
    for name in COLOR_NAMES:
        color = read_color(name)
        assert color is not None
        assert (color.word, color.family, color.shade) == (name, name, "")


def test_traits_are_what_a_picture_shows() -> None:
    product = Product(
        id="a",
        colors=("차콜",),
        sizes=("S", "M"),
        attributes={
            "Sleeve Length": "3/4",
            "has_pockets": "TRUE",
            "소재": "면 100%",
            "패턴": "스트라이프",
            "pattern_color": "Red",
            "kids": "False",
            "collar": "True",
            "neckline": "sweetheart",
            "Style No.": "AB-1",
            "fit": "",
            "print": "x" * 60,
        },
    )
    assert traits(product) == {
        "color": "charcoal",
        "pattern": "striped",
        "pattern color": "red",
        "sleeve": "three-quarter",
        "neckline": "sweetheart",
        "collar": "yes",
        "material": "cotton",
        "pocket": "yes",
        "kids": "no",
    }


def test_colours_on_offer_are_not_the_one_shown() -> None:
    assert traits(Product(id="a", colors=("red", "blue"))) == {}
    assert traits(Product(id="a", color="Mystique")) == {"color": "mystique"}


def test_a_plain_product_has_no_colour_of_its_pattern() -> None:
    plain = Product(id="a", attributes={"pattern": "solid", "pattern_color": "none"})
    assert traits(plain) == {"pattern": "plain"}
