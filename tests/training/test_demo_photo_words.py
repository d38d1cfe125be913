"""Words about photos: they name what is asked for, and nothing that was not."""

import re

import numpy as np
import pytest

from demo_data.words.colors import COLORS
from demo_data.words.garments import NOUNS, with_article
from demo_data.words.photos import CATEGORY_OF_LABEL, photo_description, photo_edit

CASES = [
    ("dress", "navy", "skirt"), ("pants", "beige", "t-shirt"), ("coat", "red", None),
    ("longsleeve", "gray", "hat"),
]  # fmt: skip


def says(text: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", text.lower()) for word in words)


def test_every_label_has_words() -> None:
    assert set(CATEGORY_OF_LABEL.values()) <= set(NOUNS)


@pytest.mark.parametrize(("label", "color", "same"), CASES)
def test_an_edit_names_what_changes(label: str, color: str, same: str | None) -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        text = photo_edit(rng, label=label, color=color, same=same)
        assert says(text, NOUNS[label]), text
        assert says(text, COLORS[color]), text
        assert says(photo_edit(rng, color=color, same=same), COLORS[color])
        text = photo_edit(rng, label=label, same=same)
        assert says(text, NOUNS[label]), text
        others = [word for word in COLORS if word not in ("black", color)]
        assert not says(text, tuple(others)), text


@pytest.mark.parametrize(("label", "color", "same"), CASES)
def test_a_description_names_what_there_is(label: str, color: str, same: str | None) -> None:
    rng = np.random.default_rng(6)
    texts = [photo_description(rng, label, color) for _ in range(200)]
    assert all(says(text, NOUNS[label]) and says(text, COLORS[color]) for text in texts)
    assert len(set(texts)) > 100
    assert says(photo_description(rng, label), NOUNS[label])


def test_a_seed_gives_the_same_words() -> None:
    first, second = (photo_edit(np.random.default_rng(7), color="red") for _ in range(2))
    assert first == second


def test_an_edit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a label or a color"):
        photo_edit(np.random.default_rng(0), same="dress")


def test_articles() -> None:
    assert with_article("orange dress") == "an orange dress"
    assert with_article("dress", "ivory") == "an ivory dress"
    assert with_article("jeans", "blue") == "blue jeans"
    assert with_article("nude pair of pants") == "a nude pair of pants"
    assert with_article("outerwear") == "outerwear"
