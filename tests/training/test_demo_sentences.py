"""The demo's edits and sentences: what they say is what they ask for."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from demo_catalog import garments
from demo_catalog.garments import COLOR_NAMES, Garment, sample_garment
from demo_data.attributes import NAMES, Wish, garment_vector, wish_vector
from demo_data.edits import Edit, make_edit, sample_family
from demo_data.words.colors import COLORS, SHARED, VIVID
from demo_data.words.garments import NOUNS
from demo_data.words.lexicon import PATTERN_ADJECTIVES, PRINTS
from demo_data.words.sentences import Sentence, description, edit_sentence


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


COLORLESS = Garment("t-shirt", "black", sleeve="short")
REMOVED = re.compile(
    r"\b(no|zero|not|without|sans|missing|removed|gone|doesn't|don't|never|must go|remove|drop|lose"
    r"|get rid of|take off|take away|leave out|ditch|delete|omit|cut out|forget|erase)\b"
    r"|(pocket|button|print|logo)s?less"
)
NO_POCKET = re.compile(
    r"(no|zero|sans|without( a| the| any)?|drop the|like the|mind the) pocket|pocketless"
    r"|pockets? (removed|must go|gone)"
)


def said(reference: Garment, target: Garment, count: int = 400) -> list[tuple[str, Wish]]:
    """An edit in many words, lower-cased, with what each asks for."""
    rng = np.random.default_rng(14)
    edit = make_edit(reference, target, rng)
    assert edit is not None
    sentences = [edit_sentence(edit, rng) for _ in range(count)]
    return [(sentence.text.lower(), sentence.wish) for sentence in sentences]


def names(text: str, words: Iterable[str]) -> bool:
    return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in words)


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("darker", {"black", "navy", "brown", "purple", "red", "blue", "green"}),
        ("dark color", {"black", "navy", "brown", "purple"}),
        ("not ", set(COLOR_NAMES) - {"orange"}),
        ("different color", set(COLOR_NAMES) - {"orange"}),
        ("midnight blue", {"navy"}),
    ],
)
def test_a_color_by_comparison_allows_all_that_are_so(word: str, right: set[str]) -> None:
    found = [
        (text, wish) for text, wish in said(Garment("hat", "orange"), Garment("hat", "navy"), 2000)
        if word in text and not (word == "not " and names(text, COLORS["navy"]))
    ]  # fmt: skip
    assert found
    for text, wish in found:
        assert wish["color"] == right, text


def test_brighter_and_more_colorful_are_vivid() -> None:
    for text, wish in said(Garment("hat", "gray"), Garment("hat", "pink"), 2000):
        if "colorful" in text:
            assert wish["color"] == VIVID, text
        if "brighter" in text:
            assert wish["color"] == {"pink", "yellow"}, text
        if "lighter" in text:
            assert wish["color"] == {"pink", "yellow", "white"}, text


@pytest.mark.parametrize("color", COLOR_NAMES)
def test_an_exact_color_is_named_and_a_shared_word_allows_what_it_means(color: str) -> None:
    target = replace(COLORLESS, color=color)
    reference = replace(COLORLESS, color="white" if color == "black" else "black")
    for text, wish in said(reference, target):
        shared = [word for word in SHARED if names(text, [word])]
        if shared:
            assert wish["color"] == SHARED[shared[0]], text
        else:
            assert (len(wish["color"]) == 1) <= names(text, COLORS[color]), text


@pytest.mark.parametrize("name", ["pocket", "buttons", "print"])
def test_what_is_gone_is_negated_and_what_comes_is_not(name: str) -> None:
    value = "cat" if name == "print" else True
    changed = replace(COLORLESS, **{name: value})
    for text, wish in said(changed, COLORLESS):
        assert REMOVED.search(text), text
        assert wish[name] == {None if name == "print" else False}
    for text, wish in said(COLORLESS, changed):
        assert not REMOVED.search(text), text
        any_print = name == "print" and not names(text, PRINTS["cat"])
        assert wish[name] == (set(garments.PRINTS) if any_print else {value}), text


def test_a_pattern_that_is_not_wanted_may_be_any_other() -> None:
    striped = replace(COLORLESS, pattern="striped", pattern_color="white")
    words = "|".join(PATTERN_ADJECTIVES["striped"])
    negated = re.compile(rf"(not|isn't|no longer|anything but|i don't want it) ({words})\b")
    seen = 0
    for text, wish in said(striped, COLORLESS):
        if negated.search(text):
            assert wish["pattern"] == {"plain", "checked", "dotted", "floral"}, text
            assert fits(wish_vector(wish), COLORLESS)
            assert fits(wish_vector(wish), replace(striped, pattern="dotted")), text
            assert not fits(wish_vector(wish), striped)
            seen += 1
        else:
            assert wish["pattern"] == {"plain"}, text
    assert seen > 10


def test_lengths_by_comparison() -> None:
    short = Garment("dress", "red", length="short", sleeve="none")
    compared = 0
    for text, wish in said(short, replace(short, length="knee")):
        if names(text, ["longer", "not as short"]):
            assert wish["length"] == {"knee", "long"}, text
            compared += 1
        else:
            assert wish["length"] == {"knee"}, text
        assert "revealing" not in text, "a dress may show more by its sleeves, too"
    assert compared > 10
    for text, wish in said(short, replace(short, sleeve="long")):
        assert wish["length"] == {"short"}
        assert (wish["sleeve"] == {"short", "long"}) >= ("longer" in text), text


def test_a_description_says_what_it_asks_for() -> None:
    rng = np.random.default_rng(15)
    for _ in range(1500):
        garment = sample_garment(rng)
        sentence = description(garment, rng)
        text, wish = sentence.text.lower(), sentence.wish
        assert fits(wish_vector(wish), garment), text
        if "category" in wish:
            assert names(text, NOUNS[garment.category]), text
        if wish.get("print", {None}) != {None}:
            assert names(text, PRINTS[str(garment.print)]), text
        if len(wish.get("color", ())) == 1:
            assert names(text, COLORS[garment.color]), text
        if "pocket" in wish:
            assert "pocket" in text
            assert garment.pocket != bool(NO_POCKET.search(text)), text


def test_sentences_are_of_many_kinds() -> None:
    found = said(COLORLESS, replace(COLORLESS, color="red", pocket=True), 3000)
    texts = [text for text, _ in found]
    assert len(set(texts)) > 2500
    beginnings = Counter(text.split(" ")[0] for text in texts)
    assert {"is", "has", "the", "make", "i", "red"} <= set(beginnings)
    assert max(beginnings.values()) < 0.3 * len(texts)
    assert np.median([len(text.split()) for text in texts]) in range(5, 12)
