"""The demo's edits and sentences: what they say is what they ask for."""

import numpy as np
import pytest

from demo_catalog.garments import Garment
from demo_data.attributes import NAMES, garment_vector, wish_vector
from demo_data.edits import Edit, make_edit, sample_family
from demo_data.sentences import Sentence, edit_sentence


@pytest.fixture(scope="module")
def edits() -> list[tuple[Edit, Sentence]]:
    rng = np.random.default_rng(11)
    found = []
    while len(found) < 2000:
        first, second = sample_family(rng, 2)
        edit = make_edit(first, second, rng)
        if edit is not None:
            found.append((edit, edit_sentence(edit, rng)))
    return found


def fits(wish: np.ndarray, garment: Garment) -> bool:
    return int((wish & garment_vector(garment)).sum()) == len(NAMES)


def test_target_satisfies_its_edit_and_the_reference_does_not(
    edits: list[tuple[Edit, Sentence]],
) -> None:
    for edit, sentence in edits:
        wish = wish_vector(sentence.wish)
        assert fits(wish, edit.target), sentence.text
        assert not fits(wish, edit.reference), sentence.text
        assert 1 <= len(edit.named) <= 3
        assert fits(wish_vector(sentence.words_wish), edit.target), sentence.text


def test_what_is_not_edited_must_stay() -> None:
    rng = np.random.default_rng(13)
    reference = Garment("hoodie", "red", sleeve="long", hood=True, pocket=True)
    target = Garment("hoodie", "black", sleeve="long", hood=True, pocket=True)
    edit = make_edit(reference, target, rng)
    assert edit is not None
    assert edit.named == ("color",)
    wish = wish_vector(edit.wish)
    assert fits(wish, target)
    assert not fits(wish, Garment("hoodie", "black", sleeve="short", hood=True, pocket=True))
    assert not fits(wish, Garment("hoodie", "black", sleeve="long", hood=True, pocket=False))
    assert not fits(wish, Garment("hoodie", "blue", sleeve="long", hood=True, pocket=True))


def test_more_than_three_changes_are_no_edit() -> None:
    reference = Garment("t-shirt", "red", sleeve="long", pocket=True)
    target = Garment("t-shirt", "blue", sleeve="short", buttons=True, print="cat")
    assert make_edit(reference, target, np.random.default_rng(0)) is None


def test_relative_words_allow_every_color_on_that_side() -> None:
    reference = Garment("hat", "orange")
    target = Garment("hat", "navy")
    rng = np.random.default_rng(14)
    edit = make_edit(reference, target, rng)
    assert edit is not None
    said = [edit_sentence(edit, rng) for _ in range(400)]
    darker = [sentence for sentence in said if "darker" in sentence.text]
    assert darker
    for sentence in darker:
        wish = wish_vector(sentence.wish)
        assert fits(wish, Garment("hat", "black"))
        assert not fits(wish, Garment("hat", "yellow"))
